"""Signing of a boto3 `bedrock-runtime` client for a function URL with AuthType AWS_IAM.

botocore signs for the service its model names, which Lambda refuses. Two events per request change that and nothing
else: `choose-signer` keeps Signature Version 4 where a Bedrock API key in the environment would be sent in its place,
`before-sign` names service and region. Both events are described in
https://docs.aws.amazon.com/boto3/latest/guide/events.html. Paths stay as botocore encodes them: a model id's `:` and
`/` go out as %3A and %2F, and the signature is over that text encoded once more, as for every service but S3.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from sluice_client.function_url import SigningError, url_region

if TYPE_CHECKING:
    from botocore.awsrequest import AWSRequest
    from botocore.client import BaseClient

SERVICE = "bedrock-runtime"
SIGNING_NAME = "lambda"
SIGNATURE_VERSION = "v4"
AMAZON_HOSTS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".api.amazonwebservices.com.cn")

AnyClient = TypeVar("AnyClient", bound="BaseClient")


def attach(client: AnyClient, region: str | None = None) -> AnyClient:
    """Makes a `bedrock-runtime` client of boto3 or botocore sign for the function URL it points at, and returns it.

        import boto3
        from sluice_client import attach

        client = attach(boto3.client("bedrock-runtime", endpoint_url="https://<url-id>.lambda-url.<region>.on.aws"))
        client.converse(modelId="amazon.nova-micro-v1:0", messages=[...])

    All of its operations sign so from now on, its credentials stay its own, and other clients of the same session are
    left alone. The region is the given one, else the function URL's own, else the client's. Attaching once more is
    harmless; the last region counts. Raises SigningError for a client of another service, or one that calls AWS itself.
    """
    _check(client)
    scope = {"signing_name": SIGNING_NAME, "region": region or _region(client)}

    def choose_signer(**_: Any) -> str:
        return SIGNATURE_VERSION

    def before_sign(request: "AWSRequest", **_: Any) -> None:
        request.context["signing"] = {**request.context.get("signing", {}), **scope}

    _handle(client, "choose-signer", choose_signer)
    _handle(client, "before-sign", before_sign)
    return client


def _handle(client: "BaseClient", event: str, handler: Callable[..., Any]) -> None:
    """In the place of the handler that an earlier attach() left."""
    name, unique_id = f"{event}.{SERVICE}", f"sluice-{event}"
    client.meta.events.unregister(name, unique_id=unique_id)
    client.meta.events.register_first(name, handler, unique_id=unique_id)


def _check(client: "BaseClient") -> None:
    model = getattr(getattr(client, "meta", None), "service_model", None)
    if model is None:
        raise SigningError(f"attach() takes a boto3 {SERVICE} client, not a {type(client).__name__}")
    if model.service_name != SERVICE:
        raise SigningError(f"attach() takes a boto3 {SERVICE} client, not one of {model.service_name}")
    host = _host(client)
    if host.endswith(AMAZON_HOSTS):
        raise SigningError(f"the client calls {host}; make it with endpoint_url= the function URL, then attach it")


def _region(client: "BaseClient") -> str:
    return url_region(_host(client)) or client.meta.region_name


def _host(client: "BaseClient") -> str:
    return urlsplit(client.meta.endpoint_url).hostname or ""
