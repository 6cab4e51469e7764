"""A gateway in one process that is configured as a real one is, with a scripted provider of each name."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from tests.fakes.gateway import PRICE, Gateway, made

from sluice.domain.call import Target
from sluice.domain.price import Price, Priced
from sluice.routing.selection import Selection
from sluice.settings import Settings, settings
from sluice.surfaces import paths
from sluice.surfaces.application import Application
from sluice.surfaces.calls import Calls
from sluice.surfaces.cloudflare import Api, Cloudflare

SSE = {"content-type": "text/event-stream"}
Answer = Callable[[httpx.Request], httpx.Response]
ASK: dict[str, Any] = {"model": "smart", "messages": [{"role": "user", "content": "hi"}]}
SMART = {"smart": {"targets": [{"model": "a/one"}, {"model": "b/two"}]}}
ALONE = {"smart": {"targets": [{"model": "a/one"}]}}


def configured(names: Mapping[str, Any], **document: Any) -> Settings:
    """Settings with a compatible provider of each name, or what stands for it there."""
    tables = {name: {"kind": "compatible", "base_url": f"https://{name}.invalid/v1"} for name in names}
    document["providers"] = tables | document.get("providers", {})
    return settings(document, {"SLUICE_TABLE": "sluice-test"})


class Routed(Gateway):
    """`answers` are what each provider does, by its name; `prices` by `provider/model`, PRICE where none is said.

    The rest is a configuration. `asked` are the providers that were asked, in order.
    """

    def __init__(
        self, answers: Mapping[str, Answer], prices: Mapping[str, Price | None] | None = None, **document: Any
    ) -> None:
        self.prices = prices or {}
        self._answers = answers
        super().__init__(self._answer, settings=configured(answers, **document))

    @property
    def asked(self) -> list[str]:
        return [str(request.url.host).removesuffix(".invalid") for request in self.requests]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        return self._answers[str(request.url.host).removesuffix(".invalid")](request)

    def _application(self, given: dict[str, Any]) -> Application:
        found: Settings = given["settings"]
        client = httpx.Client(transport=httpx.MockTransport(self._send))
        selection = Selection(found.providers, found.routes, found.targets, found.retry)
        policed = {"policies": found.policies, "access": found.access, "patterns": found.patterns}
        providers = {name: made(one, client) for name, one in found.providers.items()}
        pipeline = self._pipeline(selection, providers, policed)
        names = Cloudflare({name: Api(one.kind) for name, one in found.providers.items()}, frozenset(found.routes))
        calls = Calls(pipeline, self.hand.clock, names)
        served = paths.surfaces(calls, selection, (), 0, {}, {})
        return Application(paths.routes(served, None), self.telemetry, self.hand.clock, paths.PATHS, paths.errors(None))

    def _price(self, target: Target) -> Priced:  # type: ignore[override]
        return Priced(self.prices.get(str(target), PRICE), f"prices-of-{target.provider}")


def completion(model: str = "m") -> dict[str, Any]:
    message = {"role": "assistant", "content": "Hello"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    return {"model": model, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}


def good(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=completion(json.loads(request.content)["model"]))


def refusing(status: int, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: httpx.Response(status, json={"error": {"message": "no"}}, headers=named)


def failing(error: Exception, *, is_sent: bool = False) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        request.extensions["watch"].has_sent = is_sent
        raise error

    return answer


def in_turn(*answers: Answer) -> Answer:
    """One answer after the other, the last one for ever."""
    left = list(answers)
    return lambda request: (left.pop(0) if len(left) > 1 else left[0])(request)


def attempts(gateway: Routed) -> list[tuple[str, int | None]]:
    return [(one.provider, one.http_status) for one in gateway.ledger.settled[0].attempts]
