"""What a guard notes, masks and refuses, by itself and with a Bedrock guardrail."""

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from sluice.domain.call import ModelRequest
from sluice.domain.errors import ContentBlocked, Misconfigured, Unavailable
from sluice.domain.policy import Guard, GuardAction
from sluice.policy.guards import Guarded, Guards
from sluice.providers.apply_guardrail import Judged

CARD = "4111 1111 1111 1111"
TEXT = f"Charge {CARD} and {CARD}, and tell ann@example.com"
ARN = "arn:aws:bedrock:eu-central-1:123456789012:guardrail/abc123"
NOTHING = Judged(is_intervention=False)
FLAG, MASK, BLOCK = GuardAction.FLAG, GuardAction.MASK, GuardAction.BLOCK


class Guardrail:
    """Says what it is told, and remembers what it was asked."""

    def __init__(self, answer: Judged | Exception = NOTHING) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str, tuple[str, ...], float, bool]] = []

    def __call__(
        self, guardrail: str, version: str, texts: Sequence[str], seconds: float, *, wants_masked: bool
    ) -> Judged:
        self.asked.append((guardrail, version, tuple(texts), seconds, wants_masked))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def request(*texts: str) -> ModelRequest:
    return ModelRequest({"model": "m", "messages": [{"role": "user", "content": text} for text in texts]})


def check(guard: Guard, *texts: str, is_enforced: bool = True, ask: Any = None, **patterns: str) -> Guarded:
    return Guards(patterns, ask or Guardrail()).check(request(*texts or (TEXT,)), [(guard, is_enforced)], 4)


def said(found: Guarded) -> list[str]:
    return [one["content"] for one in found.request.body["messages"]]


def test_without_a_find_nothing_is_said_and_nothing_changes() -> None:
    for action in GuardAction:
        found = check(Guard(("card", "key", "email", "iban"), action), "Hello")

        assert (said(found), found.notes) == (["Hello"], ())


def test_a_find_is_noted_with_its_count_and_leaves_as_it_is() -> None:
    found = check(Guard(("card", "email", "iban"), FLAG))

    assert (said(found), found.notes) == ([TEXT], ("card x2", "email x1"))


def test_a_find_is_masked_in_what_leaves() -> None:
    found = check(Guard(("card", "email"), MASK), TEXT, "Hello")

    assert said(found) == ["Charge [card] and [card], and tell [email]", "Hello"]
    assert found.notes == ("card x2 masked", "email x1 masked")


def test_a_find_is_refused_by_its_patterns_name_and_nothing_of_the_text() -> None:
    with pytest.raises(ContentBlocked) as caught:
        check(Guard(("email", "card"), BLOCK))

    assert (caught.value.status, caught.value.code) == (400, "content_blocked")
    assert "'email' and the pattern 'card'" in caught.value.message
    assert not any(word in caught.value.message for word in ("4111", "ann", "Charge"))


@pytest.mark.parametrize("action", list(GuardAction))
def test_a_guard_in_the_shadow_notes_and_does_nothing_else(action: GuardAction) -> None:
    found = check(Guard(("card",), action), is_enforced=False)

    assert (said(found), found.notes) == ([TEXT], ("shadow:card x2",))


def test_an_own_pattern_is_found_by_its_name() -> None:
    found = check(Guard(("ticket",), MASK), "See T-12, T-9", "T-1", ticket=r"\bT-[0-9]+")

    assert (said(found), found.notes) == (["See [ticket], [ticket]", "[ticket]"], ("ticket x3 masked",))


def test_an_own_pattern_takes_the_place_of_a_known_one() -> None:
    assert check(Guard(("card",), MASK), f"{CARD} C-1", card="C-1").notes == ("card x1 masked",)


def test_an_own_pattern_does_not_reach_from_one_text_into_the_next() -> None:
    assert check(Guard(("pair",), FLAG), "a", "b", pair=r"a[^x]*b").notes == ()


