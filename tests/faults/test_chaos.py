"""Environments that are killed at random points while DynamoDB fails: after the sweeper, each call is on the ledger once.

SLUICE_CHAOS_CALLS scales it; SLUICE_CHAOS_SEED repeats it, as far as processes can be repeated.
"""

import json
import os
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random, SystemRandom
from typing import Any

import h11
import pytest
from tests.e2e.provider import Asked, Provider, provider
from tests.e2e.rig import MESSAGES, Answer, Rig, compatible, eventually, rig
from tests.engines import Engine, one_exact, running
from tests.fakes.raw_provider import Peer
from tests.faults.dynamodb_proxy import Fault, FaultProxy, Rule

from sluice_devstack.environment import Environment

CALLS = int(os.environ.get("SLUICE_CHAOS_CALLS", "120"))
SEED = int(os.environ.get("SLUICE_CHAOS_SEED", "0")) or SystemRandom().randrange(1, 1 << 32)
CALLERS = ENVIRONMENTS = 4
KILLED, FAILING = 0.30, 0.10
WARM_CALLS = 12
FUNCTION_SECONDS = 60
SWEEPS = 20
FAULTS = (Fault.THROTTLE, Fault.ERROR, Fault.DROP_BEFORE, Fault.DROP_AFTER)
FAILURES = tuple(Rule(fault, probability=FAILING / len(FAULTS)) for fault in FAULTS)
CALL_ID = "x-sluice-metadata"
WORDS = [b'data: {"choices":[{"index":0,"delta":{"content":"word %d"}}]}\n\n' % number for number in range(8)]
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USED = b'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":16}}\n\n'
DONE = b"data: [DONE]\n\n"
WORD_SECONDS = 0.005


@pytest.fixture(scope="module", params=one_exact())
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An exact engine with a table of its own for this test."""
    with running(request.param, tmp_path_factory.mktemp("chaos-engine")) as one:
        yield one


@dataclass(slots=True)
class Chaos:
    """Makes calls, and kills environments that are at work."""

    site: Rig
    random: Random
    kills: int = 0
    answers: dict[str, Answer | None] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def call(self, name: str, kill_after: float | None = None) -> None:
        """One call; its environment, or one like it, dies meanwhile if a time is given."""
        killer = threading.Timer(kill_after, self.kill) if kill_after is not None else None
        began = time.monotonic()
        if killer:
            killer.start()
        self.answers[name] = self._answer(name)
        self.seconds.append(time.monotonic() - began)
        if killer:
            killer.join()

    def _answer(self, name: str) -> Answer | None:
        """None where the connection broke before a whole head came."""
        body = {"model": "test/any", "messages": MESSAGES, "stream": True, "user": name}
        try:
            with self.site.begin(body, {CALL_ID: json.dumps({"call": name})}) as begun:
                return begun.answer()
        except (OSError, h11.RemoteProtocolError):
            return None

    def kill(self) -> None:
        """SIGKILL to an environment that is answering a call; to one that is starting where there is no other."""
        with self._lock:
            started = {call.environment_pid for call in self.site.stack.calls}
            busy = [one for one in self.site.stack.environments if is_busy(one)]
            if busy:
                self.random.choice([one for one in busy if one.pid in started] or busy).kill()
                self.kills += 1


def is_busy(environment: Environment) -> bool:
    return bool(environment.pid) and not environment.is_ready and not environment.is_finishing


def paced(peer: Peer, _asked: Asked) -> None:
    peer.head()
    for word in WORDS:
        peer.chunk(word)
        threading.Event().wait(WORD_SECONDS)  # so that a kill may come between
    peer.chunk(STOP + USED + DONE)
    peer.end()


@pytest.mark.slow
@pytest.mark.timeout(280)
@pytest.mark.fault("L04")
@pytest.mark.fault("L05")
@pytest.mark.fault("D03")
@pytest.mark.fault("D05")
def test_every_call_has_one_terminal_record_whoever_dies(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with (
        FaultProxy(engine.url, seed=SEED) as proxy,
        provider() as upstream,
        rig(
            tmp_path_factory.mktemp("chaos"),
            {"test": compatible(upstream.url)},
            store=proxy.url,
            environments=ENVIRONMENTS,
            timeout_seconds=FUNCTION_SECONDS,
        ) as site,
    ):
        upstream.play("any", paced)
        chaos = Chaos(site, Random(SEED))
        wreak(chaos, proxy)
        wait_until_idle(site)
        proxy.use()  # the test's own reading is not to fail
        before = Counter(record["status"] for record in site.records())
        proxy.use(*FAILURES)
        sweep(site)
        proxy.use()

        assert_whole(chaos, upstream, before)
        assert_chaotic(chaos, proxy, before)


def wreak(chaos: Chaos, proxy: FaultProxy) -> None:
    """All the calls, several at once: the first ones in peace, which tells how long one takes."""
    names = [f"call-{number}" for number in range(CALLS)]
    for name in names[:WARM_CALLS]:
        chaos.call(name)
    typical = statistics.median(chaos.seconds)
    delays = [chaos.random.uniform(0, typical) if chaos.random.random() < KILLED else None for _ in names]
    proxy.use(*FAILURES)
    with ThreadPoolExecutor(CALLERS) as callers:
        list(callers.map(chaos.call, names[WARM_CALLS:], delays[WARM_CALLS:]))


def wait_until_idle(site: Rig) -> None:
    """Every call has ended, and every environment that lives has settled its last one."""
    site.stack.wait_for_calls(CALLS, FUNCTION_SECONDS)
    eventually(lambda: all(one.is_ready for one in site.stack.environments) or None, "all environments are idle")


def sweep(site: Rig) -> None:
    """Sweeps behind the end of all leases until nothing is left; each sweep meets DynamoDB's failures too."""
    after = datetime.now(UTC) + timedelta(seconds=FUNCTION_SECONDS + 120)
    for _ in range(SWEEPS):
        swept: dict[str, int] = site.stack.invoke_sweeper(after.isoformat())
        if not swept["failed"] and not swept["settled"]:
            return
    pytest.fail(f"seed {SEED}: the sweeper is not done after {SWEEPS} sweeps: {swept}")


