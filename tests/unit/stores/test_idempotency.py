"""Calls that are made at most once under their caller's own name, on a table in memory that fails on demand."""

import zlib
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from tests.fakes.memory_dynamodb import MemoryDynamoDB, failure, lost, throttled
from tests.unit.stores.calls import HandClock, record, reservation
from tests.unit.stores.repeats import ANSWER, BOB, BODY, HEADERS, Repeats, call, idempotent

from sluice.domain.call import ModelRequest, Step
from sluice.domain.errors import IdempotencyConflict, Repeated, StillRunning
from sluice.domain.idempotency import KeptAnswer
from sluice.domain.operation import EMBEDDINGS
from sluice.domain.record import Outcome, Reservation
from sluice.stores import idempotency
from sluice.stores.idempotency import END_SECONDS, KEPT_SECONDS, MAX_ANSWER_BYTES, MAX_HEADER_BYTES, MAX_PACKED_BYTES

OTHER = {**BODY, "model": "small"}


class Site(Repeats):
    def __init__(self) -> None:
        self.table = MemoryDynamoDB()
        super().__init__(self.table, "ledger", HandClock())

    def row(self) -> dict[str, Any]:
        ((pk, sk),) = self.table.items
        return self.table.row(pk, sk)


@pytest.fixture
def site() -> Site:
    return Site()


def repeated(found: object) -> KeptAnswer:
    assert isinstance(found, Repeated)
    return found.answer


def conflict(found: object) -> IdempotencyConflict:
    assert isinstance(found, IdempotencyConflict)
    assert not isinstance(found, StillRunning)
    assert (found.status, found.code, found.headers) == (409, "idempotency_conflict", {"x-should-retry": "false"})
    return found


def test_a_call_begins_under_its_name(site: Site) -> None:
    assert isinstance(site.begin(call()), Reservation)

    now = int(site.hand.seconds)
    assert site.row() == {
        "pk": idempotency.key_of(call().principal.id, "order-7"),
        "sk": "I",
        "rid": "call-1",
        "bh": idempotency.digest_of(call()),
        "st": "R",
        "lease": now + 900,
        "exp": now + KEPT_SECONDS,
    }


def test_a_reservation_without_a_name_has_no_row() -> None:
    with pytest.raises(ValueError, match="no Idempotency-Key"):
        idempotency.put(reservation(), "ledger", 0.0)


def test_a_repeat_of_a_running_call_is_refused_and_may_be_made_later(site: Site) -> None:
    site.begin(call())

    found = site.begin(call(), "call-2")

    assert isinstance(found, StillRunning)
    assert (found.status, found.code) == (409, "idempotency_running")
    assert found.headers == {"retry-after": "2", "x-should-retry": "true"}


def test_a_repeat_after_the_end_is_the_same_answer(site: Site) -> None:
    site.end(site.begin(call()))

    assert repeated(site.begin(call(), "call-2")) == KeptAnswer("call-1", HEADERS, ANSWER)
    assert repeated(site.begin(call(), "call-3")) == KeptAnswer("call-1", HEADERS, ANSWER)


@pytest.mark.parametrize("is_ended", [True, False])
def test_another_request_under_the_same_name_is_a_conflict(site: Site, is_ended: bool) -> None:
    first = site.begin(call())
    if is_ended:
        site.end(first)

    words = "this Idempotency-Key was used for another request; use a new one"
    assert str(conflict(site.begin(call(OTHER), "call-2"))) == words


@pytest.mark.fault("C05")
def test_the_names_of_another_principal_are_others(site: Site) -> None:
    site.end(site.begin(call()), b"of ada")

    theirs = site.begin(call(who=BOB), "call-2")
    site.end(theirs, b"of bob")

    assert repeated(site.begin(call(), "call-3")).body == b"of ada"
    assert repeated(site.begin(call(who=BOB), "call-4")).body == b"of bob"