def test_a_card_in_two_parts_is_not_found() -> None:
    """A limit that docs/guards.md states."""
    assert check(Guard(("card",), FLAG), "4111 1111", "1111 1111").notes == ()


def test_a_name_that_no_pattern_has_is_the_operators_mistake() -> None:
    with pytest.raises(Misconfigured, match=r"'phone'; there are own, card, key, email, iban"):
        check(Guard(("phone",), FLAG), own="x")


def test_several_guards_are_applied_one_after_the_other() -> None:
    guards = [
        (Guard(("card",), MASK), True),
        (Guard(("email",), BLOCK), False),
        (Guard(("card",), BLOCK), True),
    ]

    found = Guards({}, Guardrail()).check(request(TEXT), guards, 4)

    assert found.notes == ("card x2 masked", "shadow:email x1")


def test_a_guardrail_is_asked_about_words_after_they_were_masked() -> None:
    ask = Guardrail()

    found = check(Guard(("card",), MASK, ARN, "3"), f"Pay {CARD}", "Pay it", "Pay it", ask=ask)

    assert found.notes == ("card x1 masked",)
    ((guardrail, version, texts, seconds, wants_masked),) = ask.asked
    assert (guardrail, version, texts, wants_masked) == (ARN, "3", ("Pay [card]", "Pay it"), True)
    assert 3 < seconds <= 4


@pytest.mark.parametrize(
    ("action", "is_enforced", "notes"),
    [(FLAG, True, ("guardrail:abc123",)), (BLOCK, False, ("shadow:guardrail:abc123",))],
)
def test_what_a_guardrail_stops_is_noted(action: GuardAction, is_enforced: bool, notes: tuple[str, ...]) -> None:
    found = check(Guard((), action, ARN), "x", is_enforced=is_enforced, ask=Guardrail(Judged(is_intervention=True)))

    assert (said(found), found.notes) == (["x"], notes)


@pytest.mark.parametrize("action", [MASK, BLOCK])
def test_what_a_guardrail_blocks_does_not_leave(action: GuardAction) -> None:
    with pytest.raises(ContentBlocked, match="guardrail abc123 found something"):
        check(Guard((), action, ARN), "x", ask=Guardrail(Judged(is_intervention=True)))


def test_what_a_guardrail_masks_leaves_as_it_says() -> None:
    ask = Guardrail(Judged(is_intervention=True, masked=("to {EMAIL}", "two")))

    found = check(Guard((), MASK, "abc123"), "to a@b.io", "two", "to a@b.io", ask=ask)

    assert (said(found), found.notes) == (["to {EMAIL}", "two", "to {EMAIL}"], ("guardrail:abc123 masked",))


@pytest.mark.parametrize("action", [MASK, BLOCK])
def test_a_guardrail_that_does_not_answer_stops_the_call(action: GuardAction) -> None:
    with pytest.raises(Unavailable):
        check(Guard((), action, ARN), ask=Guardrail(Unavailable("silence")))


@pytest.mark.parametrize(("action", "is_enforced", "shadow"), [(FLAG, True, ""), (BLOCK, False, "shadow:")])
def test_a_guardrail_that_only_watches_may_be_silent(action: GuardAction, is_enforced: bool, shadow: str) -> None:
    found = check(Guard((), action, ARN), is_enforced=is_enforced, ask=Guardrail(Unavailable("silence")))

    assert (said(found), found.notes) == ([TEXT], (f"{shadow}guardrail:abc123 did not answer",))


def test_a_gateway_without_guards_loads_no_patterns() -> None:
    program = (
        "import sys, sluice.policy.guards; print([one for one in sys.modules if 'patterns' in one or 'texts' in one])"
    )
    command = [sys.executable, "-c", program]

    assert subprocess.run(
        command, capture_output=True, text=True, check=True, env={"PYTHONPATH": "functions"}
    ).stdout == ("[]\n")
