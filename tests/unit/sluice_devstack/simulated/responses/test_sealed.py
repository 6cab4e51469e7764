"""Sealed reasoning: every change is noticed."""

from random import Random

import pytest

from sluice_devstack.simulated.responses.sealed import is_intact, seal


def test_a_seal_is_intact_and_each_is_another() -> None:
    random = Random(7)
    one, other = seal(random, 300), seal(random, 300)

    assert is_intact(one)
    assert one != other
    assert one.startswith("gAAAAA")


def test_any_changed_character_breaks_it() -> None:
    sealed = seal(Random(7), 30)

    for place, character in enumerate(sealed.rstrip("=")):
        spoiled = sealed[:place] + ("A" if character != "A" else "B") + sealed[place + 1 :]
        assert not is_intact(spoiled), place


@pytest.mark.parametrize("text", ["", "gAAAAA", "not base64!", "ü", "gAAAAA\n"])
def test_what_was_never_sealed_is_not_intact(text: str) -> None:
    assert not is_intact(text)
