import inspect
import logging
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.stores.calls import HandClock
from tests.unit.stores.key_rows import FORMER, ID, NOW, OTHER, SHOWN, item
from tests.unit.stores.memory_table import MemoryTable, failure, lost, throttled

from sluice import policy_settings
from sluice.domain.errors import GatewayError, InvalidKey, LedgerBusy, Unavailable
from sluice.domain.policy import Budget, Estimate, Rate, Window
from sluice.domain.virtual_key import VirtualKey
from sluice.stores import keys
from sluice.stores.keys import KEY, MAX_REMEMBERED, NOT_GOOD, REMEMBERED_SECONDS, Keys, check, digest_of

UNKNOWN = "slu_nobodynobody_" + "x" * 43


class Site:
    """A table with one key in it, and what reads it."""

    def __init__(self, shown: str = SHOWN, **changes: Any) -> None:
        self.table = MemoryTable()
        self.hand = HandClock(now=float(NOW))
        self.keys = Keys(self.table, "ledger", self.hand.clock, Random(0))
        self.put(shown, **changes)

    def put(self, shown: str = SHOWN, **changes: Any) -> None:
        stored = item(shown, **changes)
        self.table.items[stored["pk"]["S"]] = stored

    def refusal(self, shown: str = SHOWN) -> GatewayError:
        with pytest.raises(GatewayError) as caught:
            self.keys.find(shown)
        return caught.value


def test_a_key_is_found_with_all_that_it_may_do() -> None:
    found = Site(
        models=["smart", "openai/gpt-*"],
        budgets=[
            {"usd": "10.00", "window": "month", "estimate": "typical", "overshoot": "0.5"},
            {"usd": "1", "window": "day", "estimate": "strict", "max_output_tokens": 100},
        ],
        rate={"requests_per_minute": 60, "tokens_per_minute": 200_000, "concurrent": 4},
        tags={"team": "search"},
    ).keys.find(SHOWN)

    assert found == VirtualKey(
        id=ID,
        name="search",
        owner="ann@example.com",
        models=("smart", "openai/gpt-*"),
        budgets=(
            Budget("key search", 10 * 10**9, Window.MONTH, "key", overshoot=5 * 10**8),
            Budget("key search:2", 10**9, Window.DAY, "key", Estimate.STRICT, max_output_tokens=100),
        ),
        rate=Rate("key search", 60, 200_000, 4, "key"),
        tags={"team": "search"},
    )


def test_a_budget_of_a_key_is_its_own_whatever_the_row_says_and_typical_where_it_says_nothing() -> None:
    site = Site(budgets=[{"usd": "10", "window": "total", "per": "all"}])

    (budget,) = site.keys.find(SHOWN).budgets
    as_in_policies = policy_settings.budget({"usd": "10"}, "budget", "x").overshoot

    assert (budget.per, budget.estimate, budget.overshoot) == ("key", Estimate.TYPICAL, as_in_policies)


def test_a_key_without_limits_has_none() -> None:
    assert Site().keys.find(SHOWN) == VirtualKey(ID, "search", "ann@example.com")


BAD = {
    "unknown": (UNKNOWN, {}),
    "another secret": (FORMER, {}),
    "the secret of another id": (OTHER, {}),
    "revoked": (SHOWN, {"st": "R"}),
    "of no known state": (SHOWN, {"st": "?"}),
    "expired": (SHOWN, {"until": NOW}),
    "expiry damaged": (SHOWN, {"until": "2030"}),
    "hash damaged": (SHOWN, {"h": "x"}),
    "hash gone": (SHOWN, {"h": None}),
    "hash no text": (SHOWN, {"h": 7}),
    "hash with other digits": (SHOWN, {"h": "é" * 64}),
    "no key": ("hello", {}),
    "empty": ("", {}),
    "longer": (SHOWN + "x", {}),
    "with a line end": (SHOWN + "\n", {}),
    "upper case": (SHOWN.upper(), {}),
    "other letters": (SHOWN.replace("fake", "fäke"), {}),
    "the hash itself": (f"slu_{ID}_{digest_of(SHOWN)[:43]}", {}),
}


@pytest.mark.parametrize(("shown", "changes"), BAD.values(), ids=BAD)
def test_whatever_is_wrong_with_a_key_is_said_in_the_same_words(shown: str, changes: dict[str, Any]) -> None:
    refusal = Site(**changes).refusal(shown)

    assert (type(refusal), refusal.status, refusal.code) == (InvalidKey, 401, "invalid_api_key")
    assert refusal.message == NOT_GOOD


