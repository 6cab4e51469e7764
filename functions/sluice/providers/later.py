"""A provider that is loaded when a call first needs it: an environment that never asks it does not pay for it."""

from collections.abc import Callable, Mapping

from sluice.domain.call import ModelRequest, Target
from sluice.provider_settings import ProviderSettings
from sluice.providers.plan import Plan, Provider
from sluice.providers.upstream import Answered
from sluice.providers.watch import Watch


class Later:
    """Stands for the provider that `load` makes, once."""

    def __init__(self, settings: ProviderSettings, load: Callable[[], Provider]) -> None:
        self.settings = settings
        self._load = load
        self._loaded: Provider | None = None

    def plan(self, target: Target, request: ModelRequest) -> Plan:
        return self._provider.plan(target, request)

    def open(self, plan: Plan, key: str | None, watch: Watch) -> Answered:
        return self._provider.open(plan, key, watch)

    def passed(self, headers: Mapping[str, str]) -> dict[str, str]:
        return self._provider.passed(headers)

    def request_id(self, headers: Mapping[str, str]) -> str | None:
        return self._provider.request_id(headers)

    @property
    def _provider(self) -> Provider:
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded
