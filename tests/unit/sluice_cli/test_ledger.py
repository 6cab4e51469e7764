import zlib
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
    ReadTimeoutError,
)
from tests.unit.sluice_cli import calls
from tests.unit.sluice_cli.fake_table import FakeTable

from sluice_cli.failure import CommandFailed, UsageError
from sluice_cli.ledger import Ledger, open_ledger, translated
from sluice_cli.site import Site

DAY_MS = 86_400_000
NOW = calls.STARTED_MS / 1000 + 60


def settled(number: int, started_ms: int) -> calls.Item:
    return calls.settled(request_id=f"call-{number}", started_ms=started_ms)


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [one["request_id"] for one in found]


def test_the_newest_calls_of_all_shards_come_in_order() -> None:
    items = [settled(number, calls.STARTED_MS - 1000 * number) for number in range(20)]
    assert len({zlib.crc32(f"call-{number}".encode()) % 4 for number in range(20)}) == 4

    found = Ledger(FakeTable(*items), "ledger", lambda: NOW).newest(7)

    assert ids(found) == [f"call-{number}" for number in range(6, -1, -1)]


def test_earlier_days_are_asked_when_today_is_not_enough() -> None:
    items = [settled(number, calls.STARTED_MS - DAY_MS * number) for number in (0, 1, 3, 40)]
    table = FakeTable(*items)

    assert ids(Ledger(table, "ledger", lambda: NOW).newest(3)) == ["call-3", "call-1", "call-0"]
    assert len(table.queries) == 4 * 4
    assert ids(Ledger(table, "ledger", lambda: NOW).newest(9)) == ["call-3", "call-1", "call-0"]


def test_calls_since_a_moment_come_page_by_page_across_midnight() -> None:
    midnight = calls.STARTED_MS // DAY_MS * DAY_MS
    items = [settled(number, midnight - 10 + number) for number in range(25)]

    found = Ledger(FakeTable(*items), "ledger", lambda: midnight / 1000 + 1).since(midnight - 8)

    assert ids(found) == [f"call-{number}" for number in range(2, 25)]


def test_a_call_is_found_by_its_id_while_it_runs() -> None:
    ledger = Ledger(FakeTable(calls.reserved(request_id="a")), "ledger")

    running = ledger.find("a")

    assert running is not None
    assert running["status"] == "reserved"
    assert ledger.find("b") is None


def test_waiting_for_the_end_of_a_call_has_an_end() -> None:
    ledger = Ledger(FakeTable(calls.reserved(request_id="a"), calls.settled(request_id="b")), "ledger")

    ended, running = ledger.find_ended("b", 5), ledger.find_ended("a", 0)

    assert ended is not None
    assert running is not None
    assert (ended["status"], running["status"]) == ("settled", "reserved")


def test_filtered_calls_are_looked_for_until_there_are_enough() -> None:
    items = [settled(number, calls.STARTED_MS - DAY_MS * (number // 10) - 1000 * number) for number in range(40)]
    even = Ledger(FakeTable(*items), "ledger", lambda: NOW)

    found = even.newest(12, lambda one: int(one["request_id"].partition("-")[2]) % 2 == 0)

    assert ids(found) == [f"call-{number}" for number in range(22, -1, -2)]


def test_a_period_begins_with_its_first_millisecond_and_ends_before_its_last() -> None:
    items = [settled(number, calls.STARTED_MS + number) for number in range(10)]
    ledger = Ledger(FakeTable(*items), "ledger", lambda: NOW)

    bounded = list(ledger.backwards(calls.STARTED_MS + 2, calls.STARTED_MS + 5))

    assert ids(bounded) == ["call-4", "call-3", "call-2"]
    assert ids(ledger.newest(2, None, calls.STARTED_MS, calls.STARTED_MS + 5)) == ["call-3", "call-4"]


def test_days_after_the_period_are_not_asked() -> None:
    table = FakeTable(*[settled(number, calls.STARTED_MS - DAY_MS * number) for number in range(5)])

    list(Ledger(table, "ledger", lambda: NOW).backwards(calls.STARTED_MS - 3 * DAY_MS, calls.STARTED_MS - 2 * DAY_MS))

    asked = {query["ExpressionAttributeValues"][":partition"]["S"][2:10] for query in table.queries}
    assert asked == {"20261117", "20261118"}


def test_a_piece_of_an_id_finds_calls_that_have_ended_and_those_that_run() -> None:
    items = [
        calls.settled(request_id="aa11-ended"),
        calls.reserved(request_id="bb11-runs"),
        calls.settled(request_id="cc22-other"),
        calls.abandoned(request_id="dd11-died", started_ms=calls.STARTED_MS - DAY_MS),
    ]
    ledger = Ledger(FakeTable(*items), "ledger", lambda: NOW)

    assert ids(ledger.find_by_part("11")) == ["bb11-runs", "dd11-died", "aa11-ended"]
    assert ids(ledger.find_by_part("cc22")) == ["cc22-other"]
    assert ledger.find_by_part("zz") == []


def test_reservations_past_their_lease_are_counted() -> None:
    lease = calls.RESERVATION.lease
    items = [calls.reserved(request_id=f"r{number}", lease=lease + number) for number in range(6)]
    ledger = Ledger(FakeTable(*items, calls.settled(request_id="s")), "ledger")

    assert (ledger.overdue(lease), ledger.overdue(lease + 4), ledger.overdue(lease + 99)) == (0, 4, 6)


def refusal(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Query")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (refusal("ResourceNotFoundException"), "no table 'ledger' there; the table's name is the TableName output"),
        (refusal("AccessDeniedException", "not\nallowed"), "the ledger refused: AccessDeniedException: not allowed"),
        (NoCredentialsError(), "no AWS credentials found; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and"),
        (NoRegionError(), "no region; set AWS_REGION or use --region"),
        (ProfileNotFound(profile="x"), "The config profile (x) could not be found"),
        (
            EndpointConnectionError(endpoint_url="http://127.0.0.1:1/"),
            "the ledger cannot be reached (Could not connect",
        ),
        (ReadTimeoutError(endpoint_url="http://127.0.0.1:1/"), "the ledger cannot be reached (Read timeout"),
    ],
)
def test_what_aws_says_is_one_line(error: Exception, line: str) -> None:
    with pytest.raises(CommandFailed) as failed, translated("ledger"):
        raise error

    assert str(failed.value).startswith(line)


def test_without_a_table_the_way_out_is_told() -> None:
    with pytest.raises(
        UsageError, match="run `sluice dev` in another terminal, set SLUICE_TABLE, or use --stack or --table"
    ):
        open_ledger(Site(), {})


def test_a_call_into_the_table_is_translated_too() -> None:
    def fail(**_arguments: Any) -> dict[str, Any]:
        raise refusal("ResourceNotFoundException")

    class Broken:
        get_item: Callable[..., dict[str, Any]] = staticmethod(fail)
        query: Callable[..., dict[str, Any]] = staticmethod(fail)

    ledger = Ledger(Broken(), "ledger")
    asks: list[Callable[[], object]] = [lambda: ledger.find("a"), lambda: ledger.newest(1), lambda: ledger.since(0)]

    for ask in asks:
        with pytest.raises(CommandFailed, match="no table 'ledger' there"):
            ask()