@pytest.mark.fault("A03")
def test_an_unknown_id_costs_the_read_that_a_known_one_costs() -> None:
    sites = {shown: Site() for shown in (UNKNOWN, FORMER, SHOWN)}

    refusals = [sites[shown].refusal(shown).code for shown in (UNKNOWN, FORMER)]
    sites[SHOWN].keys.find(SHOWN)

    assert refusals == ["invalid_api_key"] * 2
    assert [site.table.calls for site in sites.values()] == [["GetItem"]] * 3


@pytest.mark.fault("A03")
def test_hashes_are_compared_in_constant_time_and_in_no_other_way() -> None:
    """How long that takes is measured by `python -m benchmarks.key_timing`; a machine in use would make it flaky."""
    source = inspect.getsource(keys.shown_until)

    assert source.count("hmac.compare_digest(") == 2
    assert "==" not in source


@pytest.mark.parametrize(("after", "is_good"), [(0, True), (59, True), (60, False)])
def test_a_former_key_is_good_for_its_grace(after: int, is_good: bool) -> None:
    site = Site(h2=digest_of(FORMER), until2=NOW + 60)
    site.hand.seconds += after

    assert (site.keys.find(FORMER).id == ID) if is_good else site.refusal(FORMER).code == "invalid_api_key"
    assert site.keys.find(SHOWN).id == ID


def test_a_former_key_ends_with_the_key() -> None:
    site = Site(h2=digest_of(FORMER), until2=NOW + 60, until=NOW + 5)
    site.keys.find(FORMER)

    site.hand.seconds += 5

    assert site.refusal(FORMER).code == "invalid_api_key"


def test_a_good_key_is_read_once_a_minute() -> None:
    site = Site()

    for _ in range(3):
        site.keys.find(SHOWN)
    site.hand.seconds += REMEMBERED_SECONDS
    site.keys.find(SHOWN)

    assert site.table.calls == ["GetItem", "GetItem"]


def test_a_key_that_was_revoked_is_not_remembered_past_its_minute() -> None:
    site = Site()
    site.keys.find(SHOWN)
    site.put(st="R")
    site.hand.seconds += REMEMBERED_SECONDS

    assert [site.refusal().code, site.refusal().code] == ["invalid_api_key"] * 2


def test_a_remembered_key_ends_when_it_expires() -> None:
    site = Site(until=NOW + 10)
    site.keys.find(SHOWN)

    site.hand.seconds += 10

    assert site.refusal().code == "invalid_api_key"


def test_a_refusal_is_not_remembered() -> None:
    site = Site(st="R")
    site.refusal()

    site.put()

    assert site.keys.find(SHOWN).id == ID


def test_no_more_keys_are_remembered_than_the_cap() -> None:
    site, shown = Site(), [f"slu_{'a' * 12}_{number:043d}" for number in range(MAX_REMEMBERED + 10)]

    for one in shown:
        site.put(one)
        site.keys.find(one)

    assert len(site.keys._remembered) == MAX_REMEMBERED
    site.table.calls.clear()
    assert site.keys.find(shown[-1]).id == "a" * 12
    assert site.table.calls == []


@pytest.mark.fault("A06")
@settings(deadline=None)
@given(st.integers(0, 42), st.sampled_from(["another character", "case", "shorter", "longer", "unicode"]))
def test_what_is_like_a_remembered_key_is_not_it(place: int, change: str) -> None:
    """CVE-2026-35030: a cache by the first 20 characters of a token."""
    site = Site()
    site.keys.find(SHOWN)
    head, secret = SHOWN[:17], SHOWN[17:]
    character = secret[place]
    changed = {
        "another character": secret[:place] + ("z" if character != "z" else "y") + secret[place + 1 :],
        "case": secret[:place] + character.swapcase() + secret[place + 1 :],
        "shorter": secret[:place] + secret[place + 1 :],
        "longer": secret[:place] + character + secret[place:],
        "unicode": secret[:place] + chr(ord(character) + 0xFEE0) + secret[place + 1 :],  # its full-width twin
    }[change]

    if changed == secret:  # a digit or a dash has no other case
        assert site.keys.find(head + changed).id == ID
    else:
        assert site.refusal(head + changed).code == "invalid_api_key"


@pytest.mark.fault("A06")
@settings(deadline=None)
@given(st.lists(st.text("abcXYZ019-_", min_size=23, max_size=23), min_size=2, max_size=8, unique=True))
def test_keys_that_begin_with_the_same_characters_are_themselves(ends: list[str]) -> None:
    shown = [f"slu_{ID}_{'same-beginning-'}{'0' * 5}{end}" for end in ends]
    sites = [Site(one) for one in shown]

    assert all(KEY.fullmatch(one) for one in shown)
    for own, site in zip(shown, sites, strict=True):
        site.keys.find(own)
        assert all(site.refusal(other).code == "invalid_api_key" for other in shown if other != own)


