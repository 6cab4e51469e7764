"""The behaviour cases of the recordings folder: answers, streams, errors and embeddings."""

import base64
import json
import struct
from collections.abc import Callable
from typing import Any

import pytest
from tests import recorded
from tests.unit.translation import converse_streams as streams

from sluice.domain.errors import GatewayError
from sluice.translation import bedrock_errors
from sluice.translation.answers import converse_to_chat, invoke_to_embeddings
from sluice.translation.requests import embeddings_to_invoke

Json = dict[str, Any]

FILE = recorded.FOLDER / "cases.json"
CASES: list[Json] = json.loads(FILE.read_text())["cases"] if FILE.exists() else []
pytestmark = pytest.mark.skipif(not CASES, reason=recorded.REASON)
FRAMED = ("st_exception_mid_stream",)  # an exception frame never reaches the translation
TRUNCATED = "st_truncated"


def of(kind: str) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in CASES if case["kind"] == kind]


def streams_with(key: str) -> list[Any]:
    found = (case for case in CASES if case["kind"] == "stream" and isinstance(case["input"], dict))
    return [pytest.param(case, id=case["id"]) for case in found if key in case["input"] and case["id"] not in FRAMED]


def options(case: Json) -> Json:
    given = case["input"].get("stream_options")
    return {"stream_options": given} if given else {}


