import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.fakes.configurations import ConfigTable, toml
from tests.unit.stores.calls import HandClock
from tests.unit.stores.memory_table import lost

from sluice.domain.errors import Misconfigured
from sluice.live import FIRST_LOOK_SECONDS, LOOK_SECONDS, REFUSED_SECONDS, UNREAD_SECONDS, Live
from sluice.settings import Settings, pushed
from sluice.stores.configurations import POINTER, Configurations, sort_key
from sluice.surfaces.application import UNDECIDED
from sluice.telemetry import Telemetry

ENVIRON = {"SLUICE_TABLE": "ledger"}
AGE = 20.0
GOOD, BETTER = toml(smart="gpt-5"), toml(smart="gpt-5-mini", fast="gpt-5-nano")
OPENAI = '[providers.openai]\nkind = "openai"\nsecret = "a"\n'
BAD = {
    "no TOML": "providers = [",
    "deep TOML": "x = " + "[" * 50_000,
    "an unknown key": '[providers.openai]\nkind = "openai"\nsecrt = "x"\n',
    "nothing": "# nothing\n",
    "a route to nowhere": '[providers.openai]\nkind = "openai"\nsecret = "a"\n[routes]\nx = "opnai/y"\n',
    "a table that is text": 'providers = "openai"\n',
    "a number of too many digits": f"{OPENAI}idle_timeout_seconds = {'9' * 5000}\n",
    "a number that no message can show": f"{OPENAI}idle_timeout_seconds = 0x{'f' * 5000}\n",
    "a host that is none": f'{OPENAI}base_url = "https://\\u2603.example/v1"\n',
}


class Told(Telemetry):
    """Remembers what an operator would see."""

    def __init__(self) -> None:
        self.alarms: list[dict[str, Any]] = []
        self.troubles: list[str] = []

    def alarm(self, message: str, metric: str, dimensions: Mapping[str, str], fields: Mapping[str, Any]) -> None:
        self.alarms.append({"message": message, "metric": metric, **dimensions, **fields})

    def trouble(self, message: str, fields: Mapping[str, Any]) -> None:
        self.troubles.append(message)


@dataclass
class Environment:
    """One environment: its handler answers with the routes of the configuration that it was made of."""

    table: ConfigTable = field(default_factory=ConfigTable)
    hand: HandClock = field(default_factory=HandClock)
    told: Told = field(default_factory=Told)
    telemetry: Telemetry | None = None
    waits: list[float] = field(default_factory=list)
    seconds: str = f"{AGE}"
    made: list[Settings] = field(default_factory=list)
    defect: Exception | None = None

    def __post_init__(self) -> None:
        environ = {**ENVIRON, "SLUICE_CONFIG_SECONDS": self.seconds}
        versions = Configurations(self.table, "ledger", self.hand.clock, Random(0), self._within)
        first, telemetry = pushed(toml(deployed="gpt-4o"), environ), self.telemetry or self.told
        self.live = Live(first, self._make, versions, self.hand.clock, telemetry, lambda text: pushed(text, environ))

    @contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        self.waits.append(seconds)
        yield

    def _make(self, found: Settings) -> Any:
        if self.defect and self.made:
            raise self.defect
        self.made.append(found)
        routes = sorted(found.routes)
        return lambda event, _: {"routes": routes, "body": iter([*routes, *routes]), "is_refused": UNDECIDED in event}

    def routes(self) -> list[str]:
        """Of the configuration that serves a call now."""
        return list(self.live({}, None)["routes"])

    def later(self, seconds: float = AGE) -> "Environment":
        self.hand.sleep(seconds)
        return self


def test_the_deployed_file_is_what_runs_until_something_is_pushed() -> None:
    environment = Environment()

    assert environment.routes() == ["deployed"]
    assert environment.live.version == 0
    assert (environment.told.alarms, environment.told.troubles) == ([], [])


def test_a_new_environment_serves_its_first_call_with_what_was_pushed() -> None:
    environment = Environment()
    environment.table.push(1, GOOD)

    assert (environment.routes(), environment.live.version) == (["smart"], 1)
    assert [made.version for made in environment.made] == [0, 1]
    assert [made.version for made in environment.made] == [0, 1]


def test_a_push_is_live_when_the_known_version_is_too_old() -> None:
    environment = Environment()
    environment.routes()

    environment.table.push(1, GOOD)
    before = environment.later(AGE - 0.1).routes()
    after = environment.later(0.1).routes()

    assert (before, after) == (["deployed"], ["smart"])


