"""A table's stream, read as Lambda reads it for an event source mapping, and handed to a function.

Every second each shard is read on from where it stood; what the filters want goes to the function in order, in batches.
A batch that fails is halved and comes again, a single record until it is taken: Lambda does so for a day. It is read
with the credentials of the function's role, as on AWS. Differences: no batching window, one batch at a time.
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from sluice_client.signature import AccessKey
from sluice_devstack.answer import InvocationFailed
from sluice_devstack.aws_json import DYNAMODB_STREAMS, AwsError, call
from sluice_devstack.event_filter import wants
from sluice_devstack.template import StreamSettings

POLL_SECONDS = 1.0
CALL_SECONDS = 10.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 10.0
PAGE = 1000

Record = dict[str, Any]


class Invoked(Protocol):
    """The function that hears of the records: see LocalFunction."""

    async def invoke(self, event: object) -> Any: ...


class TableStream:
    """One reader of the stream of the table at `url`; `on_failure` is told of each batch that comes again."""

    def __init__(
        self, url: str, source: StreamSettings, function: Invoked, signs: AccessKey, on_failure: Callable[[str], None]
    ) -> None:
        self._url = url
        self._source = source
        self._function = function
        self._signs = signs
        self._on_failure = on_failure
        self._iterators: dict[str, str] = {}  # by shard; without an entry it was not begun, "" is behind its end
        self._has_new_shards = True  # as far as is known: a shard begins where another ends
        self._reading = asyncio.Lock()

    async def follow(self) -> None:
        """Reads for ever."""
        while True:
            try:
                await self.read_out()
            except (OSError, AwsError) as error:
                self._on_failure(f"the table's stream cannot be read: {error}")
            await asyncio.sleep(POLL_SECONDS)

    async def read_out(self) -> None:
        """Returns when the function has taken all that was in the stream, and what it wrote itself has gone by."""
        async with self._reading:
            while await self._read():
                pass

    async def _read(self) -> bool:
        """One page of each shard; whether there was anything."""
        found = False
        for shard in await self._shards():
            if iterator := self._iterators[shard]:
                page = await self._ask("GetRecords", {"ShardIterator": iterator, "Limit": PAGE})
                await self._hand([one for one in page["Records"] if wants(self._source.patterns, one)])
                self._iterators[shard] = page.get("NextShardIterator") or ""
                self._has_new_shards = self._has_new_shards or not self._iterators[shard]
                found = found or bool(page["Records"])
        return found

    async def _shards(self) -> list[str]:
        """Parents come before their children, as the stream lists them; new ones are begun at their beginnings."""
        if not self._has_new_shards:
            return list(self._iterators)
        self._has_new_shards = False
        streams = (await self._ask("ListStreams", {"TableName": self._source.table}))["Streams"]
        for arn in [stream["StreamArn"] for stream in streams]:
            for shard in (await self._ask("DescribeStream", {"StreamArn": arn}))["StreamDescription"]["Shards"]:
                if (name := shard["ShardId"]) not in self._iterators:
                    begin = {"StreamArn": arn, "ShardId": name, "ShardIteratorType": "TRIM_HORIZON"}
                    self._iterators[name] = (await self._ask("GetShardIterator", begin))["ShardIterator"]
        return list(self._iterators)

    async def _hand(self, records: list[Record]) -> None:
        for start in range(0, len(records), self._source.batch_size):
            await self._deliver(records[start : start + self._source.batch_size])

    async def _deliver(self, batch: list[Record]) -> None:
        """Halves what fails; a single record is tried until it is taken."""
        pause, half = FIRST_PAUSE_SECONDS, len(batch) // 2
        while (failure := await self._failure(batch)) is not None:
            if pause == FIRST_PAUSE_SECONDS:
                self._on_failure(f"the rollup failed, and gets the {len(batch)} records again: {failure}")
            if half:
                await self._deliver(batch[:half])
                await self._deliver(batch[half:])
                return
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE_SECONDS, pause * 2)

    async def _failure(self, batch: list[Record]) -> InvocationFailed | None:
        try:
            await self._function.invoke({"Records": batch})
        except InvocationFailed as failed:
            return failed
        return None

    async def _ask(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        return await asyncio.to_thread(call, self._url, DYNAMODB_STREAMS, operation, body, CALL_SECONDS, self._signs)
