"""Gateways of four characters in front of the fault provider: each is found out by what comes over its wire."""

import pytest
from tests.unit.sluice_prove.answers import case
from tests.unit.sluice_prove.gateways import Answers, gateway, honest, lying, pipe

from sluice_prove.caller import Caller, Unreachable
from sluice_prove.catalogue import SCRIPTS, Target
from sluice_prove.judge import Judged, Verdict
from sluice_prove.proof import Gateway, Proof
from sluice_prove.provider import FaultProvider

TIMEOUT_SECONDS, STALL_SECONDS = 0.0, 2.5
CANARY = "sk-fake-canary-0123456789abcdef"
GATEWAY = Gateway({Target.CHAT: "prove/{fault}"}, TIMEOUT_SECONDS, STALL_SECONDS)


def provider() -> FaultProvider:
    return FaultProvider(SCRIPTS, STALL_SECONDS, CANARY)


def proved(answers: Answers, fault: str, follows: bool = False) -> Judged:
    with provider() as behind, gateway(answers, behind.url, follows) as url, Caller(url, {}) as caller:
        return Proof(GATEWAY, caller, behind).row(case(fault))


@pytest.mark.parametrize("fault", ["ok", "f-trunc", "f-503", "f-401", "f-hdrleak", "f-redirect"])
def test_an_honest_gateway_is_honest(fault: str) -> None:
    found = proved(honest, fault)

    assert (found.verdict, found.reason, found.attempts) == (Verdict.HONEST, "", 1)


@pytest.mark.parametrize("fault", ["f-trunc", "f-empty", "f-503"])
def test_a_gateway_that_ends_whatever_comes_is_lying(fault: str) -> None:
    assert proved(lying, fault).verdict is Verdict.LYING


def test_a_pipe_is_lying_leaking_and_late() -> None:
    verdicts = {fault: proved(pipe, fault).verdict for fault in ("ok", "f-trunc", "f-401", "f-hdrleak", "f-stall0")}

    assert verdicts == {
        "ok": Verdict.HONEST,
        "f-trunc": Verdict.LYING,
        "f-401": Verdict.LEAKING,
        "f-hdrleak": Verdict.LEAKING,
        "f-stall0": Verdict.LATE,
    }


def test_a_redirect_that_the_gateway_follows_is_seen_at_its_end() -> None:
    found = proved(honest, "f-redirect", follows=True)

    assert (found.verdict, found.reason) == (Verdict.LEAKING, "the redirect was followed to another port")


def test_a_row_for_which_no_model_is_known_is_skipped() -> None:
    found = proved(honest, "f-dns")

    assert (found.verdict, found.reason) == (Verdict.SKIPPED, "no model for this: no host")


def test_a_gateway_that_does_not_ask_the_provider_has_proved_nothing() -> None:
    with provider() as behind, provider() as other, gateway(honest, other.url) as url, Caller(url, {}) as caller:
        proof = Proof(GATEWAY, caller, behind)
        answer, found = proof.control(), proof.row(case("f-503"))

    assert answer is not None
    assert (found.verdict, found.reason) == (Verdict.SKIPPED, "the gateway answered 502 and did not ask the provider")


def test_the_control_says_nothing_where_the_provider_was_asked_and_counts_for_no_row() -> None:
    with provider() as behind, gateway(honest, behind.url) as url, Caller(url, {}) as caller:
        proof = Proof(GATEWAY, caller, behind)
        answer, found = proof.control(), proof.row(case("ok"))

    assert answer is None
    assert found.attempts == 1


def test_nobody_at_the_gateways_address_is_no_verdict() -> None:
    with provider() as behind, Caller("http://127.0.0.1:1", {}) as caller, pytest.raises(Unreachable):
        Proof(GATEWAY, caller, behind).row(case("ok"))
