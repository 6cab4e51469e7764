"""Responses that stream, from the handler to the wire."""

import os
from pathlib import Path

import pytest
from tests.runtime.conftest import Start
from tests.runtime.runtime_api import RuntimeApi

COUNTING = """
    def handler(event, context):
        def body():
            for number in range(event["chunks"]):
                yield b"data: %d\\n\\n" % number
        return {"statusCode": 200, "headers": {"content-type": "text/event-stream"}, "body": body()}
"""

GATED = """
    def handler(event, context):
        def body():
            with open(event["gate"]) as gate:
                for number in range(4):
                    yield b"chunk %d" % number
                    gate.readline()
        return {"statusCode": 200, "body": body()}
"""


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


def test_a_stream_goes_out_in_the_streaming_mode_of_the_runtime_api(start: Start, api: RuntimeApi) -> None:
    start(COUNTING)

    response = api.stream(api.invoke({"chunks": 3}))

    assert response.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
    assert response.headers["lambda-runtime-function-response-mode"] == "streaming"
    assert response.headers["host"] == api.address
    assert {name.strip() for name in response.headers["trailer"].split(",")} == {
        "Lambda-Runtime-Function-Error-Type",
        "Lambda-Runtime-Function-Error-Body",
    }
    assert response.prelude == {"statusCode": 200, "headers": {"content-type": "text/event-stream"}, "cookies": []}
    assert response.body == [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n"]
    assert response.trailers == {}


def test_each_chunk_leaves_before_the_handler_makes_the_next_and_in_one_send(
    start: Start, api: RuntimeApi, gate: Path
) -> None:
    start(GATED)
    request_id = api.invoke({"gate": str(gate)})

    with open(os.open(gate, os.O_RDWR), "w") as opener:
        observed = [api.chunk(request_id)[-8:]]
        for _ in range(4):
            observed.append(api.chunk(request_id))
            print(file=opener, flush=True)
        response = api.stream(request_id)

    assert observed == [bytes(8), b"chunk 0", b"chunk 1", b"chunk 2", b"chunk 3"]
    assert response.pieces[0].startswith(b"POST ")
    assert response.pieces[0].endswith(bytes(8) + b"\r\n7\r\nchunk 0\r\n")
    assert response.pieces[1:] == [b"7\r\nchunk 1\r\n", b"7\r\nchunk 2\r\n", b"7\r\nchunk 3\r\n", b"0\r\n\r\n"]
    assert response.segments == len(response.pieces)


def test_chunks_made_at_once_stay_the_chunks_they_were(start: Start, api: RuntimeApi) -> None:
    start(COUNTING)

    response = api.stream(api.invoke({"chunks": 1000}))

    assert response.body == [b"data: %d\n\n" % number for number in range(1000)]


def test_a_large_chunk_arrives_whole(start: Start, api: RuntimeApi) -> None:
    start("""
        def handler(event, context):
            return {"statusCode": 200, "body": iter([b"x" * 3_000_000, b"y" * 3_000_000])}
    """)

    response = api.stream(api.invoke())

    assert response.body == [b"x" * 3_000_000, b"y" * 3_000_000]


def test_chunks_without_bytes_are_left_out(start: Start, api: RuntimeApi) -> None:
    start("""
        def handler(event, context):
            return {"statusCode": 200, "body": iter([b"", b"one", b"", b"", b"two", b""])}
    """)

    response = api.stream(api.invoke())

    assert response.body == [b"one", b"two"]


def test_every_stream_has_a_connection_of_its_own(start: Start, api: RuntimeApi) -> None:
    start(COUNTING)

    first, second = api.stream(api.invoke({"chunks": 1})), api.stream(api.invoke({"chunks": 1}))

    assert first.connection != second.connection


def test_the_connection_is_closed_when_the_answer_has_been_read(start: Start, api: RuntimeApi) -> None:
    start(COUNTING)

    response = api.stream(api.invoke({"chunks": 1}))

    assert api.event("disconnected")["connection"] == response.connection


def test_the_invocation_id_is_echoed(start: Start, api: RuntimeApi) -> None:
    start(COUNTING)

    response = api.stream(api.invoke({"chunks": 1}, headers={"Lambda-Runtime-Invocation-Id": "invocation-7"}))

    assert response.headers["lambda-runtime-invocation-id"] == "invocation-7"


def test_no_invocation_id_is_invented(start: Start, api: RuntimeApi) -> None:
    start(COUNTING)

    response = api.stream(api.invoke({"chunks": 1}))

    assert "lambda-runtime-invocation-id" not in response.headers


def test_a_response_that_came_whole_is_framed_as_well(start: Start, api: RuntimeApi) -> None:
    start("""
        def handler(event, context):
            return {"statusCode": 404, "headers": {"content-type": "application/json"}, "body": '{"no": "such path"}'}
    """)

    response = api.stream(api.invoke())

    assert response.prelude["statusCode"] == 404
    assert response.body == [b'{"no": "such path"}']


@pytest.mark.fault("L11")
@pytest.mark.parametrize("body", ["None", "''", "iter([])", "iter([b''])"])
def test_an_empty_body_gets_one_byte(start: Start, api: RuntimeApi, body: str) -> None:
    start(f"""
        def handler(event, context):
            return {{"statusCode": 204, "body": {body}}}
    """)

    response = api.stream(api.invoke())

    assert response.body == [b"\n"]


@pytest.mark.parametrize("result", [{"records": 3}, ["a", 1], "text", 7, None])
def test_results_that_are_not_http_stay_plain_json(start: Start, api: RuntimeApi, result: object) -> None:
    start("""
        def handler(event, context):
            return event
    """)

    posted = api.whole(f"/{api.invoke(result)}/response")

    assert posted["headers"]["content-type"] == "application/json"
    assert "lambda-runtime-function-response-mode" not in posted["headers"]
    assert posted["body"] in ('{"records": 3}', '["a", 1]', '"text"', "7", "null")


def test_one_environment_serves_streams_and_plain_results_in_turn(start: Start, api: RuntimeApi) -> None:
    start("""
        def handler(event, context):
            return {"statusCode": 200, "body": iter([context.aws_request_id.encode()])} if event else {"plain": True}
    """)

    streamed, plain, again = api.invoke(True), api.invoke(False), api.invoke(True)

    assert api.stream(streamed).body == [streamed.encode()]
    assert api.whole(f"/{plain}/response")["body"] == '{"plain": true}'
    assert api.stream(again).body == [again.encode()]