@pytest.mark.parametrize("error", [throttled, lost, lambda: failure("InternalServerError", 500)])
def test_a_table_that_does_not_answer_lets_nobody_in(error: Any) -> None:
    site = Site()
    site.table.before = [error() for _ in range(1000)]

    refusal = site.refusal()

    assert (type(refusal), refusal.headers) == (LedgerBusy, {"retry-after": "1"})
    assert "in time" in refusal.message


def test_one_hiccup_of_the_table_is_not_felt() -> None:
    site = Site()
    site.table.before = [throttled(), lost()]

    assert site.keys.find(SHOWN).id == ID


def test_a_table_that_refuses_is_told_of_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    site = Site()
    site.table.before = [failure("AccessDeniedException")]

    with caplog.at_level(logging.ERROR):
        refusal = site.refusal()

    assert type(refusal) is Unavailable
    assert caplog.messages == ["keys.refused: table ledger, AccessDeniedException; see the role and SLUICE_TABLE"]


DAMAGED: dict[str, dict[str, Any]] = {
    "nm": {"nm": 7},
    "ow": {"ow": None},
    "models": {"models": ["gpt", 5]},
    "models as text": {"models": "gpt"},
    "budgets": {"budgets": {"usd": "1"}},
    "budgets negative": {"budgets": [{"usd": "-1", "window": "day"}]},
    "budgets as a fraction": {"budgets": [{"usd": 1.5, "window": "day"}]},
    "budgets in no known window": {"budgets": [{"usd": "1", "window": "year"}]},
    "budgets without window": {"budgets": [{"usd": "1"}]},
    "budgets without amount": {"budgets": [{"window": "day"}]},
    "budgets of no known kind": {"budgets": [{"usd": "1", "window": "day", "estimate": "none"}]},
    "budgets with more": {"budgets": [{"usd": "1", "window": "day", "most": 7}]},
    "budgets too fine": {"budgets": [{"usd": "1.0000000001", "window": "day"}]},
    "budgets overshoot": {"budgets": [{"usd": "1", "window": "day", "overshoot": "lots"}]},
    "budgets most": {"budgets": [{"usd": "1", "window": "day", "max_output_tokens": 0}]},
    "rate": {"rate": 60},
    "rate empty": {"rate": {}},
    "rate of nothing": {"rate": {"requests_per_minute": 0}},
    "rate as text": {"rate": {"requests_per_minute": "60"}},
    "rate of no known kind": {"rate": {"requests_per_hour": 60}},
    "rate of a fraction": {"rate": {"requests_per_minute": 0.5}},
    "tags": {"tags": ["team"]},
    "tags with a number": {"tags": {"team": 7}},
}


@pytest.mark.fault("D11")
@pytest.mark.parametrize("changes", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_row_is_refused_and_named(changes: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    site, attribute = Site(**changes), next(iter(changes))

    with caplog.at_level(logging.ERROR):
        refusal = site.refusal()

    assert (type(refusal), refusal.status) == (Unavailable, 503)
    assert refusal.message.startswith(f"the virtual key {ID} cannot be used: the attribute {attribute} of its row")
    assert caplog.messages == [f"keys.damaged: table ledger, key {ID}, attribute {attribute}"]


@pytest.mark.fault("D11")
def test_whoever_has_not_the_key_does_not_learn_that_its_row_is_damaged() -> None:
    assert Site(models=7).refusal(FORMER).message == NOT_GOOD


@pytest.mark.parametrize("shown", [SHOWN, FORMER, OTHER, "slu_" + "x" * 90])
def test_no_error_and_no_log_says_a_key(shown: str, caplog: pytest.LogCaptureFixture) -> None:
    site = Site(models=7)

    with caplog.at_level(logging.DEBUG):
        refusal = site.refusal(shown)

    told = refusal.message + str(refusal.headers) + str(refusal.__cause__) + caplog.text + repr(site.keys)
    assert shown[17:] not in told
    assert digest_of(shown) not in told


def test_a_reservation_checks_that_the_key_is_good_now() -> None:
    made = check(ID, "ledger", 1_795_208_400.9)["ConditionCheck"]

    assert made == {
        "TableName": "ledger",
        "Key": {"pk": {"S": f"K#{ID}"}, "sk": {"S": "K"}},
        "ConditionExpression": "#st = :active AND (attribute_not_exists(#until) OR #until > :now)",
        "ExpressionAttributeNames": {"#st": "st", "#until": "until"},
        "ExpressionAttributeValues": {":active": {"S": "A"}, ":now": {"N": "1795208400"}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def test_a_reservation_checks_the_hash_where_it_is_known() -> None:
    made = check(ID, "ledger", 0.0, "ab")["ConditionCheck"]

    assert made["ConditionExpression"].endswith(" AND (#h = :digest OR (#h2 = :digest AND #until2 > :now))")
    assert made["ExpressionAttributeValues"][":digest"] == {"S": "ab"}
