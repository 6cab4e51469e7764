"""The end of an environment: SIGTERM inside a stream, and SIGKILL at every step of a call."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.e2e.provider import Asked, Gate, Provider, provider, stream
from tests.e2e.rig import MESSAGES, Rig, compatible, eventually, rig, toml
from tests.engines import LedgerTable, one_exact
from tests.fakes.gateway import Gateway, Pieces
from tests.fakes.raw_provider import Peer
from tests.faults import dying_gateway
from tests.house.repository import ROOT

from sluice.domain.record import Outcome

WORD = b'data: {"choices":[{"index":0,"delta":{"content":"word"}}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USED = b'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":5}}\n\n'
DONE = b"data: [DONE]\n\n"
SECONDS = 120.0
LEASE_MARGIN_SECONDS = 60
AFTER_ALL_LEASES_SECONDS = 3600


@pytest.fixture(scope="module")
def upstream() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture
def site(upstream: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("death"), {"test": compatible(upstream.url)}, environments=1) as running:
        yield running


def begun_and_silent(peer: Peer, _asked: Asked) -> None:
    peer.head()
    peer.chunk(WORD)
    peer.sock.recv(1)  # until the gateway hangs up


def silent(peer: Peer, _asked: Asked) -> None:
    peer.sock.recv(1)


@pytest.mark.fault("L03")
def test_sigterm_inside_a_stream_settles_what_was_delivered_and_ends_the_process(site: Rig, upstream: Provider) -> None:
    """The sweeper does not run here: whatever settles the call is the environment that was told to end."""
    upstream.play("endless", begun_and_silent)
    pid = site.stack.environments[0].pid

    with site.begin({"model": "test/endless", "messages": MESSAGES, "stream": True}) as begun:
        assert begun.chunk() == WORD
        os.kill(pid, signal.SIGTERM)
        answer = begun.answer()

    record, call = site.record(answer.request_id), site.call(answer.request_id)
    assert answer.end == "cut"
    assert DONE not in answer.body
    assert (record["status"], record["outcome"], record["usage_source"]) == ("settled", "incomplete", "counted")
    assert record["usage"]["output"] > 0
    assert "it ended by itself" in str(call.error)


@pytest.mark.fault("L03")
def test_sigterm_before_an_answer_settles_the_call_too(site: Rig, upstream: Provider) -> None:
    upstream.play("silent", silent)
    pid = site.stack.environments[0].pid

    with site.begin({"model": "test/silent", "messages": MESSAGES, "stream": True}) as begun:
        eventually(lambda: upstream.asked_for("silent") or None, "the provider is asked")
        os.kill(pid, signal.SIGTERM)
        answer = begun.answer()

    assert answer.status == 502
    assert [record["status"] for record in site.settled_records()] == ["settled"]


@pytest.mark.fault("L03")
def test_sigterm_while_idle_ends_the_environment_and_the_next_call_has_another(site: Rig, upstream: Provider) -> None:
    upstream.play("word", stream(WORD, STOP, USED, DONE))
    pid = site.stack.environments[0].pid

    os.kill(pid, signal.SIGTERM)
    eventually(lambda: pid not in [one.pid for one in site.stack.environments] or None, "the environment has ended")

    assert site.ask("test/word").body == WORD + STOP + DONE


@pytest.mark.fault("L12")
def test_an_environment_that_was_frozen_opens_what_was_closed_meanwhile(site: Rig, upstream: Provider) -> None:
    is_frozen, is_closed = Gate(), Gate()

    def closes_when_told(peer: Peer, asked: Asked) -> None:
        stream(WORD, STOP, USED, DONE)(peer, asked)
        is_frozen.wait()
        peer.sock.close()
        is_closed.open()

    upstream.play("kept", closes_when_told)
    upstream.play("again", stream(WORD, STOP, USED, DONE))
    pid = site.stack.environments[0].pid
    assert site.record(site.ask("test/kept").request_id)["status"] == "settled"
    connections = upstream.connections

    os.kill(pid, signal.SIGSTOP)
    is_frozen.open()
    is_closed.wait()
    os.kill(pid, signal.SIGCONT)
    answer = site.ask("test/again")

    assert answer.body == WORD + STOP + DONE
    assert upstream.connections == connections + 1
    assert answer.headers["x-sluice-attempts"] == "1"
    assert [one.pid for one in site.stack.environments] == [pid]


@pytest.mark.fault("L07")
@pytest.mark.parametrize("jump", [-300.0, 300.0, -86_400.0])
def test_a_clock_that_jumps_inside_a_call_changes_neither_its_length_nor_its_outcome(jump: float) -> None:
    def jumps() -> None:
        gateway.hand.skew = jump
        gateway.hand.advance(2)

    pieces: list[bytes | Exception | Callable[[], None]] = [WORD, jumps, STOP + USED + DONE]
    head = {"content-type": "text/event-stream"}
    gateway = Gateway(lambda _: httpx.Response(200, headers=head, stream=Pieces(pieces)))

    body = gateway.chat({"model": "mini", "messages": [{"role": "user", "content": "hi"}], "stream": True})["body"]
    got = b"".join(body)
    body.close()

    (reserved,), (record,) = gateway.ledger.reserved, gateway.ledger.settled
    assert got == WORD + STOP + DONE
    assert (record.outcome, record.duration_ms) == (Outcome.COMPLETE, 2000)
    assert reserved.lease == reserved.started_ms // 1000 + 60 + LEASE_MARGIN_SECONDS


@pytest.mark.slow
@pytest.mark.fault("L04")
def test_killed_at_any_step_a_call_is_on_the_ledger_once(
    ledger_table: LedgerTable, upstream: Provider, tmp_path: Path
) -> None:
    if ledger_table.engine.is_exact and ledger_table.engine.name != one_exact()[0]:
        pytest.skip("each step is a process that dies: one engine is enough, and chaos has the other")
    upstream.play("whole", stream(WORD, WORD, STOP, USED, DONE))

    deaths = died(ledger_table, upstream, tmp_path)
    before = Counter(str(row["st"]) for row in rows(ledger_table).values())
    swept = ledger_table.sweeper().sweep(int(time.time()) + AFTER_ALL_LEASES_SECONDS)
    after = rows(ledger_table)

    asked = [str(one.body["user"]) for one in upstream.asked_for("whole")]
    assert deaths[-1]["place"] == ""
    assert len(asked) == len(set(asked))
    assert set(asked) <= set(after)
    assert {str(row["st"]) for row in after.values()} == {"S", "A"}
    assert (swept.settled, swept.failed) == (before["R"], 0)
    assert all("opk" not in row for row in after.values())
    assert_every_way_to_die(deaths, asked, before)


def assert_every_way_to_die(deaths: list[dict[str, Any]], asked: list[str], before: Counter[str]) -> None:
    """Before the ledger, between it and the provider, while the answer came, and behind the settlement."""
    places = {death["place"].partition(":")[0] for death in deaths}
    reserved = before["R"] + before["S"]

    assert {"pipeline.py", "ledger.py", "wire.py", "transport.py", "relay.py", "settlement.py"} <= places
    assert 0 < before["S"] < reserved < len(deaths)
    assert 0 < len(asked) < reserved


def died(table: LedgerTable, upstream: Provider, folder: Path) -> list[dict[str, Any]]:
    """Kills one call after the other; where each died."""
    config = folder / "gateway.toml"
    config.write_text(toml({"test": compatible(upstream.url)}), encoding="utf-8")
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(ROOT / "functions"), str(ROOT)]),
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "fake-secret-access-key",
        "AWS_ENDPOINT_URL_DYNAMODB": table.engine.url,
        "SLUICE_TABLE": table.name,
        "POWERTOOLS_SERVICE_NAME": "sluice",
    }
    command = [sys.executable, "-m", dying_gateway.__name__, str(config), "test/whole"]
    ran = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return [json.loads(line) for line in ran.stdout.splitlines()]


def rows(table: LedgerTable) -> dict[str, dict[str, Any]]:
    """All records, by request id."""
    client, found, more = table.client(), dict[str, dict[str, Any]](), dict[str, Any]()
    while True:
        page = client.scan(TableName=table.name, ConsistentRead=True, **more)
        for item in page["Items"]:
            plain = {name: next(iter(value.values())) for name, value in item.items()}
            if plain["pk"].startswith("R#"):
                found[plain["pk"].removeprefix("R#")] = plain
        if "LastEvaluatedKey" not in page:
            return found
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
