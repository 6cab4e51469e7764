"""Signing for an AWS_IAM function URL, as a plain callable.

httpx and httpx2 both accept `auth=callable`, in synchronous and asynchronous clients, and each refuses the other's Auth
class; so a callable serves both, and whatever is built on them. Only `host` and `content-type` of the caller's headers
are signed: a proxy on the way may touch the others.
"""

import os
import re
from collections.abc import Callable, Iterable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from botocore.exceptions import BotoCoreError

from sluice_client.signature import AccessKey, Scope, WireRequest, signing_headers

SIGNED_HEADERS = ("host", "content-type")
VIRTUAL_KEY, KEY_HEADER = "slu_", "x-sluice-key"
FUNCTION_URL_HOST = re.compile(r"\.lambda-url\.(?P<region>[a-z0-9-]+)\.on\.aws$")

NO_CREDENTIALS = (
    "no AWS credentials found; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
    "or sign in with `aws sso login`"
)


class SigningError(Exception):
    """The request cannot be signed. The message says what is missing."""


class FrozenCredentials(Protocol):
    @property
    def access_key(self) -> str | None: ...
    @property
    def secret_key(self) -> str | None: ...
    @property
    def token(self) -> str | None: ...


class Credentials(Protocol):
    """Credentials that may be temporary: frozen ones are fresh and belong together."""

    def get_frozen_credentials(self) -> FrozenCredentials: ...


class Session(Protocol):
    """A botocore or a boto3 session."""

    def get_credentials(self) -> Credentials | None: ...


class Request(Protocol):
    """What httpx.Request and httpx2.Request have in common; the types of their attributes are each library's own."""

    method: str
    url: Any
    headers: Any
    stream: Any

    def read(self) -> bytes: ...


AnyRequest = TypeVar("AnyRequest", bound=Request)


class FunctionUrlAuth:
    """Signs each request for a function URL with AuthType AWS_IAM (Signature Version 4, service `lambda`).

    With the OpenAI SDK, whose `api_key` is then a dummy (identity is the AWS principal):

        import httpx2, openai
        from sluice_client import FunctionUrlAuth

        client = openai.OpenAI(
            base_url="https://<url-id>.lambda-url.<region>.on.aws/v1",
            api_key="unused",
            http_client=httpx2.Client(auth=FunctionUrlAuth(), timeout=900),
        )

    `openai.AsyncOpenAI` takes `httpx2.AsyncClient(auth=FunctionUrlAuth())`; `httpx.Client` and `httpx.AsyncClient` work
    alike. `anthropic.Anthropic` and `anthropic.AsyncAnthropic` take httpx2's clients in the same place, and a base_url
    without `/v1`. The SDK's own `Authorization: Bearer ...` is replaced and never sent; a virtual key of Sluice in it
    (`slu_...`) goes into `x-sluice-key`, so that `api_key` may be one.

    Credentials come from `session` (botocore or boto3), by default from the usual chain: environment, profile, SSO,
    container, instance. They are asked for anew for each request, so temporary ones are refreshed; an asynchronous
    client waits while that happens. The region is the given one, else the function URL's own, else the session's, else
    AWS_REGION. Bodies must be in memory: Lambda wants their hash before their first byte.
    """

    def __init__(
        self,
        region: str | None = None,
        session: Session | None = None,
        service: str = "lambda",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._session = session or default_session()
        self._region = region
        self._service = service
        self._now = now
        self._credentials = _credentials(self._session)

    def __call__(self, request: AnyRequest) -> AnyRequest:
        body = _body(request)
        _keep_virtual_key(request.headers)
        _write_spaces_as_percent_20(request)
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        headers = {name: request.headers[name] for name in SIGNED_HEADERS if name in request.headers}
        scope = Scope(self._now(), self._region_for(request.url.host), self._service)
        wire = WireRequest(request.method, path, query, headers, body)
        _replace(request.headers, signing_headers(wire, _access_key(self._credentials), scope))
        return request

    def _region_for(self, host: str) -> str:
        region = self._region or url_region(host) or session_region(self._session)
        if not region:
            raise SigningError(
                f"no region to sign for: {host} does not name one; set AWS_REGION or pass FunctionUrlAuth(region=...)"
            )
        return region


def url_region(host: str) -> str | None:
    """The region that a function URL's host names; None for any other host."""
    found = FUNCTION_URL_HOST.search(host)
    return found["region"] if found else None


def session_region(session: Session) -> str | None:
    """The region a botocore or boto3 session is set to, else AWS_REGION (which botocore itself does not read)."""
    ask = getattr(session, "get_config_variable", None)
    region = ask("region") if ask else getattr(session, "region_name", None)
    return region or os.environ.get("AWS_REGION")


def default_session() -> Session:
    import botocore.session  # here, since it costs more than the rest of this package together

    return botocore.session.get_session()


def _credentials(session: Session) -> Credentials:
    try:
        credentials = session.get_credentials()
    except BotoCoreError as error:
        raise SigningError(f"AWS credentials cannot be loaded: {error}") from error
    if credentials is None:
        raise SigningError(NO_CREDENTIALS)
    return credentials


def _access_key(credentials: Credentials) -> AccessKey:
    try:
        frozen = credentials.get_frozen_credentials()
    except BotoCoreError as error:
        raise SigningError(f"AWS credentials cannot be refreshed: {error}; sign in again (`aws sso login`)") from error
    if not frozen.access_key or not frozen.secret_key:
        raise SigningError(NO_CREDENTIALS)
    return AccessKey(frozen.access_key, frozen.secret_key, frozen.token)


def _body(request: Request) -> bytes:
    if "transfer-encoding" in request.headers or not isinstance(request.stream, Iterable):
        raise SigningError(
            "a streamed request body cannot be signed: the signature needs its hash first; "
            "pass the body as bytes, str or json="
        )
    return request.read()


def _keep_virtual_key(headers: MutableMapping[str, str]) -> None:
    """Where an SDK's `api_key` is a virtual key it is Authorization's, whose place the signature takes."""
    word = (headers.get("authorization", "").split() or [""])[-1]
    if word.startswith(VIRTUAL_KEY):
        headers.setdefault(KEY_HEADER, word)


def _write_spaces_as_percent_20(request: Request) -> None:
    """`+` for a space is a convention of forms that signature checks do not share; `%20` means a space to everybody."""
    query = request.url.query
    if b"+" in query:
        request.url = request.url.copy_with(query=query.replace(b"+", b"%20"))


def _replace(headers: MutableMapping[str, str], new: dict[str, str]) -> None:
    headers.pop("x-amz-security-token", None)
    headers.update(new)
