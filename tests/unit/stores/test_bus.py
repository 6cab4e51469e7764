"""Announcements go out in tens, and what the bus did not take goes out again."""

import json
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.unit.stores.calls import HandClock
from tests.unit.stores.memory_table import failure, lost

from sluice.stores.announcements import Announcement
from sluice.stores.bus import Bus


class EventBridge:
    """Says of each entry in turn what `codes` hold: "" for one that is taken."""

    def __init__(self, *codes: str) -> None:
        self.codes = list(codes)
        self.failures: list[Exception] = []
        self.sent: list[list[dict[str, str]]] = []

    def put_events(self, **arguments: Any) -> Mapping[str, Any]:
        if self.failures:
            raise self.failures.pop(0)
        entries = [dict(entry) for entry in arguments["Entries"]]
        self.sent.append(entries)
        codes = [self.codes.pop(0) if self.codes else "" for _ in entries]
        return {"Entries": [{"ErrorCode": code} if code else {"EventId": "1"} for code in codes]}


def put(client: EventBridge, count: int) -> int:
    bus = Bus(client, "arn:aws:events:us-east-1:123456789012:event-bus/sluice", HandClock().clock, Random(1))
    return bus.put([Announcement("UsageRecorded", {"event_id": str(number)}) for number in range(count)])


def numbers(client: EventBridge) -> list[list[str]]:
    return [[json.loads(entry["Detail"])["event_id"] for entry in sent] for sent in client.sent]


def test_ten_go_at_a_time() -> None:
    client = EventBridge()

    assert put(client, 23) == 23
    assert [len(sent) for sent in client.sent] == [10, 10, 3]
    assert client.sent[0][0] == {
        "EventBusName": "arn:aws:events:us-east-1:123456789012:event-bus/sluice",
        "Source": "sluice",
        "DetailType": "UsageRecorded",
        "Detail": '{"event_id":"0"}',
    }
    assert put(EventBridge(), 0) == 0


def test_only_what_was_not_taken_is_sent_again() -> None:
    client = EventBridge("", "ThrottlingException", "", "InternalFailure")

    assert put(client, 4) == 4
    assert numbers(client) == [["0", "1", "2", "3"], ["1", "3"]]


def test_a_request_that_failed_is_sent_again() -> None:
    client = EventBridge()
    client.failures = [lost(), failure("ThrottlingException")]

    assert put(client, 2) == 2
    assert numbers(client) == [["0", "1"]]


def test_what_is_never_taken_holds_nobody_up_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    client = EventBridge("MalformedDetail", "")

    put(client, 2)

    assert numbers(client) == [["0", "1"]]
    assert "bus.refused: UsageRecorded, MalformedDetail" in caplog.text


@pytest.mark.parametrize("code", ["AccessDeniedException", "NotAuthorizedForSourceException"])
def test_a_bus_that_takes_nothing_is_a_failure_so_that_the_batch_comes_again(code: str) -> None:
    with pytest.raises(ClientError):
        put(EventBridge(*[code] * 10_000), 1)
