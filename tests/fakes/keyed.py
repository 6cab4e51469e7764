"""A gateway of providers of every kind in one process that knows virtual keys: their rows are in a table in memory."""

from collections.abc import Sequence
from random import Random
from typing import Any

import httpx
from tests.fakes.gateway import alias, made
from tests.fakes.site import Site
from tests.unit.stores.key_rows import SHOWN, item
from tests.unit.stores.memory_table import MemoryTable

from sluice.domain.policy import Policy
from sluice.policy.access import Access
from sluice.policy.authentication import Authentication
from sluice.routing.selection import Selection
from sluice.stores.keys import Keys
from sluice.surfaces import paths
from sluice.surfaces.application import Application
from sluice.surfaces.calls import Calls
from sluice.surfaces.cloudflare import Api, Cloudflare

KINDS = ("openai", "anthropic", "bedrock", "azure")
ROUTES = (alias("mini", "openai/gpt-5-mini"), alias("big", "anthropic/claude-haiku-4-5"))
PREFIX = "/v1/account/gateway"
MODELS = ("mini", "big", "openai/gpt-5", "anthropic/claude-haiku-4-5")


class KeyedSite(Site):
    """With one key, of which `row` says more. All providers but Bedrock take callers' own keys too."""

    def __init__(self, policies: Sequence[Policy] = (), answers: Any = None, **row: Any) -> None:
        self.rows = MemoryTable()
        self.put(SHOWN, **row)
        own = {name: {"caller_keys": True} if name != "bedrock" else {} for name in KINDS}
        super().__init__(own, answers, ROUTES, PREFIX, policies)

    def put(self, shown: str, **row: Any) -> None:
        stored = item(shown, **row)
        self.rows.items[stored["pk"]["S"]] = stored

    @property
    def written(self) -> str:
        """All that is left of calls: sent, logged, recorded, reported."""
        sent = [(str(one.url), list(one.headers.items()), one.content) for one in self.requests]
        return repr((sent, self.ledger, self.telemetry.calls, self.telemetry.troubles, self.owners, self.limits))

    def _application(self, _: dict[str, Any]) -> Application:
        clock, client = self.hand.clock, httpx.Client(transport=httpx.MockTransport(self._send))
        selection, built = Selection(self.named, self._routes), {n: made(one, client) for n, one in self.named.items()}
        access, keys = Access(self._policed["policies"]), Keys(self.rows, "ledger", clock, Random(0))
        apis = {name: Api(one.kind) for name, one in self.named.items()}
        cloudflare = Cloudflare(apis, self._routes, [name for name in KINDS if name != "bedrock"], self._prefix)
        pipeline = self._pipeline(selection, built, self._policed)
        calls = Calls(pipeline, clock, cloudflare, Authentication(keys), access.may_use)
        served = paths.surfaces(calls, selection, MODELS, 1_795_000_000, {"bedrock": "us-east-1"}, {"azure": "azure"})
        self.table = paths.routes(served, self._prefix)
        errors = paths.errors(self._prefix)
        return Application(self.table, self.telemetry, clock, paths.PATHS, errors, cloudflare)
