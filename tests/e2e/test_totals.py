"""Calls through the whole gateway on this machine, and the totals that the rollup makes of the table's stream."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.rig import Rig, rig
from tests.e2e.running import run
from tests.engines import one_exact, running

from sluice_cli import local_stack, usage_check
from sluice_cli.environment_file import EnvironmentFile
from sluice_cli.ledger import open_ledger
from sluice_cli.period import Period, days_back
from sluice_devstack.stack import DevStack, StackError

MODELS = ("openai/gpt-4o-mini-instant", "openai/gpt-4.1-mini-instant", "openai/f-503", "openai/f-trunc")
CALLS = len(MODELS) + 1
SLOW = "openai/gpt-4o-mini-slow"
LATER_SECONDS = 86_400
EVENTS = {"EventBus": "arn:aws:events:us-east-1:123456789012:event-bus/default", "UsageEvents": "true"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module", params=one_exact())
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, said: list[str]) -> Iterator[Rig]:
    folder, providers = tmp_path_factory.mktemp("totals"), {"openai": {"kind": "openai", "secret": "sluice/openai"}}
    with running(request.param, folder) as engine:
        options = {"store": engine.url, "parameters": EVENTS, "echo": said.append, "shows_logs": True}
        with rig(folder, providers, rollup=True, **options) as made:
            yield made


def call_all(site: Rig) -> None:
    """Calls that end well, fail, break off, and one whose environment dies in it."""
    for model in MODELS:
        site.ask(model, max_tokens=4)
    with site.begin({"model": SLOW, "messages": [{"role": "user", "content": "Hello"}], "stream": True}) as begun:
        begun.chunk()
        next(one for one in site.stack.environments if not one.is_ready).kill()
        begun.answer()
    site.stack.wait_for_calls(CALLS)
    late = datetime.now(UTC) + timedelta(hours=1)
    assert site.stack.invoke_sweeper(f"{late:%Y-%m-%dT%H:%M:%SZ}")["settled"] >= 1
    site.settled_records()


def test_totals_equal_the_records_and_the_command_line_proves_it(site: Rig, said: list[str], tmp_path: Path) -> None:
    call_all(site)

    site.stack.rolled_up()

    batches = [json.loads(line) for line in said if '"sluice.rollup"' in line]
    assert [sum(each[name] for each in batches) for name in ("counted", "announced", "corrupt")] == [CALLS, CALLS, 0]

    ledger = open_ledger(local_stack.site(site.stack), {})
    period = Period(days_back(2, time.time()))
    stored, found = usage_check.stored(ledger, period), ledger.since(period.since_ms)
    verdict = usage_check.judged(stored, found, "20200101", time.time() + LATER_SECONDS)
    assert (verdict.calls, verdict.recent, verdict.differences) == (CALLS, 0, [])

    environment = tmp_path / "totals.env"
    EnvironmentFile(environment).write(local_stack.variables(site.stack))
    proven = run("usage", "--verify", "--env-file", str(environment))
    assert (proven.returncode, proven.stderr) == (0, "")

    site.dynamodb("PutItem", Item={"pk": {"S": "D#since"}, "sk": {"S": "since"}, "day": {"S": "20200101"}})
    told: dict[str, Any] = json.loads(run("usage", "--json", "--by", "model", "--env-file", str(environment)).stdout)
    assert (told["source"], told["total"]["calls"], told["total"]["abandoned"]) == ("totals", CALLS, 1)


def test_a_stack_that_was_told_not_to_makes_no_totals() -> None:
    with pytest.raises(StackError, match="rollup is False"):
        DevStack().rolled_up()
