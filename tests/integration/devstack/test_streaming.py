"""From a chunk of the runtime to a chunk at the caller."""

import base64
import json
import threading

import h11
import pytest
from tests.integration.devstack.caller import Caller, header
from tests.integration.devstack.front import Front
from tests.integration.devstack.puppet import PRELUDE, STREAMING, Handed, Puppet, Stage, chunk

TRAILERS = (
    b"Lambda-Runtime-Function-Error-Type: Function.ProviderFailed\r\n"
    b"Lambda-Runtime-Function-Error-Body: "
    + base64.b64encode(b'{"errorType":"ProviderFailed","errorMessage":"it broke"}')
    + b"\r\n"
)


def called(stage: Stage, caller: Caller, method: str = "GET") -> tuple[Puppet, Handed]:
    """A puppet that has been handed the call of `caller`."""
    caller.send_signed(method, "/")
    puppet = stage.enter()
    puppet.ask_next()
    return puppet, puppet.handed()


def test_a_chunk_reaches_the_caller_before_the_next_one_is_sent(front: Front, stage: Stage) -> None:
    with front.caller() as caller:
        puppet, handed = called(stage, caller)
        puppet.begin(handed)
        puppet.send(chunk(PRELUDE))
        assert caller.head().status_code == 200

        for text in (b"one", b"two", b"three" * 1000):
            puppet.send(chunk(text))
            assert caller.chunk() == text

        assert puppet.end().status == 202
        assert caller.chunk() is None
        assert front.calls[0].bytes_out == 5006


def test_chunks_that_arrive_together_stay_apart(front: Front, stage: Stage) -> None:
    with front.caller() as caller:
        puppet, handed = called(stage, caller)

        puppet.begin(handed)
        puppet.send(chunk(PRELUDE + b"with the prelude") + chunk(b"one") + chunk(b"two"))
        puppet.end()

        caller.head()
        assert [caller.chunk(), caller.chunk(), caller.chunk(), caller.chunk()] == [
            b"with the prelude",
            b"one",
            b"two",
            None,
        ]


def test_the_prelude_may_be_cut_at_every_byte(front: Front, stage: Stage) -> None:
    prelude = b'{"statusCode":418,"headers":{"x-a":"b"},"cookies":["c=d"]}' + bytes(8)
    response = prelude + b"\0body"
    puppet: Puppet | None = None

    for place in range(1, len(response)):
        with front.caller() as caller:
            caller.send_signed("GET", "/")
            if puppet is None:
                puppet = stage.enter()
                puppet.ask_next()
            puppet.begin(puppet.handed())
            puppet.send(chunk(response[:place]))
            puppet.send(chunk(response[place:]))
            puppet.end()
            puppet.ask_next()

            head = caller.head()
            assert (head.status_code, header(head, "x-a"), header(head, "set-cookie")) == (418, "b", "c=d")
            assert caller.body() == b"\0body"


def test_error_trailers_are_recorded_and_the_response_ends_properly(front: Front, stage: Stage) -> None:
    with front.caller() as caller:
        puppet, handed = called(stage, caller)

        puppet.begin(handed)
        puppet.send(chunk(PRELUDE) + chunk(b"half"))
        assert puppet.end(TRAILERS).status == 202

        assert caller.head().status_code == 200
        assert caller.body() == b"half"
        call = front.calls[0]
        assert call.trailers is not None
        assert call.trailers.error_type == "Function.ProviderFailed"
        assert call.trailers.error_body == {"errorType": "ProviderFailed", "errorMessage": "it broke"}
        assert (call.status, call.error) == (200, None)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("Function.Bad-Name", "Function.Unknown"), ("Runtime.lower", "Runtime.Unknown"), ("nonsense", "Function.Unknown")],
)
def test_an_error_type_of_another_form_becomes_unknown(front: Front, stage: Stage, sent: str, kept: str) -> None:
    with front.caller() as caller:
        puppet, handed = called(stage, caller)

        puppet.begin(handed)
        puppet.send(chunk(PRELUDE + b"."))
        puppet.end(f"Lambda-Runtime-Function-Error-Type: {sent}\r\n".encode())

        caller.head()
        caller.body()
        assert front.calls[0].trailers is not None
        assert front.calls[0].trailers.error_type == kept


def test_headers_that_belong_to_lambda_are_remapped_or_dropped(front: Front, stage: Stage) -> None:
    headers = {
        "Content-Length": "7",
        "Server": "mine",
        "Connection": "close",
        "Transfer-Encoding": "gzip",
        "X-Own": "1",
    }
    prelude = json.dumps({"statusCode": 201, "headers": headers, "cookies": ["a=1; Path=/", "b=2"]}).encode()

    with front.caller() as caller:
        puppet, handed = called(stage, caller)
        puppet.begin(handed)
        puppet.send(chunk(prelude + bytes(8) + b"text"))
        puppet.end()
        head = caller.head()

        assert caller.body() == b"text"
        assert [value for name, value in head.headers if name == b"set-cookie"] == [b"a=1; Path=/", b"b=2"]
        assert header(head, "x-amzn-remapped-content-length") == "7"
        assert header(head, "x-amzn-remapped-server") == "mine"
        assert header(head, "x-own") == "1"
        assert header(head, "content-type") == "application/octet-stream"
        assert header(head, "transfer-encoding") == "chunked"
        assert header(head, "connection") is None
        assert header(head, "x-amzn-requestid") == handed.request_id
        assert header(head, "x-amzn-trace-id") == handed.headers["lambda-runtime-trace-id"]


