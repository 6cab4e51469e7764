"""Rows and their attribute values, against the layout that the command line reads too."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.stores.calls import BOUND, LEASE, STARTED_MS, record, reservation

from sluice.domain.principal import Principal
from sluice.domain.record import Attempt
from sluice.domain.virtual_key import VirtualKey
from sluice.stores import table
from sluice.stores.table import Status

PRINCIPAL = "arn:aws:iam::123456789012:role/Developers"
REQUEST_ID = "11111111-2222-4333-8444-555555555555"


def test_a_reserved_row_is_open_and_found_by_nobody() -> None:
    row = table.reserved(reservation())

    assert (row["pk"], row["sk"], row["st"], row["pr"]) == (f"R#{REQUEST_ID}", "R", "R", PRINCIPAL)
    assert row["opk"] in {"O#0", "O#1", "O#2", "O#3"}
    assert row["osk"] == f"{LEASE:012d}#{REQUEST_ID}"
    assert not {"g2pk", "g2sk", "exp"} & row.keys()


def test_a_settled_row_is_closed_and_found_by_time() -> None:
    row = table.settled(reservation(), record(), expires=1_829_764_800)

    assert (row["opk"], row["osk"]) == (None, None)
    assert row["g2pk"] == f"T#20261120#{table.shard(REQUEST_ID)}"
    assert row["g2sk"] == f"{STARTED_MS}#{REQUEST_ID}"
    assert row["exp"] == 1_829_764_800


def test_the_day_is_the_day_of_admission_in_utc() -> None:
    assert table.day(1_795_219_199_999) == "20261120"
    assert table.day(1_795_219_200_000) == "20261121"


def test_provider_and_model_are_those_of_the_last_attempt() -> None:
    row = table.settled(reservation(), record(), expires=1)

    assert (row["pv"], row["md"]) == ("azure-east", "gpt-5-mini-2")
    assert [one["pv"] for one in row["att"]] == ["openai", "azure-east"]


def test_without_an_attempt_the_reserved_target_stays() -> None:
    row = table.settled(reservation(), record(attempts=()), expires=1)

    assert not {"pv", "md"} & row.keys()


def test_an_unknown_cost_is_left_out_and_a_cost_of_nothing_is_written() -> None:
    unknown = table.update(table.settled(reservation(), record(cost=None), expires=1), Status.RESERVED)
    nothing = table.update(table.settled(reservation(), record(cost=0), expires=1), Status.RESERVED)

    assert "#act" in unknown["UpdateExpression"].partition("REMOVE")[2]
    assert nothing["ExpressionAttributeValues"][":act"] == {"N": "0"}


def test_an_abandoned_row_costs_the_bound_and_claims_nothing_else() -> None:
    row = table.abandoned(table.reserved(reservation()), expires=1)

    assert (row["st"], row["oc"], row["src"], row["act"]) == ("A", "abandoned", "estimated", BOUND)
    assert not {"http", "fin", "it", "ot", "ce"} & row.keys()


def test_an_abandoned_row_without_a_price_has_no_cost() -> None:
    assert table.abandoned(table.reserved(reservation(bound=None)), expires=1)["act"] is None


def test_every_name_and_value_of_an_update_is_bound() -> None:
    route = "#st = :x, SET act = :y"

    update = table.update({"rt": route, "opk": None}, Status.RESERVED)

    assert update["UpdateExpression"] == "SET #rt = :rt REMOVE #opk"
    assert update["ExpressionAttributeNames"] == {"#rt": "rt", "#opk": "opk", "#st": "st"}
    assert update["ExpressionAttributeValues"] == {":previous": {"S": "R"}, ":rt": {"S": route}}


def test_a_write_may_ask_for_its_own_execution() -> None:
    update = table.update({"oc": "complete"}, Status.RESERVED, "nonce-1")

    assert update["ConditionExpression"] == "#st = :previous AND #nn = :nn"
    assert update["ExpressionAttributeNames"] == {"#oc": "oc", "#st": "st", "#nn": "nn"}
    assert update["ExpressionAttributeValues"][":nn"] == {"S": "nonce-1"}


def test_a_virtual_key_is_told_with_the_role_behind_it() -> None:
    key = VirtualKey("abcdefghijkl", "ci", "team search")
    principal = Principal("key:abcdefghijkl", "123456789012", "ada", key=key, iam=PRINCIPAL)

    row = table.reserved(reservation(principal=principal))
    without = table.reserved(reservation())

    assert (row["pr"], row["vk"], row["iam"], row["se"]) == ("key:abcdefghijkl", key.id, PRINCIPAL, "ada")
    assert (without["vk"], without["iam"], without["idk"], without["nt"], without["bud"]) == (None,) * 5


def test_notes_are_few_and_short() -> None:
    notes = [f"{number}" + "x" * 100 for number in range(20)]

    kept = table.reserved(reservation(notes=tuple(notes)))["nt"]

    assert kept == [note[:64] for note in notes[:10]]


def test_a_row_survives_the_wire() -> None:
    row = {"a": "x", "b": 5, "c": -7, "d": 0.25, "e": True, "f": False, "g": [{"h": 1}], "i": {"j": "k"}, "l": None}

    assert table.row(table.item(row)) == {name: value for name, value in row.items() if value is not None}


def test_a_type_nobody_wrote_is_read_as_it_is() -> None:
    assert table.row({"tags": {"SS": ["a", "b"]}, "gone": {"NULL": True}}) == {"tags": ["a", "b"], "gone": None}


@pytest.mark.fault("D07")
def test_two_megabytes_of_metadata_and_text_stay_within_one_small_item() -> None:
    long = "é" * 1_000_000
    many = {f"key-{number}": "v" * 100 for number in range(20_000)}
    attempts = tuple(Attempt("openai", long, 500, long, 1) for _ in range(1000))

    reserved = table.reserved(reservation(route=long, path=long, model=long, metadata=many))
    settled = table.settled(reservation(), record(attempts=attempts, finish_reason=long, error_code=long), expires=1)

    assert 0 < len(reserved["meta"]) < 20
    assert size(table.item(reserved)) < 6_100
    assert size(table.item(settled)) < 60_000


@pytest.mark.fault("D07")
@given(st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.floats(), st.booleans()), max_size=50))
def test_kept_metadata_fits_and_is_part_of_what_was_given(pairs: dict[str, Any]) -> None:
    kept = dict(table.metadata(pairs))

    assert sum(len(name.encode()) + len(str(value).encode()) for name, value in kept.items()) <= table.MAX_METADATA
    assert all(table.item({"meta": kept})["meta"]["M"])
    assert kept.keys() <= {table.text(name) for name in pairs}


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 1e300, 10**40, -(10**5000)],
    ids=["nan", "inf", "1e300", "41 digits", "5001 digits"],
)
def test_a_number_dynamodb_cannot_hold_is_left_out_of_the_metadata(value: float) -> None:
    assert dict(table.metadata({"bad": value, "good": 1})) == {"good": 1}


def test_a_lone_surrogate_is_replaced() -> None:
    assert table.text("a\ud800b") == "a?b"
    assert dict(table.metadata({"\ud800": "\udfff"})) == {"?": "?"}


def size(item: dict[str, dict[str, Any]]) -> int:
    return len(repr(item).encode())
