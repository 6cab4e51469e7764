"""Sluice as it is deployed: the dev stack on a real DynamoDB engine that fails, with environments that are killed."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from tests.e2e.watched import table
from tests.faults.dynamodb_proxy import Fault, FaultProxy, Rule
from tests.proof.balances import Balances, watched
from tests.proof.column import Budget
from tests.proof.fate import INPUT_NANO, LANES, MAX_TOKENS, OUTPUT_NANO, TARGETS, Fate, Lane, limit

from sluice_cli.record import record
from sluice_cli.site import FixedCredentials
from sluice_client import FunctionUrlAuth
from sluice_devstack.aws_json import DYNAMODB, call
from sluice_devstack.environment import Environment
from sluice_devstack.stack import DevStack, StackOptions
from sluice_prove.answer import Answer
from sluice_prove.reading import read

SECRET, PROVIDER = "sluice/proof", "proof"
ENVIRONMENTS, FUNCTION_SECONDS = 6, 30
FAILING = 0.10
FAULTS = (Fault.THROTTLE, Fault.ERROR, Fault.CONFLICT, Fault.DROP_BEFORE, Fault.DROP_AFTER)
FAILURES = tuple(Rule(fault, probability=FAILING / len(FAULTS)) for fault in FAULTS)
SWEEPS = 20
IDLE_SECONDS = 30.0
CALL_ID = "x-sluice-metadata"
SPENT = "budget_exceeded"
# Each lane's budgets, beside its own `usd`. The wide one has three, and each call takes room in all or in none.
BUDGETS: Mapping[str, Sequence[str]] = {
    "strict": ('window = "day", per = "all", estimate = "strict", hot = true',),
    "typical": ('window = "day", per = "all", estimate = "typical", overshoot = "25%"',),
    "wide": (
        'window = "day", per = "all", estimate = "strict"',
        'window = "month", per = "all"',
        'window = "total", per = "principal"',
    ),
}


def configuration(url: str, streams: Sequence[Fate]) -> str:
    prices = [
        f'[providers.{PROVIDER}.prices."{lane.model}-{target}"]\n'
        f'input = "{INPUT_NANO / 1000:g}"\noutput = "{OUTPUT_NANO / 1000:g}"\nmax_output_tokens = {MAX_TOKENS}\n'
        for lane in LANES
        for target in range(TARGETS)
    ]
    policies = [policy(lane.model, limit(lane, list(streams))) for lane in LANES]
    provider = f'[providers.{PROVIDER}]\nkind = "compatible"\nbase_url = "{url}"\nsecret = "{SECRET}"\n'
    return "\n".join([provider, *prices, *policies])


def policy(model: str, nano: int) -> str:
    budgets = ", ".join(f'{{ usd = "{nano / 1e9:.9f}", {terms} }}' for terms in BUDGETS[model])
    return f'[[policies]]\nname = "{model}"\nmodels = ["{PROVIDER}/{model}-*"]\nbudget = [{budgets}]\n'


def is_refusal(answer: Answer) -> bool:
    return answer.status == 429 and SPENT in read(answer).errors


@dataclass(slots=True)
class Ours:
    """A running stack. `balances` are those of its budgets, `log` is what its environments have said."""

    stack: DevStack
    proxy: FaultProxy
    balances: Balances
    log: Sequence[str]
    random: Random
    kills: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"{self.stack.url}/v1"

    @property
    def auth(self) -> FunctionUrlAuth:
        credentials = FixedCredentials(self.stack.access_key_id, self.stack.secret_access_key)
        return FunctionUrlAuth(self.stack.region, credentials)

    @property
    def failed(self) -> int:
        """Operations of DynamoDB that were made to fail."""
        return sum(seen.fault is not None for seen in list(self.proxy.seen))

    def kill(self) -> None:
        """SIGKILL to an environment that is answering a call."""
        with self._lock:
            busy = [one for one in self.stack.environments if is_busy(one)]
            if busy:
                self.random.choice(busy).kill()
                self.kills += 1

    def settle(self, calls: int) -> None:
        """All calls have ended, and a sweeper of a later day has been at what is open; DynamoDB fails it too."""
        self.stack.wait_for_calls(calls, IDLE_SECONDS)
        after = datetime.now(UTC) + timedelta(seconds=FUNCTION_SECONDS + 120)
        for _ in range(SWEEPS):
            swept = self.stack.invoke_sweeper(after.isoformat())
            if not swept["failed"] and not swept["settled"]:
                break
        self.proxy.use()
        self.balances.search()
        self.balances.read()

    def items(self) -> list[dict[str, Any]]:
        """The whole table."""
        found: list[dict[str, Any]] = []
        more: dict[str, Any] = {}
        while True:
            body = {"TableName": self.stack.table, "ConsistentRead": True, **more}
            page = call(self.stack.dynamodb_url, DYNAMODB, "Scan", body, IDLE_SECONDS)
            found += page["Items"]
            if "LastEvaluatedKey" not in page:
                return found
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def records(self) -> list[Mapping[str, Any]]:
        return [record(item) for item in self.items() if item["pk"]["S"].startswith("R#")]

    def difference(self) -> int:
        """What the budgets hold beyond the charges that the records name, nano-dollars; reserved by then is wrong."""
        charged = sum(int(line.split()[2]) for item in self.items() for line in charges(item))
        return sum(one.spent + abs(one.reserved) for one in self.balances.now.values()) - charged

    def spent(self, lane: Lane) -> float:
        """The share that is spent, of the lane's budget of which the most is."""
        return max(self.balances.spent(name) for name in names(lane))

    def budgets(self, billed: Callable[[str], int]) -> list[Budget]:
        """As they were read at every moment, beside what the provider has billed."""
        found = ((lane, name) for lane in LANES for name in names(lane))
        return [self._budget(lane, name, billed(lane.model)) for lane, name in found if name in self.balances.now]

    def _budget(self, lane: Lane, name: str, billed: int) -> Budget:
        last = self.balances.now[name]
        return Budget(
            name=name,
            limit=last.limit,
            spent=max(billed, self.balances.most_spent[name]),
            stated=last.ceiling - last.limit,
            used=self.balances.most_used[name],
        )

    def written(self) -> str:
        """All that it has written down."""
        return "\n".join((*self.log, table(self.stack)))