@pytest.mark.fault("C05")
def test_a_name_cannot_be_made_to_look_like_another_principals() -> None:
    keys = {idempotency.key_of(who, name) for who, name in [("a", "b#c"), ("a#b", "c"), ("ab", "c"), ("a", "bc")]}

    assert len(keys) == 4


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.INCOMPLETE, Outcome.ABANDONED])
def test_a_call_that_has_not_ended_well_may_be_made_again(site: Site, outcome: Outcome) -> None:
    site.fail(site.begin(call()), outcome)

    second = site.begin(call(), "call-2")
    site.end(second)

    assert repeated(site.begin(call(), "call-3")).request_id == "call-2"


def test_a_whole_answer_that_is_an_error_may_be_asked_for_again(site: Site) -> None:
    first = site.begin(call())
    assert isinstance(first, Reservation)

    site.store.end(first, record(outcome=Outcome.COMPLETE, http_status=400), KeptAnswer("call-1", HEADERS, ANSWER))

    assert isinstance(site.begin(call(OTHER), "call-2"), Reservation)


def test_after_a_crash_the_name_is_free_when_the_lease_is_over(site: Site) -> None:
    first = site.begin(call())

    site.hand.seconds += 900
    assert isinstance(site.begin(call(), "call-2"), StillRunning)
    site.hand.seconds += 1
    assert isinstance(site.begin(call(), "call-3"), Reservation)

    site.end(first)  # it was only slow: the name is another call's now
    assert site.row()["rid"] == "call-3"
    assert site.row()["st"] == "R"


def test_an_answer_is_kept_for_a_day(site: Site) -> None:
    first = site.begin(call())
    site.hand.seconds += 100
    site.end(first)

    site.hand.seconds += KEPT_SECONDS
    repeated(site.begin(call(), "call-2"))
    site.hand.seconds += 1

    assert isinstance(site.begin(call(OTHER), "call-3"), Reservation)


def test_an_answer_that_is_not_kept_is_not_made_again(site: Site) -> None:
    site.end(site.begin(call()), None)

    words = "the call with this Idempotency-Key was answered, and its answer is not kept or too long to be"
    assert str(conflict(site.begin(call(), "call-2"))).startswith(words)


@pytest.mark.parametrize("body", [b"x" * (MAX_ANSWER_BYTES + 1), Random(1).randbytes(MAX_PACKED_BYTES)])
def test_an_answer_that_is_too_long_is_not_kept(site: Site, body: bytes) -> None:
    site.end(site.begin(call()), body)

    conflict(site.begin(call(), "call-2"))
    assert "hdr" not in site.row()


@pytest.mark.parametrize("body", [b"", b"x" * MAX_ANSWER_BYTES, Random(1).randbytes(MAX_PACKED_BYTES - 200)])
def test_an_answer_that_just_fits_is_kept(site: Site, body: bytes) -> None:
    site.end(site.begin(call()), body)

    assert repeated(site.begin(call(), "call-2")).body == body


def test_only_sound_headers_are_kept(site: Site) -> None:
    given = {
        **HEADERS,
        "set-cookie": "a=b",
        "x-amz-request-id": "1",
        "x-ratelimit-remaining-requests": "3",
        "retry-after": "1",
        "x-sluice-bad": "a\r\nb: c",
        "x-sluice-bad name": "x",
        "x-sluice-odd": "ü",
        "x-sluice-long": "y" * MAX_HEADER_BYTES,
    }
    site.end(site.begin(call()), ANSWER, given)

    assert repeated(site.begin(call(), "call-2")).headers == HEADERS


def test_headers_that_somebody_wrote_into_the_table_are_not_trusted(site: Site) -> None:
    site.end(site.begin(call()))
    (place,) = site.table.items
    site.table.items[place]["hdr"] = {
        "M": {"set-cookie": {"S": "a"}, "x-sluice-n": {"N": "1"}, "x-sluice-a": {"S": "b"}}
    }

    assert repeated(site.begin(call(), "call-2")).headers == {"x-sluice-a": "b"}


