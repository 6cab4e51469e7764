"""The ledger read from outside: the newest calls, those since a moment, one by its id.

Records that are settled or abandoned are in the index `bytime`, whose partitions are a day (UTC) in four shards and
whose sort key begins with the start of the call in milliseconds. A call that still runs is found by its id only.
"""

import contextlib
import heapq
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from sluice_cli import aws
from sluice_cli.failure import UsageError
from sluice_cli.period import END_OF_TIME_MS, days_back
from sluice_cli.record import KEY_PREFIX, Item, Record, record
from sluice_cli.site import Site

INDEX, OPEN = "bytime", "open"
TOTALS, BEGINNING = "D#", {"pk": {"S": "D#since"}, "sk": {"S": "since"}}
SHARDS = 4
LOOKBACK_DAYS = 14
POLL_SECONDS = 0.1
TERMINAL = ("settled", "abandoned")
NO_TABLE = "no table named; run `sluice dev` in another terminal, set SLUICE_TABLE, or use --stack or --table"
NOT_THERE = "the table's name is the TableName output of the deployment"


Wanted = Callable[[Record], bool]


class Client(Protocol):
    """What is used of a DynamoDB client."""

    def get_item(self, **arguments: Any) -> Mapping[str, Any]: ...

    def query(self, **arguments: Any) -> Mapping[str, Any]: ...


