"""The table's stream as Lambda delivers it: in batches, again where one failed, in halves, and now and then twice."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from multiprocessing.connection import Connection
from random import Random
from typing import Any

from tests.engines import TEMPLATE

from sluice.stores.retries import FAILURES
from sluice_devstack.aws_json import Service, call

STREAMS = Service("dynamodb", "DynamoDBStreams_20120810", "application/x-amz-json-1.0")
PAUSE_SECONDS = 0.2
READ_SECONDS = 30.0
MOST_RECORDS = 100
TWICE, LATE = 0.10, 0.05  # of all batches: delivered a second time, at once or after others
TRIES = 60  # of one batch, which is halved on the way

Batch = list[dict[str, Any]]


class Stream:
    """The shards of one table's stream, from their beginning."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._arn = self._ask("ListStreams", TableName=TEMPLATE.table().name)["Streams"][0]["StreamArn"]
        self._iterators: dict[str, str] = {}

    def records(self) -> Iterator[Batch]:
        """What is new, shard by shard."""
        for shard in self._ask("DescribeStream", StreamArn=self._arn)["StreamDescription"]["Shards"]:
            name = shard["ShardId"]
            if name not in self._iterators:
                start = {"StreamArn": self._arn, "ShardId": name, "ShardIteratorType": "TRIM_HORIZON"}
                self._iterators[name] = self._ask("GetShardIterator", **start)["ShardIterator"]
            while (page := self._ask("GetRecords", ShardIterator=self._iterators[name], Limit=1000))["Records"]:
                self._iterators[name] = page["NextShardIterator"]
                yield page["Records"]

    def _ask(self, operation: str, **body: Any) -> dict[str, Any]:
        return call(self._url, STREAMS, operation, body, READ_SECONDS)


class Deliveries:
    """Hands records to the function until it has taken them. `counts` says what became of them."""

    def __init__(self, handler: Callable[..., dict[str, int]], random: Random) -> None:
        self._handler = handler
        self._random = random
        self._kept: list[Batch] = []
        self.counts: Counter[str] = Counter()

    def deliver(self, records: Batch) -> None:
        while records:
            size = self._random.randint(1, MOST_RECORDS)
            batch, records = records[:size], records[size:]
            self._taken(batch)
            if self._random.random() < TWICE:
                self._taken(batch)
            if self._random.random() < LATE:
                self._kept.append(batch)
                self._taken(self._random.choice(self._kept))

    def _taken(self, batch: Batch, tries: int = TRIES) -> None:
        """As Lambda does: whole, and in halves where it failed (BisectBatchOnFunctionError)."""
        try:
            self.counts.update(self._handler({"Records": batch}, None))
        except FAILURES:
            self.counts["failed"] += 1
            if not tries:
                raise
            half = (len(batch) + 1) // 2
            for part in filter(None, (batch[:half], batch[half:])):
                self._taken(part, tries - 1)


def roll(
    url: str, seed: int, printed: Callable[[], AbstractContextManager[None]], connection: Connection
) -> Counter[str]:
    """While calls are made and behind them, until the stream has no more."""
    import rollup

    connection.send("rolling")
    stream, deliveries = Stream(url), Deliveries(rollup.handler, Random(seed))
    with printed():
        while True:
            is_last = connection.poll(PAUSE_SECONDS)
            for records in stream.records():
                deliveries.deliver(records)
            if is_last:
                return deliveries.counts