BOMB = zlib.compress(b"\0" * (MAX_ANSWER_BYTES + 1))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("body", {"B": b"junk"}),
        ("body", {"B": b""}),
        ("body", {"B": zlib.compress(ANSWER)[:-4]}),
        ("body", {"B": BOMB}),
        ("body", {"S": "plain"}),
        ("body", {"NULL": True}),
        ("hdr", {"S": "x"}),
        ("rid", {"N": "1"}),
        ("st", {"S": "Z"}),
        ("st", {"N": "1"}),
        ("bh", {"N": "1"}),
    ],
)
def test_a_row_that_makes_no_sense_is_a_conflict(site: Site, name: str, value: dict[str, Any]) -> None:
    site.end(site.begin(call()))
    (place,) = site.table.items
    site.table.items[place][name] = value

    conflict(site.begin(call(), "call-2"))


def test_a_running_call_without_a_sound_lease_is_a_conflict(site: Site) -> None:
    site.begin(call())
    (place,) = site.table.items
    site.table.items[place]["lease"] = {"S": "soon"}

    conflict(site.begin(call(), "call-2"))


def test_a_row_that_went_away_meanwhile_may_be_tried_again() -> None:
    assert isinstance(idempotency.refused(idempotent(call()), {}), StillRunning)


def test_a_call_without_a_name_has_nothing_to_end(site: Site) -> None:
    site.store.end(reservation(), record(), KeptAnswer("call-1", HEADERS, ANSWER))

    assert site.table.calls == []


def test_an_end_is_tried_again(site: Site) -> None:
    first = site.begin(call())
    site.table.before = [throttled()]
    site.table.after = [lost()]

    site.end(first)

    assert repeated(site.begin(call(), "call-2")).body == ANSWER


def test_an_end_that_cannot_be_written_is_said_and_not_raised(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    first = site.begin(call())
    site.table.before = [throttled()] * 1000

    site.end(first)

    assert sum(site.hand.slept) <= END_SECONDS
    assert "idempotency.unended: table ledger, ProvisionedThroughputExceededException" in caplog.text


def test_an_end_that_comes_too_late_is_not_remarked(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    first = site.begin(call())
    site.table.before = [failure("ConditionalCheckFailedException")]

    site.end(first)

    assert caplog.text == ""


@pytest.mark.parametrize("name", ["a", "A" * 255, "~ !", "\ud800", "\udfff\ud800", "ключ", "🔑", "é", "e\u0301", "\0"])
def test_any_text_is_a_name_of_its_own(name: str) -> None:
    own = idempotency.key_of("ada", name)

    assert own != idempotency.key_of("ada", name + "x")
    assert own != idempotency.key_of("\ud800ada", name)
    assert own.isascii()
    assert len(own) == 2 + 16 + 1 + 64


def test_the_same_request_has_the_same_digest_however_it_is_written() -> None:
    turned = dict(reversed(BODY.items()))

    assert idempotency.digest_of(call(turned)) == idempotency.digest_of(call())
    assert idempotency.digest_of(call(request_id="call-2", who=BOB, key="x")) == idempotency.digest_of(call())


STEP = call().steps[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"path": "/v1/responses"},
        {"surface": "compat"},
        {"steps": (STEP, STEP)},
        {"steps": (replace(STEP, provider="openai"),)},
        {"steps": (replace(STEP, request=replace(STEP.request, operation=EMBEDDINGS)),)},
        {"steps": (replace(STEP, request=replace(STEP.request, named="small")),)},
        {"steps": (replace(STEP, request=replace(STEP.request, headers={"anthropic-beta": "x"})),)},
        {"steps": (Step(ModelRequest({**BODY, "messages": [{"role": "user", "content": "Ho"}]})),)},
        {"steps": (Step(ModelRequest({**BODY, "stream": True})),)},
        {"steps": (Step(ModelRequest({**BODY, "seed": 1})),)},
        {"steps": (Step(ModelRequest({**BODY, "seed": "1"})),)},
        {"steps": (Step(ModelRequest({**BODY, "user": "\ud800"})),)},
        {"steps": (Step(ModelRequest({**BODY, "user": "\\ud800"})),)},
    ],
)
def test_another_request_has_another_digest(changes: dict[str, Any]) -> None:
    others = {idempotency.digest_of(call()), idempotency.digest_of(call({**BODY, "user": "\ud801"}))}

    assert idempotency.digest_of(call(**changes)) not in others
