"""HTTP responses made ready: bodies of every kind, the first chunk pulled early, the body always let go of."""

import io
from collections.abc import Iterator

import pytest

from streaming_runtime.marshaller import StreamingMarshaller
from streaming_runtime.response import StreamedResponse


class Body:
    """Iterable once; counts what is taken and how often it is closed."""

    def __init__(self, *chunks: object) -> None:
        self.chunks = iter(chunks)
        self.taken = 0
        self.closed = 0

    def __iter__(self) -> "Body":
        return self

    def __next__(self) -> object:
        chunk = next(self.chunks)
        self.taken += 1
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    def close(self) -> None:
        self.closed += 1


def marshalled(**result: object) -> StreamedResponse:
    response, content_type = StreamingMarshaller().marshal_response({"statusCode": 200, **result})
    assert isinstance(response, StreamedResponse)
    assert content_type == "application/vnd.awslambda.http-integration-response"
    return response


def chunks(response: StreamedResponse) -> list[bytes]:
    """What the frames hold, without prelude and framing."""
    text = b"".join(response.frames("request-1")).partition(bytes(8) + b"\r\n")[2]
    found = []
    while not text.startswith(b"0\r\n"):
        length, _, text = text.partition(b"\r\n")
        found.append(text[: int(length, 16)])
        text = text[int(length, 16) + 2 :]
    return found


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"body": "caf\u00e9"}, [b"caf\xc3\xa9"]),
        ({"body": b"\0\xff"}, [b"\0\xff"]),
        ({"body": bytearray(b"bytes")}, [b"bytes"]),
        ({"body": "AP8=", "isBase64Encoded": True}, [b"\0\xff"]),
        ({"body": b"AP8=", "isBase64Encoded": True}, [b"\0\xff"]),
        ({"body": "AP8=", "isBase64Encoded": False}, [b"AP8="]),
        ({"body": [b"a", bytearray(b"b"), memoryview(b"xcx")[1:2]]}, [b"a", b"b", b"c"]),
        ({"body": [memoryview(b"abcdefgh").cast("I")]}, [b"abcdefgh"]),
        ({"body": io.BytesIO(b"line 1\nline 2\n")}, [b"line 1\n", b"line 2\n"]),
        ({"body": None}, [b"\n"]),
        ({}, [b"\n"]),
        ({"body": ""}, [b"\n"]),
        ({"body": "", "headers": {"Content-Type": "Text/Event-Stream; charset=utf-8"}}, [b":\n\n"]),
        ({"body": iter([b"", b""]), "headers": {"content-type": "text/event-stream"}}, [b":\n\n"]),
    ],
)
def test_bodies_of_every_kind(result: dict[str, object], expected: list[bytes]) -> None:
    assert chunks(marshalled(**result)) == expected


def test_the_first_chunk_with_bytes_is_pulled_before_anything_is_sent_and_no_more() -> None:
    body = Body(b"", b"", b"first", b"second")

    response = marshalled(body=body)

    assert (body.taken, response.first) == (3, b"first")


def test_each_frame_is_made_when_it_is_asked_for() -> None:
    body = Body(b"first", b"second", b"third")
    frames = marshalled(body=body).frames("request-1")

    taken = [(next(frames), body.taken) for _ in range(3)]

    assert [count for _, count in taken] == [1, 2, 3]
    assert taken[0][0].endswith(bytes(8) + b"\r\n5\r\nfirst\r\n")
    assert [frame for frame, _ in taken[1:]] == [b"6\r\nsecond\r\n", b"5\r\nthird\r\n"]
    assert list(frames) == [b"0\r\n\r\n"]


@pytest.mark.parametrize(
    ("result", "error"),
    [
        ({"body": {"a": "dict"}}, "body must be str, bytes or an iterator of bytes, not dict"),
        ({"body": 7}, "body must be str, bytes or an iterator of bytes, not int"),
        ({"body": ["text"]}, "a chunk of the body must be bytes, not str"),
        ({"body": [5]}, "a chunk of the body must be bytes, not int"),
    ],
)
def test_other_bodies_are_refused_before_anything_is_sent(result: dict[str, object], error: str) -> None:
    with pytest.raises(TypeError, match=f"^{error}$"):
        marshalled(**result)


@pytest.mark.parametrize(
    ("chunk", "others"),
    [(LookupError("first chunk"), {}), ("text", {}), (b"ok", {"statusCode": "none"}), (b"ok", {"headers": ["x"]})],
)
def test_a_body_is_closed_when_its_response_cannot_be_made(chunk: object, others: dict[str, object]) -> None:
    body = Body(chunk)

    with pytest.raises((LookupError, TypeError, ValueError)):
        marshalled(body=body, **others)

    assert body.closed == 1


def test_an_iterable_is_closed_as_well_as_the_iterator_it_makes() -> None:
    ended = []

    class Owner(Body):
        def __iter__(self) -> Iterator[object]:  # type: ignore[override]
            try:
                yield b"one"
                yield b"two"
            finally:
                ended.append("iterator")

    body = Owner()

    marshalled(body=body).close()

    assert (ended, body.closed) == (["iterator"], 1)


@pytest.mark.parametrize("over", [0, 1])
def test_prelude_and_delimiter_may_take_16_kb_and_not_a_byte_more(
    over: int, capsys: pytest.CaptureFixture[str]
) -> None:
    body = Body(b"body")
    overhead = len(marshalled(headers={"x": ""}).prelude) + 8

    response = marshalled(headers={"x": "v" * (16_384 - overhead + over)}, body=body)

    assert (b'"statusCode": 500' in response.prelude) == bool(over)
    assert body.closed == over
    assert ("at most 16376 fit" in capsys.readouterr().err) == bool(over)


def test_an_error_in_closing_is_reported_and_goes_no_further(capsys: pytest.CaptureFixture[str]) -> None:
    def body() -> Iterator[bytes]:
        try:
            yield b"one"
        finally:
            raise LookupError("in the finally")

    marshalled(body=body()).close()

    assert '"errorMessage": "in the finally"' in capsys.readouterr().err