def shown(chunk: Json) -> Json:
    """A chunk as the cases write it."""
    if not chunk["choices"]:
        used = {name: chunk["usage"][name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
        return {"choices": [], "usage": used}
    choice = chunk["choices"][0]
    return {"delta": choice["delta"], "finish_reason": choice["finish_reason"]}


def told(case: Json) -> list[Any]:
    """What the case's caller gets, with the end of its stream."""
    stream = converse_to_chat.Stream(streams.asked(options(case)))
    sent = [shown(chunk) for event in case["input"]["events"] for chunk in stream.add(event)]
    try:
        return [*sent, *map(shown, stream.end()), "[DONE]"]
    except GatewayError as error:
        shape = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
        return [*sent, {"error": shape}]


@pytest.mark.parametrize("case", streams_with("events"))
def test_events_become_the_chunks_of_the_case(case: Json) -> None:
    if isinstance(case["expected"], list):
        assert told(case) == case["expected"]
        return
    sums = streams.added_up(streams.chunks(case["input"]["events"]))
    assert sums["tool_calls"] == case["expected"]["assembled_tool_calls"]
    assert sums["finish_reason"] == case["expected"]["finish_reason"]


@pytest.mark.parametrize("case", streams_with("events"))
def test_every_chunk_is_of_one_answer(case: Json) -> None:
    stream = converse_to_chat.Stream(streams.asked(options(case)))
    sent = [chunk for event in case["input"]["events"] for chunk in stream.add(event)]

    assert {(chunk["id"], chunk["created"], chunk["model"], chunk["object"]) for chunk in sent} == {
        ("chatcmpl-1f2e", 1_700_000_000, "haiku", "chat.completion.chunk")
    }
    assert all(("usage" in chunk) is bool(options(case)) for chunk in sent)
    assert all(chunk["usage"] is None for chunk in sent[:-1] if "usage" in chunk)


FACTS: dict[str, Callable[[Json], Any]] = {
    "reasoning_content": lambda sums: sums["reasoning_content"],
    "redacted_blocks": lambda sums: len(sums["thinking_blocks"]),
    "redacted_block_indices": lambda sums: sorted(sums["thinking_blocks"]),
    "finish_reason": lambda sums: sums["finish_reason"],
}


@pytest.mark.parametrize("case", streams_with("fixture"))
def test_a_recorded_stream_is_as_the_case_says(case: Json) -> None:
    sums = streams.added_up(streams.chunks(streams.recorded_events(case["input"]["fixture"]), streams.WITH_USAGE))
    expected = case["expected"]

    for field in expected.keys() & FACTS.keys():
        assert FACTS[field](sums) == expected[field]
    assert sums["content"].startswith(expected.get("content_startswith", ""))
    assert expected.get("content_contains", "") in sums["content"]
    assert expected.get("usage", {}).items() <= sums["usage"].items()
    assert not expected.keys() - FACTS.keys() - {"content_startswith", "content_contains", "usage"}


def finished(reason: str) -> str:
    """The finish reason, or the error, in the words of the cases."""
    stop, is_client_tool = reason.split(" ")[0], "(client tool seen)" in reason
    calls = [streams.tool(0, "t", "f"), streams.stop_block(0)] if is_client_tool else []
    try:
        sent = streams.chunks([streams.START, *calls, *streams.ending(stop)])
    except GatewayError as error:
        return f"error frame code {error.code}"
    return str(streams.added_up(sent)["finish_reason"])


def stop_reasons() -> list[Any]:
    case: Json = next((case for case in CASES if case["id"] == "st_stop_reasons"), {"input": [], "expected": []})
    return list(zip(case["input"], case["expected"], strict=True))


@pytest.mark.parametrize(("reason", "expected"), stop_reasons())
def test_a_stop_reason_becomes_a_finish_reason(reason: str, expected: str) -> None:
    assert finished(reason) == expected


def completed(case: Json) -> Json:
    """The choice by the paths that the case names, or the error."""
    try:
        choice = converse_to_chat.whole(case["input"], streams.asked())["choices"][0]
    except GatewayError as error:
        return {"http": error.status, "error.type": error.type}
    return {path: at(choice, path) for path in case["expected"]}


def at(found: Any, path: str) -> Any:
    for part in path.split("."):
        found = found[part]
    return found


@pytest.mark.parametrize("case", of("response"))
def test_an_answer_is_as_the_case_says(case: Json) -> None:
    assert completed(case) == case["expected"]


def answered(error: Json) -> Json:
    body = error.get("body") or {"message": error["message"]}
    said = bedrock_errors.message(body)
    found = bedrock_errors.meaning(bedrock_errors.name(error["x-amzn-errortype"], body), said, error["status"])
    shape = {"message": said, "type": found.type, "param": found.param, "code": found.code}
    return {"http": found.status, "error": shape}


def errors() -> list[Any]:
    found = (case for case in CASES if case["kind"] == "error")
    return [
        pytest.param(error, case["expected"] if isinstance(case["expected"], dict) else case["expected"][index])
        for case in found
        for index, error in enumerate(case["input"])
    ]


@pytest.mark.parametrize(("error", "expected"), errors())
def test_an_error_is_as_the_case_says(error: Json, expected: Json) -> None:
    answer = answered(error)

    flat = {**answer, **{f"error.{name}": value for name, value in answer["error"].items()}}
    assert {path: flat[path] for path in expected} == expected


ANSWERS: dict[str, list[Json]] = {
    "em_titan_v2": [
        {"embedding": [0.5, -1.0], "inputTextTokenCount": 1},
        {"embedding": [0.25, 2.0], "inputTextTokenCount": 2},
    ],
    "em_cohere": [{"embeddings": [[0.5, -1.0], [0.25, 2.0]]}],
}
TOKENS: dict[str, list[int | None]] = {"em_titan_v2": [None, None], "em_cohere": [3]}


@pytest.mark.parametrize("case", of("embeddings"))
def test_embeddings_are_as_the_case_says(case: Json) -> None:
    body, name = case["input"], case["id"]

    calls, warnings = embeddings_to_invoke.requests(body, body["model"])
    answer = invoke_to_embeddings.whole(ANSWERS[name], TOKENS[name], streams.asked(body))

    assert (calls, warnings) == (case["expected"]["calls"], ())
    assert [(entry["index"], numbers(entry["embedding"])) for entry in answer["data"]] == [
        (0, [0.5, -1.0]),
        (1, [0.25, 2.0]),
    ]
    assert all(isinstance(entry["embedding"], str) is ("encoding_format" in body) for entry in answer["data"])
    assert answer["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


def numbers(embedding: Any) -> list[float]:
    if isinstance(embedding, str):
        return [number for (number,) in struct.iter_unpack("<f", base64.b64decode(embedding))]
    return list(embedding)
