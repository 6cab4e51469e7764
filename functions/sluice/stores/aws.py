"""Clients for DynamoDB and Secrets Manager, made once per environment and ready for their first call.

One retry layer, ours: the SDK's is off. Timeouts are short, because a call waits for the ledger; a slow answer is
retried or refused rather than awaited. botocore without boto3 (12 ms of CPU less), arguments not validated (their
shapes are tested on real engines), no account id in the host name, so that there is one host to keep a connection to.
Proxies of the environment are not used.
https://docs.aws.amazon.com/botocore/latest/reference/config.html
"""

import logging
import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any, NamedTuple, Protocol, cast

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import NoCredentialsError
from botocore.httpsession import get_cert_path
from botocore.session import Session

from sluice.stores.rows import Batches, DynamoDB
from sluice.stores.secrets import SecretsManager
from sluice.stores.service_models import ServiceModels
from sluice.stores.wire import Body, Wire

SECRETS_MANAGER_SECONDS = 2.0  # it decrypts first; with connecting and our retries, a call has its answer within 3 s
CONFIG = Config(
    retries={"total_max_attempts": 1, "mode": "standard"},
    parameter_validation=False,
    account_id_endpoint_mode="disabled",
)


class Table(DynamoDB, Batches, Protocol):
    """All that is asked of DynamoDB."""


class Clients(NamedTuple):
    """The clients of one environment, which serves one call at a time: they are not shared between threads.

    `credentials` gives those of the function's role. What `dynamodb` is asked within `dynamodb_within` so many seconds
    times out with them.
    """

    dynamodb: Table
    secretsmanager: SecretsManager
    credentials: Callable[[], Any]
    dynamodb_within: Callable[[float], AbstractContextManager[None]]


def clients(region: str | None = None, context: ssl.SSLContext | None = None, table_name: str = "warm") -> Clients:
    """Both clients, warm for this table. `context` has root certificates loaded; without it, the SDK's are read.

    No network: an environment must start where AWS cannot be reached, and say so per call.
    """
    session = new_session()
    tls = context or trust(session)
    wire = Wire(tls)
    return Clients(
        dynamodb(session, region, wire, table_name=table_name),
        secretsmanager(session, region, Wire(tls, read_seconds=SECRETS_MANAGER_SECONDS)),
        session.get_credentials,
        wire.within,
    )


def new_session() -> Session:
    """A session that reads our services' models only, and never asks instance metadata, which a Lambda has not."""
    logging.getLogger("botocore").setLevel(logging.INFO)  # at DEBUG it prints secrets and session tokens (P03)
    session = Session()
    session.register_component("data_loader", ServiceModels())
    session.get_component("credential_provider").remove("iam-role")
    return session


def trust(session: Session) -> ssl.SSLContext:
    """The root certificates the SDK would trust, parsed once."""
    return ssl.create_default_context(cafile=get_cert_path(session.get_config_variable("ca_bundle") or True))


def dynamodb(
    session: Session, region: str | None, wire: Wire, endpoint_url: str | None = None, table_name: str = "warm"
) -> Table:
    client: Any = session.create_client("dynamodb", region_name=region, endpoint_url=endpoint_url, config=CONFIG)
    key = {"pk": {"S": "warm"}, "sk": {"S": "R"}}
    warm(client, lambda: client.put_item(TableName=table_name, Item=key))
    warm(client, lambda: client.update_item(TableName=table_name, Key=key, UpdateExpression="REMOVE opk"))
    attach(client, wire)
    return cast(Table, client)


def secretsmanager(session: Session, region: str | None, wire: Wire, endpoint_url: str | None = None) -> SecretsManager:
    client: Any = session.create_client("secretsmanager", region_name=region, endpoint_url=endpoint_url, config=CONFIG)
    warm(client, lambda: client.get_secret_value(SecretId="warm"))
    attach(client, wire)
    return cast(SecretsManager, client)


def attach(client: Any, wire: Callable[..., AWSResponse]) -> None:
    """From here on the client's requests go through `wire`."""
    client.meta.events.register("before-send", wire)


def warm(client: Any, call: Callable[[], Any]) -> None:
    """Makes a call that is answered on the spot, so that what the SDK builds at its first call is built now."""
    client.meta.events.register("before-send", canned)
    with suppress(NoCredentialsError):  # which the first real call says again
        call()
    client.meta.events.unregister("before-send", canned)


def canned(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
    headers: Any = {}
    return AWSResponse(request.url, 200, headers, Body(b"{}"))
