from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.compat import HTTPHeaders
from tests import frames
from urllib3.exceptions import ProtocolError

from sluice_cli.converse import Converse, bedrock_runtime, converse
from sluice_cli.failure import CommandFailed
from sluice_cli.site import FixedCredentials, Site

URL = "http://127.0.0.1:8787"
SITE = Site(URL, "us-east-1", credentials=FixedCredentials("AKIDEXAMPLE", "fake-secret-key"))
ASKED: Any = {"modelId": "amazon.nova-micro-v1:0", "messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
STOP = {"messageStop": {"stopReason": "end_turn"}}
TOLD = {"metadata": {"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}, "metrics": {"latencyMs": 1}}}
EVENTS = frames.CONTENT_TYPE


def delta(text: str) -> dict[str, Any]:
    return {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": text}}}


class Body:
    """The raw body of a response, piece by piece; an exception among them is raised."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self._pieces = pieces
        self.is_closed = False

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    def close(self) -> None:
        self.is_closed = True


def client(body: Body, status: int = 200, content_type: str = EVENTS) -> tuple[Any, list[AWSRequest]]:
    """A client whose calls are answered so, and the requests that it sends."""
    sent: list[AWSRequest] = []
    headers = HTTPHeaders.from_dict({"content-type": content_type, "x-request-id": "id-1"})

    def answer(request: AWSRequest, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(URL, status, headers, body)

    made = bedrock_runtime(SITE)
    made.meta.events.register("before-send.bedrock-runtime", answer)
    return made, sent


def read(body: Body) -> tuple[list[str], Converse]:
    made, _ = client(body)
    with converse(made, **ASKED) as answer:
        return list(answer.texts()), answer


def complaint(body: Body) -> str:
    with pytest.raises(CommandFailed) as failed:
        read(body)
    return str(failed.value)


def whole(texts: Iterable[str]) -> bytes:
    start = {"messageStart": {"role": "assistant"}}
    return frames.events(start, *map(delta, texts), STOP, TOLD)


def test_the_text_of_each_event_comes_on_its_own_and_the_stream_is_closed() -> None:
    body = Body(whole(["a", "", "b"]))

    texts, answer = read(body)

    assert (texts, answer.request_id) == (["a", "b"], "id-1")
    assert body.is_closed


def test_the_call_is_signed_for_the_function_url() -> None:
    made, sent = client(Body(whole(["a"])))

    with converse(made, **ASKED) as answer:
        list(answer.texts())

    (request,) = sent
    assert request.url == f"{URL}/model/amazon.nova-micro-v1%3A0/converse-stream"
    assert b"/us-east-1/lambda/aws4_request" in request.headers["Authorization"]


def test_a_stream_without_its_stop_has_broken_off() -> None:
    assert complaint(Body(frames.events(delta("a")))).startswith("the answer broke off before its end")


def test_an_exception_in_the_stream_is_told() -> None:
    body = Body(frames.events(delta("a"), {"exception": "throttlingException", "message": "too many"}))

    assert complaint(body) == "the gateway refused: throttlingException: too many"


def test_a_connection_that_breaks_is_told() -> None:
    assert complaint(Body(frames.events(delta("a")), ProtocolError("cut"))) == (
        "the connection to the gateway broke off (ProtocolError)"
    )


def test_a_refusal_is_told_in_one_line() -> None:
    class Refusal(Body):
        """A body that is read whole."""

        def read(self) -> bytes:
            return b'{"message": "unknown model", "__type": "ResourceNotFoundException"}'

    refused = Refusal(b'{"message": "unknown model", "__type": "ResourceNotFoundException"}')
    made, _ = client(refused, 404, "application/json")

    with pytest.raises(CommandFailed, match="the gateway refused: ResourceNotFoundException: unknown model"):
        with converse(made, **ASKED):
            pass
