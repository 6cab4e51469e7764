"""Whose stored answers are whose, on a table that fails on demand."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import pytest
from tests.unit.stores.calls import HandClock
from tests.unit.stores.memory_table import failure, lost, throttled

from sluice.domain.call import Call, ModelRequest, Step
from sluice.domain.errors import GatewayError, LedgerBusy, UnknownReference
from sluice.domain.principal import Principal
from sluice.domain.reference import Reference, Stored
from sluice.domain.usage import Usage
from sluice.stores.owners import MOST_READ, MOST_WRITTEN, Owners

ADA = Principal("arn:aws:iam::123456789012:user/ada", "123456789012", None)
BOB = Principal("arn:aws:iam::123456789012:user/bob", "123456789012", None)
USAGE = Usage(input=90, cache_read=10, output=20)
ANSWER = (Stored("resp_1"), Stored("msg_1", is_generated=True))
TABLE = "ledger"


class BatchTable:
    """A table in memory with batches. `failures` are raised in their order, None lets one pass.

    `unprocessed` batches are taken without their last item. `before_read` is run before each read.
    """

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.batches: list[tuple[str, int]] = []
        self.failures: list[Exception | None] = []
        self.unprocessed = 0
        self.before_read: Callable[[], None] = lambda: None

    def batch_get_item(self, **arguments: Any) -> Mapping[str, Any]:
        asked = arguments["RequestItems"][TABLE]
        assert asked["ConsistentRead"] is True
        keys = self._taken("read", asked["Keys"], MOST_READ)
        self.before_read()
        found = [self.items[key["pk"]["S"]] for key in keys if key["pk"]["S"] in self.items]
        left = asked["Keys"][len(keys) :]
        return {"Responses": {TABLE: found}, "UnprocessedKeys": {TABLE: {"Keys": left}} if left else {}}

    def batch_write_item(self, **arguments: Any) -> Mapping[str, Any]:
        asked = arguments["RequestItems"][TABLE]
        puts = self._taken("write", asked, MOST_WRITTEN)
        self.items |= {put["PutRequest"]["Item"]["pk"]["S"]: put["PutRequest"]["Item"] for put in puts}
        left = asked[len(puts) :]
        return {"UnprocessedItems": {TABLE: left} if left else {}}

    def _taken(self, kind: str, asked: list[Any], most: int) -> list[Any]:
        keys = [str(one.get("pk") or one["PutRequest"]["Item"]["pk"]) for one in asked]
        assert 0 < len(keys) == len(set(keys)) <= most  # what DynamoDB itself would refuse
        self.batches.append((kind, len(asked)))
        if self.failures and (error := self.failures.pop(0)):
            raise error
        if self.unprocessed:
            self.unprocessed -= 1
            return asked[:-1]
        return asked


class Site:
    """Owners on such a table."""

    def __init__(self) -> None:
        self.hand = HandClock()
        self.table = BatchTable()
        self.owners = Owners(self.table, TABLE, self.hand.clock, Random(1), retention_days=7)

    def keep(self, who: Principal = ADA, *stored: Stored, call: str = "call-1", usage: Usage = USAGE) -> None:
        request = ModelRequest({"model": "m"})
        made = Call(call, "openai", "/v1/responses", (Step(request),), who, 0.0, 0, 0.0, 0)
        self.owners.keep(made, "openai", stored or ANSWER, usage)

    def tokens(self, *ids: str, who: Principal = ADA, provider: str = "openai") -> int:
        return self.owners.tokens(who, provider, [Reference("item", id, "input") for id in ids])

    def error(self, *ids: str, who: Principal = ADA, provider: str = "openai") -> GatewayError:
        with pytest.raises(GatewayError) as caught:
            self.tokens(*ids, who=who, provider=provider)
        return caught.value


@pytest.fixture
def site() -> Site:
    return Site()


def test_its_principal_may_build_on_an_answer_at_once(site: Site) -> None:
    site.keep()

    assert site.tokens("resp_1") == USAGE.total
    assert site.hand.slept == [0.0]


def test_a_row_says_whose_of_which_call_how_long_and_until_when(site: Site) -> None:
    site.keep()

    assert site.table.items["V#openai#resp_1"] == {
        "pk": {"S": "V#openai#resp_1"},
        "sk": {"S": "V"},
        "pr": {"S": ADA.id},
        "rq": {"S": "call-1"},
        "tk": {"N": "120"},
        "exp": {"N": str(int(site.hand.seconds) + 7 * 86_400)},
    }


def test_what_the_model_wrote_counts_as_output_and_one_call_counts_once(site: Site) -> None:
    site.keep()
    site.keep(ADA, Stored("msg_2", is_generated=True), call="call-2")

    assert site.tokens("msg_1") == USAGE.output
    assert site.tokens("msg_1", "resp_1", "resp_1") == USAGE.total
    assert site.tokens("msg_1", "msg_2") == 2 * USAGE.output


def test_nobody_else_may_and_the_time_does_not_tell_that_it_is_there(site: Site) -> None:
    site.keep()

    foreign = site.error("resp_1", who=BOB)
    slept_for_foreign, site.hand.slept = site.hand.slept, []
    unknown = site.error("resp_2", who=BOB)

    assert isinstance(foreign, UnknownReference)
    assert str(foreign).replace("resp_1", "resp_2") == str(unknown)
    assert slept_for_foreign == site.hand.slept
    assert foreign.code == unknown.code == "item_not_found"


@pytest.mark.parametrize("ids", [("resp_1", "resp_b"), ("resp_b", "resp_1"), ("resp_1", "nowhere")])
def test_one_of_anothers_among_ones_own_is_refused(site: Site, ids: tuple[str, ...]) -> None:
    site.keep()
    site.keep(BOB, Stored("resp_b"), call="call-b")

    error = site.error(*ids)

    assert next(id for id in ids if id != "resp_1") in str(error)


def test_an_answer_of_another_provider_is_nobodys(site: Site) -> None:
    site.keep()

    assert site.error("resp_1", provider="azure").status == 400


@pytest.mark.parametrize(
    ("kind", "param", "code", "hint"),
    [
        ("response", "previous_response_id", "previous_response_not_found", "store = false"),
        ("conversation", "conversation", "conversation_not_found", "use previous_response_id"),
        ("item", "input", "item_not_found", "store = false"),
    ],
)
def test_the_error_names_the_field_and_cuts_the_id(site: Site, kind: str, param: str, code: str, hint: str) -> None:
    with pytest.raises(UnknownReference) as caught:
        site.owners.tokens(ADA, "openai", [Reference(kind, "x" * 128, param)])

    assert (caught.value.code, caught.value.param, caught.value.status) == (code, param, 400)
    assert "x" * 81 not in str(caught.value)
    assert hint in str(caught.value)


def test_a_reader_faster_than_the_ledger_waits_a_moment(site: Site) -> None:
    def written_between() -> None:
        if len(site.hand.slept) == 2:
            site.keep()

    site.table.before_read = written_between

    assert site.tokens("resp_1") == USAGE.total
    assert site.hand.slept == [0.0, 0.1]


def test_waiting_for_what_nobody_has_ends(site: Site) -> None:
    site.error("resp_1")

    assert sum(site.hand.slept) == pytest.approx(1.0)
    assert [kind for kind, _ in site.table.batches] == ["read"] * 4


def test_only_what_is_missing_is_read_again(site: Site) -> None:
    site.keep()

    site.error("resp_1", "resp_2", "resp_1")

    assert site.table.batches[1:] == [("read", 2), ("read", 1), ("read", 1), ("read", 1)]


def test_more_than_a_batch_is_read_and_written(site: Site) -> None:
    stored = [Stored(f"msg_{number}", is_generated=True) for number in range(250)]

    site.keep(ADA, *stored)

    assert site.tokens(*(one.id for one in stored)) == USAGE.output
    assert [size for kind, size in site.table.batches if kind == "write"] == [25] * 10
    assert [size for kind, size in site.table.batches if kind == "read"] == [100, 100, 50]


def test_keys_the_table_had_no_time_for_are_read_again(site: Site) -> None:
    site.keep()
    site.table.unprocessed = 2

    assert site.tokens("resp_1", "msg_1") == USAGE.total


@pytest.mark.fault("D02")
def test_keys_it_never_has_time_for_are_undecided_not_unknown(site: Site) -> None:
    site.keep()
    site.table.unprocessed = 100

    error = site.error("resp_1")

    assert isinstance(error, LedgerBusy)
    assert error.headers["retry-after"] == "1"


@pytest.mark.fault("D02")
def test_a_throttled_read_is_tried_again(site: Site) -> None:
    site.keep()
    site.table.failures = [throttled(), lost()]

    assert site.tokens("resp_1") == USAGE.total


@pytest.mark.fault("D02")
@pytest.mark.parametrize("kind", ["AccessDeniedException", "ResourceNotFoundException", "ThrottlingException"])
def test_a_table_that_does_not_say_fails_closed(site: Site, kind: str) -> None:
    site.keep()
    site.table.failures = [failure(kind)] * 1000

    error = site.error("resp_1")

    assert isinstance(error, LedgerBusy)
    assert "nothing was sent" in str(error)


@pytest.mark.parametrize("kind", ["AccessDeniedException", "ThrottlingException"])
def test_a_row_that_cannot_be_written_fails_no_call(site: Site, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    site.table.failures = [failure(kind)] * 1000

    site.keep()

    assert "owners.unkept" in caplog.text
    assert "resp_1" not in caplog.text
    site.table.failures = []
    assert site.error("resp_1").code == "item_not_found"


def test_rows_the_table_had_no_time_for_are_written_again(site: Site) -> None:
    site.table.unprocessed = 3

    site.keep()

    assert len(site.table.items) == 2


def test_rows_it_never_has_time_for_are_reported_within_a_second(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.table.unprocessed = 10**6
    since = site.hand.seconds

    site.keep()

    assert site.hand.seconds - since <= 1.0
    assert "throttled" in caplog.text
    assert len(site.table.batches) < 30


def test_a_call_without_references_reads_nothing(site: Site) -> None:
    assert site.tokens() == 0
    assert site.table.batches == []


def test_who_is_not_patient_does_not_wait(site: Site) -> None:
    with pytest.raises(UnknownReference):
        site.owners.tokens(ADA, "openai", [Reference("item", "nowhere", "input")], is_patient=False)

    assert site.hand.slept == [0.0]
