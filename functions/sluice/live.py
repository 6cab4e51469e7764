"""The configuration in force: whoever pushes another one changes every environment without a deployment.

Strategy: before a call, at most every `config_seconds`, the pointer in the table is read. Where it names another
version than the one that runs, that one is read, checked and built beside the old, and takes its place for this call
and those after it; the bodies of calls under way stay with what made them. Nothing that fails here fails a call: the
last good configuration stays, and what is wrong with the other one is told, again and again while it is in force.

An environment that has just started knows only the file that it was deployed with, whose policies may not be those in
force: until it has once been told which version is, its calls are refused. Where that version is no good to it, the
last good one is for it the version before.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from sluice.domain.clock import Clock
from sluice.domain.errors import Misconfigured
from sluice.settings import Settings, pushed
from sluice.stores.configurations import DEPLOYED, ConfigurationUnread, Pointer
from sluice.surfaces.application import UNDECIDED
from sluice.telemetry import Telemetry

LOOK_SECONDS = 0.3  # of waiting for the pointer, before a call
FIRST_LOOK_SECONDS = 1.0  # a new environment connects to the table first, as the ledger would for it
READ_SECONDS = 1.0  # of waiting for a version, once after a push
UNREAD_SECONDS = 5.0  # until the table is asked again after it did not answer
REFUSED_SECONDS = 120.0  # until a refused version is looked at again, and told of again
REFUSED, UNREAD = "sluice.config_refused", "sluice.config_unread"
REFUSALS = "ConfigRefused"  # the metric that the template's alarm watches

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class Versions(Protocol):
    """The configurations that were pushed. Both raise ConfigurationUnread, `text` Misconfigured too."""

    def current(self, seconds: float) -> Pointer: ...

    def text(self, chosen: Pointer, seconds: float) -> str: ...


class Live:
    """The Lambda handler of the configuration in force. `version` is its number, 0 for the file that was deployed.

    `make` builds a handler; what has to survive another configuration it takes from elsewhere.
    """

    def __init__(
        self,
        first: Settings,
        make: Callable[[Settings], Handler],
        versions: Versions,
        clock: Clock,
        telemetry: Telemetry,
        parse: Callable[[str], Settings] = pushed,
    ) -> None:
        self._first = first
        self._make = make
        self._versions = versions
        self._clock = clock
        self._telemetry = telemetry
        self._parse = parse
        self._handler = make(first)
        self._running = DEPLOYED
        self._refused: tuple[Pointer, float] | None = None
        self._is_new = True
        self._is_undecided = False
        self._looked_at, self._wait_seconds = self._moment(), 0.0

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        if self._first.config_seconds and self._is_due():
            self._look()
        return self._handler({**event, UNDECIDED: True} if self._is_undecided else event, context)

    @property
    def version(self) -> int:
        return self._running.version

    def _moment(self) -> tuple[float, float]:
        return self._clock.monotonic(), self._clock.now()

    def _is_due(self) -> bool:
        """By either clock: whether one goes on while Lambda has frozen an environment is not promised."""
        passed = (now - then for now, then in zip(self._moment(), self._looked_at, strict=True))
        return max(passed) >= self._wait_seconds

    def _look(self) -> None:
        """Asks for the version in force, and takes it over where it is another one."""
        try:
            self._follow(self._versions.current(FIRST_LOOK_SECONDS if self._is_new else LOOK_SECONDS))
            self._is_new = self._is_undecided = False
            self._wait_seconds = self._first.config_seconds
        except ConfigurationUnread as error:
            self._telemetry.trouble(UNREAD, {"error": str(error), "running": self.version})
            self._is_undecided = self._is_new
            self._wait_seconds = 0.0 if self._is_new else min(UNREAD_SECONDS, self._first.config_seconds)
        self._looked_at = self._moment()

    def _follow(self, found: Pointer) -> None:
        if _is_same(found, self._running):
            self._refused = None
        elif not self._is_refused(found) and not self._took(found) and self._is_new and found.previous:
            refused = self._refused
            self._took(found.previous)
            self._refused = refused

    def _is_refused(self, found: Pointer) -> bool:
        if self._refused is None or not _is_same(found, self._refused[0]):
            return False
        return self._clock.monotonic() < self._refused[1]

    def _took(self, chosen: Pointer) -> bool:
        """False where it is no good. It counts as refused before it is tried: no defect is to be met by each call."""
        self._refused = chosen, self._clock.monotonic() + REFUSED_SECONDS
        try:
            self._handler = self._make(self._settings(chosen))
        except ConfigurationUnread:
            self._refused = None
            raise
        except Misconfigured as error:
            self._tell(chosen, error)
            return False
        self._running, self._refused = chosen, None
        return True

    def _settings(self, chosen: Pointer) -> Settings:
        if chosen.version == DEPLOYED.version:
            return self._first
        return replace(self._parse(self._versions.text(chosen, READ_SECONDS)), version=chosen.version)

    def _tell(self, chosen: Pointer, error: Misconfigured) -> None:
        fields = {"version": chosen.version, "error": error.message, "running": self.version}
        self._telemetry.alarm(REFUSED, REFUSALS, {"table": self._first.table}, fields)


def _is_same(one: Pointer, other: Pointer) -> bool:
    return one.version == other.version and (one.version == DEPLOYED.version or one.sha256 == other.sha256)
