"""Whose it is: for each kind of group, and for callers who have no place in it."""

import pytest
from tests.unit.policy.callers import ADA, DEVELOPER, ROLE, USER, with_key

from sluice.policy.groups import group

KEYED = with_key(tags={"team": "search"})


@pytest.mark.parametrize(
    ("per", "developer", "user", "keyed"),
    [
        ("principal", ROLE, USER, "key:abcdefgh2345"),
        ("session", f"{ROLE}/ada", USER, f"{ROLE}/ada"),
        ("key", "-", "-", "abcdefgh2345"),
        ("all", "all", "all", "all"),
        ("tag:team", "-", "-", "search"),
        ("tag:env", "-", "-", "-"),
    ],
)
def test_each_caller_has_a_place(per: str, developer: str, user: str, keyed: str) -> None:
    assert [group(one, per) for one in (DEVELOPER, ADA, KEYED)] == [developer, user, keyed]
