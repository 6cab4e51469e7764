"""A stream is handed on in order, in batches, and what fails comes again, in halves."""

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import dumps, loads
from typing import Any

import pytest

from sluice_client.signature import AccessKey
from sluice_devstack.answer import InvocationFailed
from sluice_devstack.invocation import FunctionError
from sluice_devstack.table_stream import TableStream
from sluice_devstack.template import StreamSettings

Records = list[dict[str, Any]]


class Function:
    """Fails as often as `failures` say for a batch of that many records, and keeps what it took."""

    def __init__(self, failures: dict[int, int] | None = None) -> None:
        self.failures = failures or {}
        self.given: list[list[int]] = []

    async def invoke(self, event: Any) -> Any:
        numbers = [record["number"] for record in event["Records"]]
        self.given.append(numbers)
        if self.failures.get(len(numbers), 0):
            self.failures[len(numbers)] -= 1
            raise InvocationFailed(FunctionError("Runtime.ExitError", "made up"))


class Engine:
    """DynamoDB's streams over HTTP: two shards, whose iterators are a shard's name and a position."""

    def __init__(self, shards: dict[str, Records]) -> None:
        self.shards = shards
        self.closed = {"closed"}
        self.signatures: set[str] = set()

    def answer(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        if operation == "ListStreams":
            return {"Streams": [{"StreamArn": f"arn-of-{body['TableName']}"}]}
        if operation == "DescribeStream":
            return {"StreamDescription": {"Shards": [{"ShardId": name} for name in self.shards]}}
        if operation == "GetShardIterator":
            assert body["ShardIteratorType"] == "TRIM_HORIZON"
            return {"ShardIterator": f"{body['ShardId']}:0"}
        shard, _, start = body["ShardIterator"].partition(":")
        records = self.shards[shard][int(start) : int(start) + 3]
        is_over = shard in self.closed and int(start) + len(records) == len(self.shards[shard])
        following = {} if is_over else {"NextShardIterator": f"{shard}:{int(start) + len(records)}"}
        return {"Records": records, **following}


@pytest.fixture
def served() -> Iterator[tuple[Engine, str]]:
    engine = Engine({"closed": records(0, 1, 2, 3, 4), "open": records(5, 6)})

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = loads(self.rfile.read(int(self.headers["content-length"])))
            engine.signatures.add(self.headers["authorization"].partition("Credential=")[2].partition("/")[0])
            payload = dumps(engine.answer(self.headers["x-amz-target"].rpartition(".")[2], body)).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield engine, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def records(*numbers: int) -> Records:
    return [
        {"number": number, "dynamodb": {"Keys": {"pk": {"S": "R#" if number != 3 else "Z#"}}}} for number in numbers
    ]


def stream(url: str, function: Function, told: list[str]) -> TableStream:
    pattern = {"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "R#"}]}}}}
    source = StreamSettings("ledger", 2, (pattern,))
    return TableStream(url, source, function, AccessKey("ASIAEXAMPLEROLLUP", "fake"), told.append)


def test_every_record_that_is_wanted_comes_once_in_order_and_new_ones_later(served: tuple[Engine, str]) -> None:
    engine, url = served
    function, told = Function(), list[str]()
    reader = stream(url, function, told)

    async def read() -> None:
        await reader.read_out()
        engine.shards["open"] += records(7)
        engine.shards["new"] = records(8)
        engine.closed.add("open")
        await reader.read_out()
        await reader.read_out()

    asyncio.run(read())

    assert function.given == [[0, 1], [2], [5, 6], [4], [7], [8]]
    assert (told, engine.signatures) == ([], {"ASIAEXAMPLEROLLUP"})


def test_what_fails_is_halved_and_a_single_record_comes_until_it_is_taken(served: tuple[Engine, str]) -> None:
    _, url = served
    function, told = Function({2: 1, 1: 2}), list[str]()

    asyncio.run(stream(url, function, told).read_out())

    assert function.given == [[0, 1], [0], [0], [0], [1], [2], [5, 6], [4]]
    assert told == [
        "the rollup failed, and gets the 2 records again: Runtime.ExitError: made up",
        "the rollup failed, and gets the 1 records again: Runtime.ExitError: made up",
    ]
