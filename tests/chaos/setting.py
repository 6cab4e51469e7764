"""What a run's gateway is told: its variables, its configuration, a virtual key, and the budgets that follow."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.plan import ACCOUNT, MEAN_COST, ROLES, TEAM, arn, configuration, dollars, virtual_key
from tests.engines import REGION, TEMPLATE, Connections

from sluice.domain.principal import Principal
from sluice.domain.virtual_key import VirtualKey
from sluice.policy.budgets import Demand, span
from sluice.policy.groups import group
from sluice.settings import load
from sluice_cli.key_terms import Terms
from sluice_cli.virtual_keys import VirtualKeys

STREAM_ORDER = "table_name, CAST(sequence_number AS INTEGER)"
OWNER = "chaos@example.invalid"
Key = tuple[str, str]  # pk and sk


def quicken(database: Path) -> None:
    """Gives dynoxide 1.2.1 an index on its stream: without one each write reads all records that there are."""
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(f"CREATE INDEX stream_by_number ON _stream_records ({STREAM_ORDER})")


def environ(folder: Path, dynamodb: str, upstream: str, calls: int) -> None:
    """The gateway's variables, for all processes that are forked from now on."""
    (folder / "gateway.toml").write_text(configuration(upstream, calls))
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "fake-secret-access-key",
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL_DYNAMODB": dynamodb,
        "POWERTOOLS_METRICS_NAMESPACE": "Sluice",
        "POWERTOOLS_SERVICE_NAME": "gateway",
        "SLUICE_CONFIG": str(folder / "gateway.toml"),
        "SLUICE_TABLE": TEMPLATE.table().name,
    }


def key(url: str, seed: int, calls: int) -> str:
    """A virtual key of the run, as `sluice keys create` makes it, with a budget of its own."""
    budget = {"usd": dollars(calls * MEAN_COST), "window": "total", "estimate": "strict"}
    connections = Connections()
    keys = VirtualKeys(connections.dynamodb(url), TEMPLATE.table().name, random=virtual_key(seed))
    made = keys.create(Terms("chaos", OWNER, budgets=(budget,), tags={"team": TEAM}))
    connections.close()
    return made.key


def budgets(key: str) -> Iterator[Key]:
    """The rows of all budgets that policies count calls in."""
    own = VirtualKey(key.split("_")[1], "chaos", OWNER, tags={"team": TEAM})
    people = [Principal(arn(role), ACCOUNT) for role in ROLES]
    people.append(Principal(f"key:{own.id}", ACCOUNT, key=own, iam=arn("agents")))
    demands = {
        (Demand(budget, group(person, budget.per), frozenset()).key, budget.window)
        for policy in load().policies
        for budget in policy.budgets
        for person in people
    }
    yield from ((f"B#{key}", span(window, time.time()).period) for key, window in sorted(demands))
