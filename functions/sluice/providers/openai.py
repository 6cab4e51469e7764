"""OpenAI, and every provider that speaks its dialect.

https://platform.openai.com/docs/api-reference. One POST per call; the body is the caller's own JSON with the model
replaced and, for a stream, usage asked for. Every failure becomes the UpstreamError that says what it was; a body
that repeats the key is replaced by our words.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from sluice import VERSION
from sluice.domain.call import ModelRequest, Target
from sluice.domain.errors import (
    InvalidJson,
    InvalidRequest,
    UpstreamAuth,
    UpstreamError,
    UpstreamProtocol,
    UpstreamRefused,
)
from sluice.domain.operation import CHAT
from sluice.providers.upstream import Upstream
from sluice.providers.watch import Watch
from sluice.settings import ProviderSettings

MAX_ERROR_BYTES = 64 * 1024
PASSED_HEADERS = ("retry-after", "retry-after-ms", "openai-processing-ms", "openai-version")
PASSED_PREFIX = "x-ratelimit-"
HEADERS = {
    "content-type": "application/json",
    "accept": "*/*",
    "accept-encoding": "identity",
    "user-agent": f"sluice/{VERSION}",
}


@dataclass(frozen=True, slots=True)
class Provider:
    """One configured provider of this dialect."""

    settings: ProviderSettings
    client: httpx.Client
    urls: dict[str, httpx.URL] = field(default_factory=dict)  # parsed once: httpx takes 25 us to parse one

    @classmethod
    def of(cls, settings: ProviderSettings, client: httpx.Client) -> "Provider":
        provider = cls(settings, client)
        provider.url(CHAT.path)
        return provider

    def url(self, path: str) -> httpx.URL:
        if path not in self.urls:
            self.urls[path] = httpx.URL(f"{self.settings.base_url}/{path}")
        return self.urls[path]

    @property
    def name(self) -> str:
        return self.settings.name

    def asks_for_usage(self, request: ModelRequest) -> bool:
        """Whether usage is asked for on the caller's behalf, so that its chunk has to be taken out again."""
        takes = request.operation.takes_usage_option and self.settings.usage
        return takes and request.is_stream and not request.wants_usage

    def check(self, request: ModelRequest) -> None:
        """Raises InvalidRequest for what this provider does not serve, or may not be asked for."""
        served, path = self.settings.quirks.operations, request.operation.path
        if served is not None and path not in served:
            words = f"the provider {self.name} does not serve {path}; it serves {', '.join(sorted(served))}"
            raise InvalidRequest(words, param="model")
        if request.stored_object and not self.settings.stored_objects:
            words = f"{request.stored_object} names an object stored at the provider, which this gateway does not share"
            raise InvalidRequest(f"{words}; send the content itself", param=request.stored_object)

    def payload(self, target: Target, request: ModelRequest) -> bytes:
        """The JSON for the provider. Raises InvalidJson when the caller's text cannot be written as UTF-8."""
        changes: dict[str, Any] = {"model": target.model}
        if self.asks_for_usage(request):
            changes["stream_options"] = {**(request.body.get("stream_options") or {}), "include_usage": True}
        try:
            return json.dumps(
                self._adapted(request.changed(**changes)), ensure_ascii=False, separators=(",", ":")
            ).encode()
        except UnicodeEncodeError:
            raise InvalidJson("the body holds a lone surrogate, which no UTF-8 text can") from None

    def _adapted(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body with this provider's names for fields, and without those it refuses."""
        quirks = self.settings.quirks
        if not (quirks.renames or quirks.drops):
            return body
        kept = {name: value for name, value in body.items() if name not in quirks.drops}
        for ours, theirs in quirks.renames.items():
            if ours in kept:
                kept.setdefault(theirs, kept.pop(ours))
        return kept

    def open(self, path: str, payload: bytes, key: str | None, watch: Watch) -> Upstream:
        """Posts to an operation; returns once an answer with status 200 has begun. Raises UpstreamError."""
        request = httpx.Request(
            "POST", self.url(path), content=payload, headers=_headers(key), extensions={"watch": watch}
        )
        upstream = Upstream(self.client.send(request, stream=True))
        if upstream.status == 200:
            return upstream
        try:
            error = _refusal(upstream, key)
            error.upstream_status = upstream.status
            raise error
        finally:
            upstream.close()


def _headers(key: str | None) -> dict[str, str]:
    return HEADERS if key is None else {**HEADERS, "authorization": f"Bearer {key}"}


def passed_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The provider's headers a caller may see: an allow-list, so that nothing of the account leaks."""
    return {name: value for name, value in headers.items() if name in PASSED_HEADERS or name.startswith(PASSED_PREFIX)}


def _refusal(upstream: Upstream, key: str | None) -> UpstreamError:
    """What an answer other than 200 means. The connection is kept where its body could be read."""
    if not 400 <= upstream.status <= 599:
        return UpstreamProtocol(f"the provider answered {upstream.status}, which is not followed")
    body = _error_bytes(upstream)
    if upstream.status == 401:
        words = "the provider refused the gateway's key; put a valid one into its secret"
        return UpstreamAuth(words, headers={"x-should-retry": "false"})
    error = UpstreamRefused(f"the provider answered {upstream.status}", headers=passed_headers(upstream.headers))
    error.status = upstream.status
    error.body = body if _is_error(body) and not (key and key.encode() in body) else None
    return error


def _error_bytes(upstream: Upstream) -> bytes:
    """The body of a refusal, b"" where it cannot be read: the status is what counts."""
    try:
        return upstream.read(MAX_ERROR_BYTES)
    except UpstreamError:
        return b""


def _is_error(body: bytes) -> bool:
    """Whether a body is an error in OpenAI's shape."""
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return False
    if isinstance(value, list) and len(value) == 1:  # Gemini's are in a list
        value = value[0]
    return isinstance(value, dict) and isinstance(value.get("error"), dict)