def test_between_two_looks_nothing_is_read_and_a_version_is_read_and_made_once() -> None:
    environment = Environment()
    environment.table.push(1, GOOD)

    for _ in range(100):
        environment.later(1).routes()

    assert environment.table.read.count(sort_key(1)) == 1
    assert environment.table.read.count(POINTER) == 5
    assert len(environment.made) == 2


def test_an_environment_that_was_frozen_looks_when_either_clock_has_gone_on() -> None:
    environment = Environment()
    environment.routes()
    environment.table.push(1, GOOD)
    monotonic = environment.hand.clock.monotonic()

    object.__setattr__(environment.hand.clock, "monotonic", lambda: monotonic)
    environment.later()

    assert environment.routes() == ["smart"]


def test_a_body_under_way_stays_with_the_configuration_that_began_it() -> None:
    environment = Environment()
    body = environment.live({}, None)["body"]
    began = next(body)

    environment.table.push(1, GOOD)
    now = environment.later().routes()

    assert (began, now, list(body)) == ("deployed", ["smart"], ["deployed"])


@pytest.mark.parametrize("removes", [True, False])
def test_a_rollback_to_the_deployed_file_brings_it_back(removes: bool) -> None:
    environment = Environment()
    environment.table.push(1, GOOD)
    environment.routes()

    if removes:
        del environment.table.items[POINTER]
    else:
        environment.table.point(0)

    assert (environment.later().routes(), environment.live.version) == (["deployed"], 0)


def test_a_rollback_brings_an_older_version_back() -> None:
    environment = Environment()
    environment.table.push(1, GOOD)
    first = environment.routes()
    environment.table.push(2, BETTER)
    second = environment.later().routes()

    environment.table.push(1, GOOD)

    assert (first, second, environment.later().routes()) == (["smart"], ["fast", "smart"], ["smart"])


@pytest.mark.fault("K05")
@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_the_last_good_configuration_stays_when_a_bad_one_is_pushed(text: str) -> None:
    environment = Environment()
    environment.table.push(1, GOOD)
    environment.routes()

    environment.table.push(2, text)
    calls = [environment.later(1).routes() for _ in range(60)]

    assert calls == [["smart"]] * 60
    assert environment.live.version == 1
    (alarm,) = environment.told.alarms
    assert alarm["error"]
    assert {name: alarm[name] for name in ("message", "metric", "table", "version", "running")} == {
        "message": "sluice.config_refused",
        "metric": "ConfigRefused",
        "table": "ledger",
        "version": 2,
        "running": 1,
    }


@pytest.mark.fault("K05")
def test_damage_in_the_table_changes_nothing() -> None:
    environment = Environment()
    environment.table.push(1, GOOD)
    environment.routes()
    sha256 = environment.table.keep(2, BETTER)

    environment.table.point(3, "c" * 64)
    absent = environment.later().routes()
    environment.table.point(2, sha256[::-1])
    other_hash = environment.later().routes()
    environment.table.put(POINTER, v="two", sha=sha256)
    nonsense = environment.later().routes()

    assert [absent, other_hash, nonsense] == [["smart"]] * 3
    assert len(environment.told.alarms) == 3


@pytest.mark.fault("K05")
def test_a_configuration_that_the_gateway_cannot_be_made_of_is_refused() -> None:
    environment = Environment(defect=Misconfigured("providers.openai.price_family: want one of openai"))
    environment.table.push(1, GOOD)

    assert environment.routes() == ["deployed"]
    assert environment.told.alarms[0]["error"] == "providers.openai.price_family: want one of openai"


@pytest.mark.fault("K05")
def test_a_refused_version_is_told_of_again_while_it_is_in_force_and_taken_once_it_is_mended() -> None:
    environment = Environment()
    sha256 = environment.table.keep(2, BETTER)
    del environment.table.items[sort_key(2)]
    environment.table.point(2, sha256)
    environment.routes()

    again = environment.later(REFUSED_SECONDS).routes()
    told = len(environment.told.alarms)
    environment.table.keep(2, BETTER)
    mended = environment.later(REFUSED_SECONDS).routes()

    assert (again, told, mended) == (["deployed"], 2, ["fast", "smart"])


@pytest.mark.fault("K05")
def test_a_version_behind_a_bad_one_is_taken_at_the_next_look() -> None:
    environment = Environment()
    environment.table.push(1, BAD["no TOML"])
    environment.routes()

    environment.table.push(2, GOOD)

    assert environment.later().routes() == ["smart"]


