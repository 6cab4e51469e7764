"""A gateway in one process with several providers, and a route to any of their models."""

from typing import Any

import httpx
from tests.fakes.gateway import SECRET, Gateway, made

from sluice.domain.call import Target
from sluice.domain.route import Leg, Route
from sluice.domain.timeouts import Timeouts
from sluice.provider_settings import ProviderSettings
from sluice.routing.selection import Selection
from sluice.surfaces import paths
from sluice.surfaces.application import Application
from sluice.surfaces.calls import Calls
from sluice.surfaces.cloudflare import Api, Cloudflare

COMPLETION = {
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5},
}
KINDS = {"openai": "openai", "second": "openai", "bedrock": "bedrock"}


class Several(Gateway):
    """A gateway of three providers, two of which are OpenAI's, with a route `smart`."""

    def __init__(self, *models: str, **route: Any) -> None:
        legs = tuple(Leg(Target(*model.split("/", 1))) for model in models)
        self.routes = {"smart": Route("smart", legs, **route)}
        super().__init__(lambda _: httpx.Response(200, json=COMPLETION))

    def _application(self, _: dict[str, Any]) -> Application:
        client = httpx.Client(transport=httpx.MockTransport(self._send))
        providers = {name: _settings(name, kind) for name, kind in KINDS.items()}
        selection = Selection(providers, self.routes)
        pipeline = self._pipeline(selection, {name: made(one, client) for name, one in providers.items()})
        names = Cloudflare({name: Api(kind) for name, kind in KINDS.items()}, frozenset(self.routes))
        calls = Calls(pipeline, self.hand.clock, names)
        served = paths.surfaces(calls, selection, (), 0, {"bedrock": "us-east-1"}, {})
        routes = paths.routes(served, None)
        return Application(routes, self.telemetry, self.hand.clock, paths.PATHS, paths.errors(None))


def _settings(name: str, kind: str) -> ProviderSettings:
    url = f"https://{name}.invalid" + ("" if kind == "bedrock" else "/v1")
    return ProviderSettings(name, kind, url, None if kind == "bedrock" else SECRET, Timeouts())