class Ledger:
    """Records of one table. `now` is epoch seconds."""

    def __init__(self, client: Client, table: str, now: Callable[[], float] = time.time) -> None:
        self.table = table
        self._client = client
        self._now = now

    def find(self, request_id: str) -> Record | None:
        key = {"pk": {"S": KEY_PREFIX + request_id}, "sk": {"S": "R"}}
        with translated(self.table):
            answer = self._client.get_item(TableName=self.table, Key=key, ConsistentRead=True)
        return record(answer["Item"]) if "Item" in answer else None

    def find_ended(self, request_id: str, timeout_seconds: float) -> Record | None:
        """Waits for the end of a call: its caller may have the last byte before the ledger has the record."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            found = self.find(request_id)
            if (found and found["status"] in TERMINAL) or time.monotonic() > deadline:
                return found
            time.sleep(POLL_SECONDS)

    def find_by_part(self, part: str, since_ms: int | None = None) -> list[Record]:
        """The calls whose id holds `part`: those that still run, then those that have ended, the oldest first."""
        running = [self.find(one) for one in self._running() if part in one]
        ended = [found for found in self.backwards(self._lookback(since_ms)) if part in found["request_id"]]
        return [found for found in running if found and found["status"] not in TERMINAL] + ended[::-1]

    def newest(
        self, count: int, wanted: Wanted | None = None, since_ms: int | None = None, until_ms: int = END_OF_TIME_MS
    ) -> list[Record]:
        """The last `count` that are wanted and ended, of `LOOKBACK_DAYS` if not told; the oldest of them first."""
        page = count if wanted is None else None
        found = filter(wanted or _any, self.backwards(self._lookback(since_ms), until_ms, page))
        return list(itertools.islice(found, count))[::-1]

    def since(self, started_ms: int) -> list[Record]:
        """All that started at that moment or later and have ended, the oldest first."""
        return list(self.backwards(started_ms))[::-1]

    def backwards(
        self, since_ms: int, until_ms: int = END_OF_TIME_MS, page_size: int | None = None
    ) -> Iterator[Record]:
        """All that started in that time (the end not in it) and have ended, the newest first, read page by page."""
        bounds = f"{since_ms:013d}", f"{until_ms:013d}"
        for day in self._days(since_ms / 1000, until_ms / 1000):
            shards = [self._query(day, shard, bounds, page_size) for shard in range(SHARDS)]
            yield from map(record, heapq.merge(*shards, key=_moment, reverse=True))

    def overdue(self, before: int) -> int:
        """How many calls are reserved whose lease ended before that moment (epoch seconds): the sweeper's work."""
        return sum(1 for item in self._open() if int(item["osk"]["S"].partition("#")[0]) < before)

    def running(self) -> int:
        """How many calls are reserved and not settled."""
        return sum(1 for _ in self._open())

    def totals(self, day: str, letter: str) -> Iterator[Item]:
        """The sums of a day (`20261120`) by one dimension, a row per value."""
        values = {":partition": {"S": TOTALS + day}, ":dimension": {"S": f"{letter}#"}}
        return self._pages(None, "pk = :partition AND begins_with(sk, :dimension)", values, None)

    def whole_since(self) -> str | None:
        """The first day whose totals hold every call; None where there are no totals yet."""
        with translated(self.table):
            answer = self._client.get_item(TableName=self.table, Key=BEGINNING, ConsistentRead=True)
        return str(answer["Item"]["day"]["S"]) if "Item" in answer else None

    def days(self, since_ms: int, until_ms: int = END_OF_TIME_MS) -> Iterator[str]:
        """Those of the ledger in that time (the end not in it), the newest first."""
        return self._days(since_ms / 1000, (until_ms - 1) / 1000)

    def _lookback(self, since_ms: int | None) -> int:
        return since_ms if since_ms is not None else days_back(LOOKBACK_DAYS, self._now())

    def _running(self) -> Iterator[str]:
        """The ids of calls that are reserved and not settled."""
        return (str(item["pk"]["S"]).removeprefix(KEY_PREFIX) for item in self._open())

    def _open(self) -> Iterator[Item]:
        """The keys of all reservations, the one with the latest lease first in each shard."""
        for shard in range(SHARDS):
            yield from self._pages(OPEN, "opk = :partition", {":partition": {"S": f"O#{shard}"}}, None)

    def _days(self, oldest: float, newest: float) -> Iterator[str]:
        """From the day of `newest`, or from today, back to the day of `oldest`."""
        last = datetime.fromtimestamp(min(newest, self._now()), UTC).date()
        first = datetime.fromtimestamp(oldest, UTC).date()
        for back in range((last - first).days + 1):
            yield f"{last - timedelta(days=back):%Y%m%d}"

    def _query(self, day: str, shard: int, bounds: tuple[str, str], limit: int | None) -> Iterator[Item]:
        """One partition of the index between two moments, the newest first."""
        condition = "g2pk = :partition AND g2sk BETWEEN :since AND :until"
        partition = {":partition": {"S": f"T#{day}#{shard}"}}
        return self._pages(
            INDEX, condition, {**partition, ":since": {"S": bounds[0]}, ":until": {"S": bounds[1]}}, limit
        )

    def _pages(self, index: str | None, condition: str, values: Mapping[str, Any], limit: int | None) -> Iterator[Item]:
        page: dict[str, Any] = {} if limit is None else {"Limit": limit}
        page |= {"IndexName": index, "ScanIndexForward": False} if index else {"ConsistentRead": True}
        while True:
            with translated(self.table):
                answer = self._client.query(
                    TableName=self.table,
                    KeyConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    **page,
                )
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            page["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def open_ledger(site: Site, environ: Mapping[str, str]) -> Ledger:
    """The ledger of that site; raises UsageError when no table is named, CommandFailed when it cannot be asked."""
    if not site.table:
        raise UsageError(NO_TABLE)
    with translated(site.table):
        return Ledger(aws.client("dynamodb", site, environ), site.table)


def translated(table: str) -> contextlib.AbstractContextManager[None]:
    """botocore's failures as one line each."""
    missing = f"no table {table!r} there; {NOT_THERE}, and the region must be its own"
    return aws.translated("the ledger", {"ResourceNotFoundException": missing})


def _moment(item: Item) -> str:
    return str(item["g2sk"]["S"])


def _any(_found: Record) -> bool:
    return True
