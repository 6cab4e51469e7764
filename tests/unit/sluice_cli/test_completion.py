import json
from collections.abc import Iterable
from typing import Any

import pytest
from tests import recorded

from sluice_cli.completion import Completion, error_line
from sluice_cli.failure import CommandFailed

DONE = b"data: [DONE]\n\n"


def chunk(text: str | None = None, **fields: Any) -> bytes:
    choices = [] if text is None else [{"index": 0, "delta": {"content": text}, "finish_reason": None}]
    return b"data: " + json.dumps({"choices": choices, **fields}).encode() + b"\n\n"


def completion(*pieces: bytes) -> Completion:
    return Completion("id-1", pieces)


def spoken(stream: bytes) -> str:
    """What a recording says, read the slow way."""
    lines = [line[6:] for line in stream.decode().split("\n") if line.startswith("data: {")]
    choices = [choice for line in lines for choice in json.loads(line).get("choices", [])]
    return "".join(choice.get("delta", {}).get("content") or "" for choice in choices if choice.get("index") == 0)


def whole(pieces: Iterable[bytes]) -> str:
    return "".join(Completion("", pieces).texts())


def test_the_text_of_each_read_is_there_with_it() -> None:
    reads = [chunk("a") + chunk("b"), chunk("c"), b": keep-alive\n\n", chunk(""), chunk("d")[:9], chunk("d")[9:], DONE]

    assert list(completion(*reads).texts()) == ["ab", "c", "d"]


def test_what_the_stream_says_besides_is_kept() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 1}
    last = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}\n\n'
    answer = completion(chunk("a"), last, chunk(usage=usage), DONE)

    list(answer.texts())

    assert (answer.usage, answer.finish_reason, answer.is_over) == (usage, "stop", True)


def test_a_refusal_is_read_like_an_answer_and_other_choices_are_not() -> None:
    refusal = b'data: {"choices":[{"index":0,"delta":{"refusal":"No."}},{"index":1,"delta":{"content":"x"}}]}\n\n'

    assert list(completion(refusal, DONE).texts()) == ["No."]


def test_nothing_after_the_end_is_read() -> None:
    assert list(completion(chunk("a") + DONE + chunk("b")).texts()) == ["a"]


@pytest.mark.parametrize("reads", [[], [chunk("a")], [chunk("a"), DONE[:-1]]])
def test_a_stream_that_just_stops_has_broken_off(reads: list[bytes]) -> None:
    with pytest.raises(CommandFailed, match="the answer broke off before its end"):
        list(completion(*reads).texts())


def test_an_error_in_the_stream_is_one_line_behind_what_was_said() -> None:
    error = chunk(error={"message": "the provider's\nstream broke off", "code": "upstream_stream_truncated"})
    answer = completion(chunk("a"), error, DONE)
    texts = answer.texts()

    assert next(texts) == "a"
    with pytest.raises(CommandFailed, match="broke off: upstream_stream_truncated: the provider's stream broke off$"):
        next(texts)


@pytest.mark.parametrize("data", [b"data: <html>\n\n", b"data: " + b"[" * 5000 + b"\n\n"])
def test_what_is_no_chat_completion_is_told_so(data: bytes) -> None:
    with pytest.raises(CommandFailed, match="is no stream of chat completions"):
        list(completion(data).texts())


@pytest.mark.parametrize(
    ("document", "line"),
    [
        ({"error": {"message": "no such model", "code": "model_not_found"}}, "model_not_found: no such model"),
        ({"error": {"message": "slow\ndown", "type": "rate_limit"}}, "rate_limit: slow down"),
        ({"error": "plain"}, "plain"),
        ({"Message": "Forbidden"}, "Forbidden"),
        ({}, "no reason given"),
    ],
)
def test_an_error_of_either_shape_is_one_line(document: dict[str, Any], line: str) -> None:
    assert error_line(document) == line


@pytest.mark.skipif(not recorded.FOLDER.is_dir(), reason=recorded.REASON)
@pytest.mark.parametrize("name", recorded.names("oc_"))
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_recording_says_the_same_however_it_is_cut(name: str, size: int) -> None:
    body = recorded.load(name).body
    pieces = [body[start : start + size] for start in range(0, len(body), size)]

    if DONE not in body:
        with pytest.raises(CommandFailed):
            whole(pieces)
    else:
        assert whole(pieces) == spoken(body)


@pytest.mark.parametrize(
    "foreign",
    [5, "abc", {"a": 1}, [1], ["x"], [None], [{"delta": "x"}], [{"delta": [1]}], [{"delta": {"content": ["a"]}}]],
)
def test_what_no_provider_should_send_is_left_out(foreign: object) -> None:
    odd = b"data: " + json.dumps({"choices": foreign}).encode() + b"\n\n"

    assert whole([chunk("a"), odd, chunk("b"), DONE]) == "ab"


def test_an_empty_error_is_none() -> None:
    assert whole([chunk("a", error=None), DONE]) == "a"