def test_a_buffered_dict_reaches_the_caller_as_raw_json_under_200(front: Front, stage: Stage) -> None:
    result = b'{"statusCode": 404, "body": "no"}'

    with front.caller() as caller:
        puppet, handed = called(stage, caller)
        puppet.begin(handed, {"Content-Type": "application/json"})
        puppet.send(chunk(result))
        puppet.end()

        head = caller.head()
        assert (head.status_code, header(head, "content-type"), caller.body()) == (200, "application/json", result)


def test_a_stream_of_another_content_type_is_not_parsed(front: Front, stage: Stage) -> None:
    with front.caller() as caller:
        puppet, handed = called(stage, caller)
        puppet.begin(handed, {**STREAMING, "Content-Type": "text/plain"})
        puppet.send(chunk(PRELUDE) + chunk(b"body"))
        puppet.end()

        assert caller.head().status_code == 200
        assert caller.body() == PRELUDE + b"body"


def test_a_head_request_gets_the_head_only(front: Front, stage: Stage) -> None:
    with front.caller() as caller:
        puppet, handed = called(stage, caller, "HEAD")
        puppet.begin(handed)
        puppet.send(chunk(PRELUDE + b"unwanted"))
        assert puppet.end().status == 202
        puppet.ask_next()
        assert (caller.head().status_code, caller.body()) == (200, b"")

        caller.send_signed("GET", "/")
        puppet.answer(b"the same connection")

        caller.head()
        assert caller.body() == b"the same connection"


@pytest.mark.parametrize(
    "start",
    [
        b"not JSON" + bytes(8),
        b'{"statusCode":"200"}' + bytes(8),
        b'{"statusCode":199}' + bytes(8),
        b'{"headers":{"a":1}}' + bytes(8),
        b'{"headers":{"a b":"c"}}' + bytes(8),
        b'{"headers":{"a":"b\\r\\nc: d"}}' + bytes(8),
        b'{"cookies":"a=b"}' + bytes(8),
        b'{"statusCode":200}' + b" " * 16 * 1024,
    ],
)
def test_a_prelude_that_makes_no_sense_is_a_502(front: Front, stage: Stage, start: bytes) -> None:
    with front.caller() as caller:
        puppet, handed = called(stage, caller)
        puppet.begin(handed)
        puppet.send(chunk(start))
        reply = puppet.end()

        assert reply.status == 400
        assert (caller.head().status_code, caller.body()) == (502, b"Internal Server Error")
        assert front.calls[0].error is not None
        assert front.calls[0].error.error_type == "Runtime.InvalidPrelude"


def test_a_response_that_ends_inside_its_prelude_is_a_502(front: Front, stage: Stage) -> None:
    with front.caller() as caller:
        puppet, handed = called(stage, caller)
        puppet.begin(handed)
        puppet.send(chunk(PRELUDE[:-1]))
        puppet.end()

        assert caller.head().status_code == 502


def test_a_response_without_a_body_byte_ends_and_is_recorded_as_empty(front: Front, stage: Stage) -> None:
    with front.caller() as caller:
        puppet, handed = called(stage, caller)
        puppet.begin(handed)
        puppet.send(chunk(PRELUDE))
        puppet.end()

        assert (caller.head().status_code, caller.body()) == (200, b"")
        assert (front.calls[0].bytes_out, front.calls[0].time_to_first_byte_seconds) == (0, None)


@pytest.mark.fault("L10")
def test_a_response_that_the_runtime_breaks_off_is_cut_at_the_caller(front: Front, stage: Stage) -> None:
    with front.caller() as caller:
        puppet, handed = called(stage, caller)
        puppet.begin(handed)
        puppet.send(chunk(PRELUDE) + chunk(b"half"))
        puppet.do("close", "post")

        caller.head()
        assert caller.chunk() == b"half"
        with pytest.raises(h11.RemoteProtocolError):
            caller.chunk()
        assert front.calls[0].error is not None
        assert front.calls[0].error.error_type == "Runtime.TruncatedResponse"

    with front.caller() as caller:
        caller.send_signed("GET", "/")
        puppet.ask_next()
        puppet.answer(b"the environment lives on")
        assert caller.head().status_code == 200


@pytest.mark.fault("L01")
def test_the_invocation_goes_on_when_the_caller_leaves(front: Front, stage: Stage) -> None:
    caller = front.caller()
    puppet, handed = called(stage, caller)
    puppet.begin(handed)
    puppet.send(chunk(PRELUDE) + chunk(b"first"))
    caller.head()
    caller.close()

    puppet.flood(chunk(b"x" * 60_000), times=200)
    reply = puppet.end()

    assert reply.status == 202
    call = front.wait_for_calls(1)[0]
    assert (call.is_caller_gone, call.error, call.bytes_out) == (True, None, 5 + 200 * 60_000)


def test_a_slow_caller_slows_the_runtime(front: Front, stage: Stage) -> None:
    piece, times = b"x" * 65_536, 640
    with front.caller() as caller:
        puppet, handed = called(stage, caller)
        puppet.begin(handed)
        puppet.send(chunk(PRELUDE))
        flood = threading.Thread(target=puppet.flood, args=(chunk(piece), times))
        flood.start()

        flood.join(timeout=0.5)
        assert flood.is_alive(), "40 MB went somewhere while nobody read"

        caller.head()
        received = 0
        while received < len(piece) * times:
            received += len(caller.chunk() or b"")
        flood.join()
        assert puppet.end().status == 202
        assert caller.chunk() is None
