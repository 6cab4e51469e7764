"""The ledger read from outside: the newest calls, those since a moment, one by its id.

Records that are settled or abandoned are in the index `bytime`, whose partitions are a day (UTC) in four shards and
whose sort key begins with the start of the call in milliseconds. A call that still runs is found by its id only.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
)

from sluice_cli.failure import CommandFailed, UsageError
from sluice_cli.record import KEY_PREFIX, Item, Record, record
from sluice_cli.site import Site, is_loopback
from sluice_client.function_url import NO_CREDENTIALS

INDEX = "bytime"
SHARDS = 4
LOOKBACK_DAYS = 14
POLL_SECONDS = 0.1
TERMINAL = ("settled", "abandoned")
NO_TABLE = "no table named; run `sluice dev` in another terminal, set SLUICE_TABLE, or use --table"
NOT_THERE = "the table's name is the TableName output of the deployment"


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

    def newest(self, count: int) -> list[Record]:
        """The last `count` that ended within `LOOKBACK_DAYS`, the oldest of them first."""
        items: list[Item] = []
        for day in self._days(self._now() - (LOOKBACK_DAYS - 1) * 86_400):
            found = [item for shard in range(SHARDS) for item in self._query(day, shard, None, count)]
            items += sorted(found, key=_moment, reverse=True)[: count - len(items)]
            if len(items) == count:
                break
        return [record(item) for item in reversed(items)]

    def since(self, started_ms: int) -> list[Record]:
        """All that started after that moment and have ended, the oldest first."""
        days = self._days(started_ms / 1000)
        items = [item for day in days for shard in range(SHARDS) for item in self._query(day, shard, started_ms, None)]
        return [record(item) for item in sorted(items, key=_moment)]

    def _days(self, oldest: float) -> Iterator[str]:
        """From today back to the day of `oldest`."""
        first, today = datetime.fromtimestamp(oldest, UTC).date(), datetime.fromtimestamp(self._now(), UTC).date()
        for back in range((today - first).days + 1):
            yield f"{today - timedelta(days=back):%Y%m%d}"

    def _query(self, day: str, shard: int, after_ms: int | None, limit: int | None) -> list[Item]:
        """One partition of the index, the newest first, page by page until `limit` items are there."""
        condition, values = "g2pk = :partition", {":partition": {"S": f"T#{day}#{shard}"}}
        if after_ms is not None:
            condition += " AND g2sk > :after"
            values[":after"] = {"S": f"{after_ms:013d}"}
        items: list[Item] = []
        page: dict[str, Any] = {} if limit is None else {"Limit": limit}
        while True:
            with translated(self.table):
                answer = self._client.query(
                    TableName=self.table,
                    IndexName=INDEX,
                    KeyConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    ScanIndexForward=False,
                    **page,
                )
            items += answer["Items"]
            if "LastEvaluatedKey" not in answer or (limit is not None and len(items) >= limit):
                return items[:limit]
            page["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def open_ledger(site: Site, environ: Mapping[str, str]) -> Ledger:
    """The ledger of that site; raises UsageError when no table is named, CommandFailed when it cannot be asked."""
    if not site.table:
        raise UsageError(NO_TABLE)
    with translated(site.table):
        return Ledger(_client(site, environ), site.table)


def _client(site: Site, environ: Mapping[str, str]) -> Client:
    session = boto3.session.Session()
    url = site.dynamodb_url or environ.get("AWS_ENDPOINT_URL_DYNAMODB")
    direct: dict[str, Any] = {"proxies": {}} if url and is_loopback(urlsplit(url).hostname) else {}
    retries: Any = {"mode": "standard", "total_max_attempts": 3}
    keys = site.credentials
    client = session.client(
        "dynamodb",
        region_name=site.region or session.region_name or environ.get("AWS_REGION"),
        endpoint_url=url,
        aws_access_key_id=keys.access_key if keys else None,
        aws_secret_access_key=keys.secret_key if keys else None,
        config=Config(connect_timeout=3, read_timeout=10, retries=retries, **direct),
    )
    return cast(Client, client)


@contextlib.contextmanager
def translated(table: str) -> Iterator[None]:
    """botocore's failures as one line each."""
    try:
        yield
    except ClientError as error:
        raise CommandFailed(_refusal(error, table)) from error
    except NoCredentialsError as error:
        raise CommandFailed(NO_CREDENTIALS) from error
    except NoRegionError as error:
        raise CommandFailed("no region; set AWS_REGION or use --region") from error
    except (ConnectionError, HTTPClientError) as error:
        raise CommandFailed(f"the ledger cannot be reached ({error}); is `sluice dev` still running?") from error
    except BotoCoreError as error:
        raise CommandFailed(str(error)) from error


def _refusal(error: ClientError, table: str) -> str:
    details = error.response.get("Error", {})
    code, message = details.get("Code", "Unknown"), details.get("Message", "")
    if code == "ResourceNotFoundException":
        return f"no table {table!r} there; {NOT_THERE}, and the region must be its own"
    return f"the ledger refused: {code}: {' '.join(message.split())}"


def _moment(item: Item) -> str:
    return str(item["g2sk"]["S"])
