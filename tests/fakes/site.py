"""A gateway of any providers in one process, behind Cloudflare's prefix too, and what each of them was asked."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from typing import Any

import httpx
from tests.fakes.gateway import SECRET, Context, Gateway, event, made

from sluice.answer import Body
from sluice.domain.errors import GatewayError
from sluice.domain.policy import Policy
from sluice.domain.route import Route
from sluice.domain.timeouts import Timeouts
from sluice.provider_settings import Azure, ProviderSettings
from sluice.routing.selection import Selection
from sluice.surfaces import paths
from sluice.surfaces.application import Application
from sluice.surfaces.application import Route as FrontRoute
from sluice.surfaces.calls import Calls
from sluice.surfaces.cloudflare import Api, Cloudflare

WITHOUT_V1 = ("bedrock", "azure")
MESSAGES = [{"role": "user", "content": "hi"}]
CHAT = {"model": "gpt-5-mini", "messages": MESSAGES}
COMPLETION = {
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5},
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 10, "output_tokens": 5},
}
CONVERSED = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15},
}
WELL = {"anthropic": MESSAGE, "bedrock": CONVERSED}  # what each kind answers; all others a completion


def host(request: httpx.Request) -> str:
    return request.url.host.removesuffix(".invalid")


def _told(body: Body) -> Iterator[bytes]:
    """Its pieces, and its end, whether it breaks off or not."""
    with suppress(GatewayError), closing(body):
        yield from body


class Site(Gateway):
    """`providers` are the changes to the settings of each, by name; its kind is its name, or openai.

    Each is at a host of its own name, and answers well but where `answers` say otherwise. `table` is the routing table.
    """

    def __init__(
        self,
        providers: Mapping[str, Mapping[str, Any]],
        answers: Mapping[str, httpx.Response | Exception] | None = None,
        routes: Sequence[Route] = (),
        prefix: str | None = None,
        policies: Sequence[Policy] = (),
    ) -> None:
        self.named = {name: _settings(name, changes) for name, changes in providers.items()}
        self.answers = dict(answers or {})
        self._routes, self._prefix = {route.name: route for route in routes}, prefix
        self._policed, self.table = {"policies": policies}, tuple[FrontRoute, ...]()
        super().__init__(self._answer)

    @property
    def asked(self) -> list[str]:
        """The provider of each request, in order."""
        return list(map(host, self.requests))

    def ask(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """An answer, whole: its `body` is text."""
        answer = self.handler(event("POST", path, dict(headers or {}), body=json.dumps(body)), Context())
        if not isinstance(answer["body"], str):
            answer = {**answer, "body": b"".join(_told(answer["body"])).decode("utf-8", "replace")}
        return answer

    def _answer(self, request: httpx.Request) -> httpx.Response:
        name = host(request)
        found = self.answers.get(name)
        if isinstance(found, Exception):
            raise found
        if found is None:
            return httpx.Response(200, json=WELL.get(self.named[name].kind, COMPLETION))
        return httpx.Response(found.status_code, headers=found.headers, content=found.content)

    def _application(self, _: dict[str, Any]) -> Application:
        client, named = httpx.Client(transport=httpx.MockTransport(self._send)), self.named
        selection = Selection(named, self._routes)
        pipeline = self._pipeline(selection, {name: made(one, client) for name, one in named.items()}, self._policed)
        keys = [name for name, one in named.items() if one.caller_keys]
        apis = {name: Api(one.kind, one.preset) for name, one in named.items()}
        cloudflare = Cloudflare(apis, self._routes, keys, self._prefix)
        calls = Calls(pipeline, self.hand.clock, cloudflare)
        regions = {name: one.region or "us-east-1" for name, one in named.items() if one.kind == "bedrock"}
        resources = {one.azure.resource: name for name, one in named.items() if one.azure}
        self.table = paths.routes(paths.surfaces(calls, selection, (), 0, regions, resources), self._prefix)
        errors = paths.errors(self._prefix)
        return Application(self.table, self.telemetry, self.hand.clock, paths.PATHS, errors, cloudflare)


def _settings(name: str, changes: Mapping[str, Any]) -> ProviderSettings:
    kind = changes.get("kind", name if name in ("anthropic", "bedrock", "azure") else "openai")
    url = f"https://{name}.invalid" + ("" if kind in WITHOUT_V1 else "/v1")
    known = {
        "kind": kind,
        "secret": None if kind == "bedrock" else SECRET,
        "timeouts": Timeouts(),
        "azure": Azure(name) if kind == "azure" else None,
    }
    return ProviderSettings(name=name, base_url=url, **{**known, **changes})