@pytest.mark.fault("K05")
def test_for_a_new_environment_the_last_good_one_is_the_version_before() -> None:
    environment = Environment()
    sha256 = environment.table.keep(1, GOOD)
    environment.table.push(2, BAD["no TOML"], prev=1, psha=sha256)

    calls = [environment.later(1).routes() for _ in range(60)]

    assert calls == [["smart"]] * 60
    assert environment.live.version == 1
    assert [alarm["version"] for alarm in environment.told.alarms] == [2]


@pytest.mark.fault("K05")
def test_only_a_new_environment_goes_back_by_itself() -> None:
    environment = Environment()
    sha256 = environment.table.keep(1, GOOD)
    environment.routes()

    environment.table.push(2, BAD["no TOML"], prev=1, psha=sha256)

    assert environment.later().routes() == ["deployed"]


@pytest.mark.fault("K05")
def test_where_both_are_bad_a_new_environment_runs_the_deployed_file() -> None:
    environment = Environment()
    sha256 = environment.table.keep(1, BAD["nothing"])
    environment.table.push(2, BAD["no TOML"], prev=1, psha=sha256)

    assert environment.routes() == ["deployed"]
    assert [alarm["version"] for alarm in environment.told.alarms] == [2, 1]


@pytest.mark.fault("K05")
def test_a_defect_that_a_configuration_brings_out_costs_one_call_and_not_each() -> None:
    environment = Environment(defect=KeyError("a defect"))
    environment.table.push(1, GOOD)

    with pytest.raises(KeyError):
        environment.routes()

    assert [environment.later(1).routes() for _ in range(40)] == [["deployed"]] * 40


def test_a_table_that_does_not_answer_leaves_all_as_it_is() -> None:
    environment = Environment()
    environment.table.push(1, GOOD)
    environment.routes()
    environment.table.push(2, BETTER)

    environment.table.failures = [lost()]
    during = environment.later().routes()
    soon = environment.later(UNREAD_SECONDS).routes()

    assert (during, soon) == (["smart"], ["fast", "smart"])
    assert (environment.told.troubles, environment.told.alarms) == (["sluice.config_unread"], [])


@pytest.mark.parametrize("failures", [[lost()], [None, *[lost()] * 1000]])
def test_a_new_environment_that_learnt_nothing_refuses_its_calls_until_it_has(failures: list[Exception | None]) -> None:
    """The file that it was deployed with may have other policies than those in force."""
    environment = Environment()
    environment.table.push(1, GOOD)
    environment.table.failures = failures

    first = environment.live({}, None)
    environment.table.failures = []
    second = environment.live({}, None)
    environment.table.failures = [lost()] * 1000
    environment.later()
    later = environment.live({}, None)

    assert [one["is_refused"] for one in (first, second, later)] == [True, False, False]


@pytest.mark.parametrize("reads", [1, 2])
def test_a_new_environment_that_learnt_nothing_asks_again_at_its_next_call(reads: int) -> None:
    environment = Environment()
    environment.table.push(1, GOOD)
    passes: list[Exception | None] = [None] * (reads - 1)
    environment.table.failures = [*passes, *([lost()] * 1000 if reads == 2 else [lost()])]

    first = environment.routes()
    environment.table.failures = []
    second = environment.routes()

    assert (first, second) == (["deployed"], ["smart"])
    assert environment.told.alarms == []


def test_a_new_environment_waits_longer_for_its_first_answer_than_others() -> None:
    environment = Environment()
    environment.table.failures = [lost()]

    environment.routes()
    environment.routes()
    environment.later().routes()

    assert environment.waits == [FIRST_LOOK_SECONDS, FIRST_LOOK_SECONDS, LOOK_SECONDS]


def test_looking_can_be_turned_off() -> None:
    environment = Environment(seconds="0")
    environment.table.push(1, GOOD)

    assert environment.later(3600).routes() == ["deployed"]
    assert environment.table.read == []


def test_the_alarm_line_is_a_metric_of_this_gateway_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "sluice")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Sluice")
    environment = Environment(telemetry=Telemetry())
    environment.table.push(1, "x = '\n{}'" + "y" * 1000)

    environment.routes()

    line = json.loads(capsys.readouterr().out)
    (metrics,) = line["_aws"]["CloudWatchMetrics"]
    assert metrics["Dimensions"] == [["table", "service"]]
    assert [metric["Name"] for metric in metrics["Metrics"]] == ["ConfigRefused"]
    assert (line["message"], line["table"], line["version"]) == ("sluice.config_refused", "ledger", 1)


def test_the_configuration_that_is_deployed_could_be_pushed() -> None:
    import sluice

    text = (Path(sluice.__file__).parents[1] / "gateway.toml").read_text(encoding="utf-8")

    assert pushed(text, ENVIRON).providers.keys() == {"openai", "bedrock"}
