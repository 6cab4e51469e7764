"""OpenAI, and every provider that speaks its dialect.

https://platform.openai.com/docs/api-reference. One POST per call; the body is the caller's own JSON with the model
replaced and, for a stream, usage asked for. Every failure becomes the UpstreamError that says what it was; a body
that repeats the key is replaced by our words. Anthropic's Messages are translated into chat.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from sluice.codecs.dialects import dialect
from sluice.domain.call import ModelRequest, Target
from sluice.domain.errors import InvalidRequest, UnsupportedParameter, UpstreamError, UpstreamRefused
from sluice.domain.operation import CHAT, COUNT_MESSAGES, MESSAGES, OPERATIONS
from sluice.provider_settings import ProviderSettings
from sluice.providers import guardrail
from sluice.providers.plan import Plan
from sluice.providers.posting import HEADERS, encoded, error_object, key_refused, post
from sluice.providers.upstream import Upstream
from sluice.providers.watch import Watch

PASSED_HEADERS = ("retry-after", "retry-after-ms", "openai-processing-ms", "openai-version")
PASSED_PREFIX = "x-ratelimit-"
REQUEST_ID_HEADER = "x-request-id"
BETAS = "anthropic-beta"  # features of Messages, which have no place in chat
TOLD = ("message", "type", "param", "code")


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

    def plan(self, target: Target, request: ModelRequest) -> Plan:
        """Raises InvalidRequest for what this provider does not serve, or may not be asked for."""
        guardrail.refuse(request)
        if request.operation is COUNT_MESSAGES:
            words = "tokens of Messages are counted for Claude only; ask for a model of Anthropic's"
            raise UnsupportedParameter(words, param="model")
        if request.operation is MESSAGES:
            return translated_plan(self.settings, target, request)
        check(self.settings, request)
        return plan(self.settings, target, request)

    def open(self, plan: Plan, key: str | None, watch: Watch) -> Upstream:
        """Posts to an operation; returns once an answer with status 200 has begun. Raises UpstreamError."""

        def refuse(upstream: Upstream, body: bytes) -> UpstreamError:
            return refusal(upstream, body, key)

        return post(self.client, self.url(plan.path), plan.payloads[0], _headers(key), watch, refuse)

    def passed(self, headers: Mapping[str, str]) -> dict[str, str]:
        return passed_headers(headers)

    def request_id(self, headers: Mapping[str, str]) -> str | None:
        return headers.get(REQUEST_ID_HEADER)


def plan(settings: ProviderSettings, target: Target, request: ModelRequest) -> Plan:
    """The caller's own words for a provider that speaks them."""
    changes: dict[str, Any] = {"model": target.model}
    asks_for_usage = _asks_for_usage(settings, request)
    if asks_for_usage:
        changes["stream_options"] = {**(request.body.get("stream_options") or {}), "include_usage": True}
    payload = encoded(_adapted(settings, request.changed(**changes)))
    return Plan(request.operation.path, (payload,), dialect(request.operation.dialect), drops_usage=asks_for_usage)


def translated_plan(settings: ProviderSettings, target: Target, request: ModelRequest) -> Plan:
    """A call of another dialect as a chat completion."""
    from sluice.providers.translations import spoken  # only a call that is translated pays for it

    body, warnings, translation = spoken(request.operation.dialect, "chat", request.body, target.family_model)
    body["model"] = target.model
    if not settings.usage:
        body.pop("stream_options", None)
    if request.headers.get(BETAS):
        warnings = (*warnings, BETAS)
    payload = encoded(_adapted(settings, body))
    return Plan(CHAT.path, (payload,), dialect("chat"), translation, warnings=warnings)


def check(settings: ProviderSettings, request: ModelRequest) -> None:
    """Raises InvalidRequest for what a provider does not serve, or may not be asked for."""
    path = request.operation.path
    served = OPERATIONS.keys() if settings.quirks.operations is None else settings.quirks.operations
    if path not in served:
        words = f"the provider {settings.name} does not serve {path}; it serves {', '.join(sorted(served))}"
        raise InvalidRequest(words, param="model")
    check_stored(settings, request)


def check_stored(settings: ProviderSettings, request: ModelRequest) -> None:
    """Raises InvalidRequest for an object of the operator's that a caller names."""
    if request.stored_object and not settings.stored_objects:
        words = f"{request.stored_object} names an object stored at the provider, which this gateway does not share"
        raise InvalidRequest(f"{words}; send the content itself", param=request.stored_object)


def _asks_for_usage(settings: ProviderSettings, request: ModelRequest) -> bool:
    """Whether usage is asked for on the caller's behalf, so that its chunk has to be taken out again."""
    takes = request.operation.takes_usage_option and settings.usage
    return takes and request.is_stream and not request.wants_usage


def _adapted(settings: ProviderSettings, body: dict[str, Any]) -> dict[str, Any]:
    """The body with this provider's names for fields, and without those it refuses."""
    quirks = settings.quirks
    if not (quirks.renames or quirks.drops):
        return body
    kept = {name: value for name, value in body.items() if name not in quirks.drops}
    for ours, theirs in quirks.renames.items():
        if ours in kept:
            kept.setdefault(theirs, kept.pop(ours))
    return kept


def _headers(key: str | None) -> dict[str, str]:
    return HEADERS if key is None else {**HEADERS, "authorization": f"Bearer {key}"}


def passed_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The provider's headers a caller may see: an allow-list, so that nothing of the account leaks."""
    return {name: value for name, value in headers.items() if name in PASSED_HEADERS or name.startswith(PASSED_PREFIX)}


def refusal(upstream: Upstream, body: bytes, key: str | None) -> UpstreamError:
    """What an answer of 4xx or 5xx means."""
    if upstream.status == 401:
        return key_refused()
    error = UpstreamRefused(f"the provider answered {upstream.status}", headers=passed_headers(upstream.headers))
    error.status = upstream.status
    found = error_object(body).get("error")
    if isinstance(found, dict) and not (key and key.encode() in body):
        error.body = body
        error.told = {name: str(found[name]) for name in TOLD if found.get(name) is not None}
    return error
