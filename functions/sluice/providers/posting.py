"""One POST to a provider, and what an answer other than 200 means; the same for every kind."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from sluice import VERSION
from sluice.domain.errors import InvalidJson, UpstreamAuth, UpstreamError, UpstreamProtocol
from sluice.providers.upstream import Upstream
from sluice.providers.watch import Watch

MAX_ERROR_BYTES = 64 * 1024
HEADERS = {
    "content-type": "application/json",
    "accept": "*/*",
    "accept-encoding": "identity",
    "user-agent": f"sluice/{VERSION}",
}
NO_KEY = "the provider refused the gateway's key; put a valid one into its secret"

Refuse = Callable[[Upstream, bytes], UpstreamError]


def encoded(body: Mapping[str, Any]) -> bytes:
    """The JSON for a provider. Raises InvalidJson when the caller's text cannot be written as UTF-8."""
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise InvalidJson("the body holds a lone surrogate, which no UTF-8 text can") from None


def post(
    client: httpx.Client, url: httpx.URL, payload: bytes, headers: Mapping[str, str], watch: Watch, refuse: Refuse
) -> Upstream:
    """Returns once an answer with status 200 has begun. Raises UpstreamError, with what `refuse` makes of a refusal.

    The connection is kept where the body of the refusal could be read.
    """
    request = httpx.Request("POST", url, content=payload, headers=dict(headers), extensions={"watch": watch})
    upstream = Upstream(client.send(request, stream=True))
    if upstream.status == 200:
        return upstream
    try:
        error = _refusal(upstream, refuse)
        error.upstream_status = upstream.status
        raise error
    finally:
        upstream.close()


def key_refused(words: str = NO_KEY) -> UpstreamAuth:
    """Our credentials are not the caller's business to mend, so their client need not try again."""
    return UpstreamAuth(words, headers={"x-should-retry": "false"})


def error_object(body: bytes) -> dict[str, Any]:
    """The object in a refusal's body, {} where it is none."""
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return {}
    if isinstance(value, list) and len(value) == 1:  # Gemini's are in a list
        value = value[0]
    return value if isinstance(value, dict) else {}


def _refusal(upstream: Upstream, refuse: Refuse) -> UpstreamError:
    if not 400 <= upstream.status <= 599:
        return UpstreamProtocol(f"the provider answered {upstream.status}, which is not followed")
    return refuse(upstream, _body(upstream))


def _body(upstream: Upstream) -> bytes:
    """The body of a refusal, b"" where it cannot be read: the status is what counts."""
    try:
        return upstream.read(MAX_ERROR_BYTES)
    except UpstreamError:
        return b""
