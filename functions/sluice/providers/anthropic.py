"""Anthropic's own API: its surface passes through, and chat and Responses are translated into Messages.

https://platform.claude.com/docs/en/api/messages. One POST per call, with the gateway's key; the caller's
`anthropic-version` and `anthropic-beta` go along as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from sluice.codecs.dialects import dialect
from sluice.domain.call import ModelRequest, Target
from sluice.domain.errors import InvalidRequest, UpstreamError, UpstreamRefused, UpstreamReported
from sluice.domain.operation import CHAT, COUNT_MESSAGES, MESSAGES, RESPONSES
from sluice.provider_settings import ProviderSettings
from sluice.providers import guardrail
from sluice.providers.openai import check_stored
from sluice.providers.plan import Plan
from sluice.providers.posting import HEADERS, encoded, error_object, key_refused, post
from sluice.providers.translations import spoken
from sluice.providers.upstream import Upstream
from sluice.providers.watch import Watch

VERSION = "2023-06-01"
VERSION_HEADER, BETA_HEADER = "anthropic-version", "anthropic-beta"
PASSED_HEADERS = ("retry-after", "request-id")
PASSED_PREFIX = "anthropic-ratelimit-"
SERVED = (MESSAGES, COUNT_MESSAGES, CHAT, RESPONSES)
# https://platform.claude.com/docs/en/api/errors; whose key is refused is the gateway, not its caller
STATUSES = {
    "invalid_request_error": 400,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}


@dataclass(frozen=True, slots=True)
class Anthropic:
    """One configured provider of this kind."""

    settings: ProviderSettings
    client: httpx.Client
    urls: dict[str, httpx.URL] = field(default_factory=dict)

    def plan(self, target: Target, request: ModelRequest) -> Plan:
        if request.operation not in SERVED:
            words = f"the provider {self.settings.name} does not serve {request.operation.path}"
            raise InvalidRequest(f"{words}; it serves {', '.join(one.path for one in SERVED)}", param="model")
        guardrail.refuse(request)
        check_stored(self.settings, request)
        if request.operation in (MESSAGES, COUNT_MESSAGES):
            payload = encoded(request.changed(model=target.model))
            named = {name: request.headers[name] for name in (VERSION_HEADER, BETA_HEADER) if name in request.headers}
            spoken_in = dialect(request.operation.dialect)
            return Plan(request.operation.path, (payload,), spoken_in, headers=named, failure=failure)
        return self._translated(target, request)

    def _translated(self, target: Target, request: ModelRequest) -> Plan:
        found = spoken(request.operation.dialect, "messages", request.body, target.family_model)
        body = {**found.body, "model": target.model}
        if request.is_stream:
            body["stream"] = True
        payload, read_as = encoded(body), dialect("messages")
        return Plan(MESSAGES.path, (payload,), read_as, found.translation, warnings=found.warnings, failure=failure)

    def open(self, plan: Plan, key: str | None, watch: Watch) -> Upstream:
        def refuse(upstream: Upstream, body: bytes) -> UpstreamError:
            return refusal(upstream, body, key)

        headers = {**HEADERS, VERSION_HEADER: VERSION, **plan.headers, **({"x-api-key": key} if key else {})}
        return post(self.client, self._url(plan.path), plan.payloads[0], headers, watch, refuse)

    def _url(self, path: str) -> httpx.URL:
        if path not in self.urls:
            self.urls[path] = httpx.URL(f"{self.settings.base_url}/{path}")
        return self.urls[path]

    def passed(self, headers: Mapping[str, str]) -> dict[str, str]:
        return passed_headers(headers)

    def request_id(self, headers: Mapping[str, str]) -> str | None:
        return headers.get("request-id")


def passed_headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name in PASSED_HEADERS or name.startswith(PASSED_PREFIX)}


def refusal(upstream: Upstream, body: bytes, key: str | None) -> UpstreamError:
    """What an answer of 4xx or 5xx means."""
    if upstream.status == 401:
        return key_refused()
    error = UpstreamRefused(f"the provider answered {upstream.status}", headers=passed_headers(upstream.headers))
    error.status, error.dialect = upstream.status, "anthropic"
    found = error_object(body).get("error")
    if isinstance(found, dict) and not (key and key.encode() in body):
        error.body = body
        error.told = _told(found)
    return error


def failure(chunk: Mapping[str, Any]) -> UpstreamReported:
    """An error event of the stream, as ours."""
    found = chunk.get("error")
    told = _told(found if isinstance(found, dict) else {})
    error = UpstreamReported(told["message"] or "the provider reported an error under status 200")
    error.status = STATUSES.get(told["type"] or "", 502)
    error.type = told["type"] or error.type
    return error


def _told(found: Mapping[str, Any]) -> dict[str, str | None]:
    kind = str(found.get("type") or "")
    code = "rate_limit_exceeded" if kind == "rate_limit_error" else None
    return {"message": str(found.get("message") or ""), "type": kind, "param": None, "code": code}
