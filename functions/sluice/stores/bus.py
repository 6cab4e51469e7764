"""Puts announcements on an EventBridge bus, ten at a time, each at least once.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
"""

import json
import logging
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Protocol

from botocore.exceptions import ClientError

from sluice.domain.clock import Clock
from sluice.stores.announcements import SOURCE, Announcement
from sluice.stores.retries import Retries

PUT_SECONDS = 10.0  # for ten of them
MAX_ENTRIES = 10
NEVER_TAKEN = {"MalformedDetail", "InvalidArgument"}  # of one entry: sending it again would not help

logger = logging.getLogger(__name__)


class EventBridge(Protocol):
    def put_events(self, **arguments: Any) -> Mapping[str, Any]: ...


class Bus:
    """`name` is the bus's name or ARN."""

    def __init__(self, client: EventBridge, name: str, clock: Clock, random: Random) -> None:
        self._client = client
        self._name = name
        self._retries = Retries(clock, random)
        self._clock = clock

    def put(self, announcements: Sequence[Announcement]) -> int:
        """How many were sent. Raises the SDK's failure where some could not be, and may then have sent others."""
        starts = range(0, len(announcements), MAX_ENTRIES)
        return sum(self._put(announcements[start : start + MAX_ENTRIES]) for start in starts)

    def _put(self, ten: Sequence[Announcement]) -> int:
        left = [self._entry(one) for one in ten]
        self._retries.run(lambda: self._send(left), PUT_SECONDS)
        return len(ten)

    def _send(self, left: list[dict[str, str]]) -> None:
        """Takes from `left` what was sent; raises a failure that is tried again where something was not."""
        answer = self._client.put_events(Entries=left)
        codes = [str(entry.get("ErrorCode") or "") for entry in answer.get("Entries", [])]
        failed = [(entry, why) for entry, why in zip(left, codes, strict=True) if why]
        for entry, why in failed:
            if why in NEVER_TAKEN:
                logger.error("bus.refused: %s, %s", entry["DetailType"], why)
        again = [(entry, why) for entry, why in failed if why not in NEVER_TAKEN]
        left[:] = [entry for entry, _ in again]
        if again:
            raise not_taken(again[0][1])

    def _entry(self, one: Announcement) -> dict[str, str]:
        detail = json.dumps(one.detail, ensure_ascii=False, separators=(",", ":"))
        return {"EventBusName": self._name, "Source": SOURCE, "DetailType": one.kind, "Detail": detail}


def not_taken(code: str) -> ClientError:
    """An entry's own failure, as the service would have told that of a whole request: worth another try."""
    response: Any = {"Error": {"Code": "InternalFailure", "Message": code}, "ResponseMetadata": {"HTTPStatusCode": 500}}
    return ClientError(response, "PutEvents")