def assert_whole(chaos: Chaos, upstream: Provider, before: Counter[Any]) -> None:
    """One terminal record for each call that reached the ledger, and each that reached the provider did."""
    records = chaos.site.records()
    of_call = {str(record["metadata"]["call"]): record for record in records}
    status = Counter(record["status"] for record in records)
    at_provider = [str(asked.body["user"]) for asked in upstream.asked]
    hint = f"seed {SEED}, before the sweep {dict(before)}, after it {dict(status)}, {chaos.kills} kills"

    assert set(status) <= {"settled", "abandoned"}, hint
    assert len(of_call) == len(records), hint
    assert len(set(at_provider)) == len(at_provider), hint
    assert set(at_provider) <= set(of_call), hint
    assert {record["request_id"] for record in records} <= {call.request_id for call in chaos.site.stack.calls}, hint
    assert indexed(chaos.site, records) == Counter(record["request_id"] for record in records), hint
    assert status["settled"] + status["abandoned"] == len(records) >= before["settled"] + before["reserved"], hint
    for name, answer in chaos.answers.items():
        assert_true(of_call.get(name), answer, f"{hint}, {name}")


def assert_true(record: dict[str, Any] | None, answer: Answer | None, hint: str) -> None:
    """What the caller has seen and what the ledger says go together."""
    if answer is None or answer.status != 200:
        return
    assert record is not None, hint
    if answer.body.endswith(DONE) and record["status"] == "settled":
        assert (record["outcome"], record["usage"]["output"], record["usage_source"]) == ("complete", 16, "provider"), (
            hint
        )
    if record["status"] == "abandoned":
        assert (record["outcome"], record["usage_source"]) == ("abandoned", "estimated"), hint


def indexed(site: Rig, records: list[dict[str, Any]]) -> Counter[str]:
    """The ids under which the index by time finds the calls of these days: those that have ended, each once."""
    found: Counter[str] = Counter()
    for day in {record["day"] for record in records}:
        for shard in range(4):
            key = {":key": {"S": f"T#{day}#{shard}"}}
            query = {"IndexName": "bytime", "KeyConditionExpression": "g2pk = :key", "ExpressionAttributeValues": key}
            found.update(item["pk"]["S"].removeprefix("R#") for item in site.dynamodb("Query", **query)["Items"])
    return found


def assert_chaotic(chaos: Chaos, proxy: FaultProxy, before: Counter[Any]) -> None:
    """It was as bad as it was meant to be."""
    calls = chaos.site.stack.calls
    died = sum(call.error is not None and call.error.error_type == "Runtime.ExitError" for call in calls)
    failed = sum(seen.fault is not None for seen in proxy.seen)
    complete = sum(answer is not None and answer.body.endswith(DONE) for answer in chaos.answers.values())
    print(
        f"seed {SEED}: {len(calls)} calls, {chaos.kills} kills, {died} calls died, {complete} complete; "
        f"{failed} of {len(proxy.seen)} operations failed; before the sweep {dict(before)}"
    )
    assert died > KILLED * CALLS / 2
    assert complete > CALLS / 3
    assert before["reserved"] > 0
    assert FAILING / 2 < failed / len(proxy.seen) < FAILING * 1.5
