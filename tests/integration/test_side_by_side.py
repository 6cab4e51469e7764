"""The columns of `make prove`: a gateway that is there, one that is not, one that leaves its provider unasked."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.peers.peer import Peer, PeerAbsent, Place, Upstream
from tests.peers.side_by_side import Column, Waits, column, is_honest, report
from tests.unit.sluice_prove.answers import case
from tests.unit.sluice_prove.gateways import Answers, gateway, honest, pipe

from sluice_prove.catalogue import Target

CANARY = "sk-fake-canary-0123456789abcdef"
CASES = [case(fault) for fault in ("ok", "f-trunc", "f-dns")]
WAITS = Waits(timeout=3.0, stall=10.0)


def peer(answers: Answers, place: str | None = None) -> Peer:
    @contextmanager
    def started(upstream: Upstream, _timeout_seconds: float) -> Iterator[Place]:
        with gateway(answers, place or upstream.url) as url:
            yield Place(url, {Target.CHAT: "{fault}"})

    return Peer("Gate", lambda: "1.2", started)


def absent() -> str:
    raise PeerAbsent("not installed; run python3 scripts/setup.py prove")


def shown(made: Peer) -> Column:
    return column(made, CASES, WAITS, CANARY, lambda _: None)


def test_a_gateway_is_a_column_with_its_sum_and_its_reasons() -> None:
    found = shown(peer(pipe))

    lines = report(CASES, [found]).splitlines()
    assert lines[0] == "| id | fault | the provider | Gate 1.2 |"
    assert "| S04 | `f-trunc` | clean close after 4 events | lying |" in lines
    assert "| U02 | `f-dns` | the provider's name does not exist | - |" in lines
    assert "- Gate 1.2: 1 honest, 1 lying, 1 skipped" in lines
    assert lines[-1] == "| Gate | `f-trunc` | lying | 200, part of the text; a broken answer is shown as whole |"
    assert not is_honest(found)


def test_a_gateway_that_is_not_there_says_so_and_the_others_go_on() -> None:
    missing, there = shown(Peer("Other", absent, peer(honest).start)), shown(peer(honest))

    lines = report(CASES, [missing, there]).splitlines()
    assert lines[0] == "| id | fault | the provider | Other | Gate 1.2 |"
    assert "| S04 | `f-trunc` | clean close after 4 events | - | honest |" in lines
    assert "- Other: not installed; run python3 scripts/setup.py prove" in lines
    assert not is_honest(missing)


def test_a_provider_that_is_not_asked_proves_nothing_and_is_told() -> None:
    found = shown(peer(honest, "http://127.0.0.1:1/v1"))

    lines = report(CASES, [found]).splitlines()
    assert "- Gate 1.2: 3 skipped" in lines
    assert lines[-1] == "| Gate | `f-trunc` | skipped | the gateway answered 502 and did not ask the provider |"
    assert not is_honest(found)