def names(lane: Lane) -> list[str]:
    """Of the lane's budgets: its policy's, and with a number from the second on."""
    return [lane.model + (f":{number}" if number > 1 else "") for number in range(1, len(BUDGETS[lane.model]) + 1)]


def charges(item: Mapping[str, Any]) -> list[str]:
    """`<budget> <period> <nano-dollars>` of a record's budgets."""
    return [one["S"] for one in item.get("bud", {"L": []})["L"]]


def is_busy(environment: Environment) -> bool:
    return bool(environment.pid) and not environment.is_ready and not environment.is_finishing


@contextmanager
def ours(
    folder: Path, engine_url: str, provider_url: str, key: str, streams: Sequence[Fate], seed: int
) -> Iterator[Ours]:
    config, log = folder / "gateway.toml", list[str]()
    config.write_text(configuration(provider_url, streams), encoding="utf-8")
    with FaultProxy(engine_url, seed=seed) as proxy:
        options = StackOptions(
            config=config,
            secrets={SECRET: {"api_key": key}},
            store=proxy.url,
            environments=ENVIRONMENTS,
            timeout_seconds=FUNCTION_SECONDS,
            sweeper_seconds=2,
            echo=log.append,
            shows_logs=True,
        )
        with DevStack(options) as stack, watched(engine_url, stack.table, budgets()) as balances:
            yield Ours(stack, proxy, balances, log, Random(seed))


def budgets() -> int:
    return sum(len(BUDGETS[lane.model]) for lane in LANES)


def named(fate: Fate) -> dict[str, str]:
    """The header by which a record tells its call."""
    return {CALL_ID: json.dumps({"call": fate.name})}
