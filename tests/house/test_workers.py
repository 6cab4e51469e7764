"""tests/workers.py: what every process of a run has to agree on."""

import pytest
from tests.canaries import KEY, PROMPT, RANDOM, canary
from tests.workers import has_piece
from tests.workers import pytest_make_parametrize_id as name


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (KEY, "<sk-fake->"),
        (f"Bearer {KEY}", "Bearer <sk-fake->"),
        (f"{KEY} and {PROMPT}\x7f", "<sk-fake-> and <prompt>\\x7f"),
        (canary("sk-fake-"), "<sk-fake->"),
        (f"a mask of it: {KEY[-RANDOM:][20:27]}", "<a piece of a canary>"),
    ],
)
def test_a_text_is_named_by_the_canary_that_is_in_it(value: str, expected: str) -> None:
    assert name(value) == expected


@pytest.mark.parametrize("value", ["", "sk-fake-", "the answer to a prompt", b"bytes", None, 3])
def test_all_else_is_named_as_ever(value: object) -> None:
    assert name(value) is None


def test_no_test_is_named_by_what_is_random(request: pytest.FixtureRequest) -> None:
    assert not [one.nodeid for one in request.session.items if has_piece(one.nodeid)]
