import json
from collections.abc import Iterator
from copy import copy
from typing import Any

import pytest
from tests import recorded

from sluice.codecs import eventstream
from sluice.codecs.converse_tally import ConverseTally
from sluice.codecs.invoke_tally import InvokeTally
from sluice.codecs.messages_tally import MessagesTally
from sluice.domain.usage import Usage

needs_recordings = pytest.mark.skipif(not recorded.FOLDER.is_dir(), reason=recorded.REASON)
METRICS = "amazon-bedrock-invocationMetrics"
INTERVENED = {"amazon-bedrock-guardrailAction": "INTERVENED"}
RECORDED = {
    "is_claude2_messages_max_tokens": (Usage(input=14, output=10), "max_tokens"),
    "is_claude35_parallel_tools": (Usage(input=392, output=97), "tool_use"),
    "is_claude3_messages": (Usage(input=16, output=21), "end_turn"),
    "is_claude_instant_text_completion": (Usage(input=25, output=4), "stop_sequence"),
    "is_claude_instant_text_completion_long": (Usage(input=19, output=99), "stop_sequence"),
    "is_nova_micro_tools": (Usage(input=427, output=156), "tool_use"),
    "is_titan_express_text": (Usage(input=28, output=188), "FINISH"),
    "is_titan_guardrail_blocked": (Usage(input=6, output=3), "guardrail_intervened"),
}


def tally(*chunks: dict[str, Any]) -> InvokeTally:
    made = InvokeTally(1)
    for chunk in chunks:
        made.add(chunk)
    return made


def read_back(chunks: list[dict[str, Any]]) -> InvokeTally:
    tail = InvokeTally(1)
    for chunk in reversed(chunks):
        tail.add_earlier(chunk)
        if tail.is_known:
            break
    return tail


def events(name: str) -> list[dict[str, Any]]:
    read = map(eventstream.read_model, eventstream.raw_frames(recorded.load(name).body))
    return [value for _, value in read if value is not None]


@needs_recordings
def test_no_recording_is_left_out() -> None:
    assert set(RECORDED) == set(recorded.names("is_"))


@needs_recordings
@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_stream_adds_up_to_what_is_billed(name: str) -> None:
    found = tally(*events(name))

    assert (found.usage, found.finish_reason) == RECORDED[name]
    assert found.is_finished


@needs_recordings
@pytest.mark.parametrize("name", RECORDED)
def test_reading_from_the_end_finds_the_same(name: str) -> None:
    tail = read_back(events(name))
    whole = InvokeTally(1)
    whole.adopt(tail)

    assert tail.is_known
    assert (whole.usage, whole.finish_reason) == RECORDED[name]
    assert whole.is_finished


@needs_recordings
@pytest.mark.parametrize("name", RECORDED)
def test_a_stream_is_not_finished_before_its_end(name: str) -> None:
    chunks = events(name)
    while chunks and tally(*chunks).is_finished:
        chunks.pop()

    assert all(not tally(*chunks[:size]).is_finished for size in range(len(chunks)))
    assert len(chunks) >= len(events(name)) - 3  # what says that it stopped stands among the last events


@needs_recordings
@pytest.mark.parametrize(
    ("name", "expected", "reason"),
    [
        ("ij_claude21_text_completion", Usage(input=18, output=87), "stop_sequence"),
        ("ij_claude3_messages", Usage(input=16, output=19), "end_turn"),
        ("ij_titan_text", Usage(input=5, output=10), "LENGTH"),
        ("emb_titan_v2", Usage(input=8), None),
        ("emb_cohere_v3", Usage(input=7), None),
    ],
)
def test_a_recorded_answer_adds_up(name: str, expected: Usage, reason: str | None) -> None:
    recording = recorded.load(name)

    found = tally(json.loads(recording.body))
    found.headers(recording.headers)

    assert (found.usage, found.finish_reason) == (expected, reason)
    assert found.is_finished


def test_headers_count_only_where_the_body_does_not() -> None:
    headers = {"x-amzn-bedrock-input-token-count": "50", "x-amzn-bedrock-output-token-count": "60"}
    counted = tally({"generation": "hi", "prompt_token_count": 2, "generation_token_count": 3, "stop_reason": "stop"})
    silent = tally({"outputs": [{"text": "hi", "stop_reason": "stop"}]})

    counted.headers(headers)
    silent.headers(headers)

    assert counted.usage == Usage(input=2, output=3)
    assert silent.usage == Usage(input=50, output=60)


@pytest.mark.parametrize("value", ["", "-1", "x", "1.5", "²", str(2**53)])
def test_a_header_that_is_no_count_is_none(value: str) -> None:
    found = tally({"text": "hi", "finish_reason": "COMPLETE"})

    found.headers({"x-amzn-bedrock-input-token-count": value})

    assert found.usage is None


FAMILIES = [
    ({"completion": "hi", "stop_reason": "stop_sequence", "stop": "x"}, "stop_sequence", None),
    ({"type": "completion", "completion": "hi", "stop_reason": "max_tokens"}, "max_tokens", None),
    (
        {"generation": "hi", "prompt_token_count": 2, "generation_token_count": 3, "stop_reason": "length"},
        "length",
        Usage(input=2, output=3),
    ),
    ({"outputs": [{"text": "hi", "stop_reason": "length"}]}, "length", None),
    ({"text": "hi", "is_finished": True, "finish_reason": "COMPLETE"}, "COMPLETE", None),
    ({"generations": [{"text": "hi", "finish_reason": "COMPLETE"}]}, "COMPLETE", None),
    (
        {
            "inputTextTokenCount": 2,
            "results": [{"outputText": "hi", "tokenCount": 3, "completionReason": "FINISH"}],
        },
        "FINISH",
        Usage(input=2, output=3),
    ),
    (
        {
            "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 2, "completion_tokens": 3},
        },
        "stop",
        Usage(input=2, output=3),
    ),
    ({"choices": [{"text": "hi", "stop_reason": "length"}]}, "length", None),
    (
        {
            "output": {"message": {"content": [{"text": "hi"}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 2, "outputTokens": 3},
        },
        "end_turn",
        Usage(input=2, output=3),
    ),
    (
        {
            "type": "message",
            "content": [{"type": "text", "text": "hi"}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 2, "output_tokens": 3},
        },
        "end_turn",
        Usage(input=2, output=3),
    ),
]


@pytest.mark.parametrize(("answer", "reason", "usage"), FAMILIES)
def test_every_family_says_how_it_ended(answer: dict[str, Any], reason: str, usage: Usage | None) -> None:
    found = tally(answer)

    assert found.finish_reason == reason
    assert found.is_finished
    assert found.usage == usage
    assert found.said_bytes == len("hi")


@pytest.mark.parametrize(
    "chunk",
    [
        {"completion": "hi", "stop_reason": None, "stop": None},
        {"generation": "hi", "prompt_token_count": 2, "generation_token_count": 1, "stop_reason": None},
        {"text": "hi", "is_finished": False},
        {"outputs": [{"text": "hi", "stop_reason": None}]},
        {"outputText": "hi", "index": 0.0, "inputTextTokenCount": 28.0, **INTERVENED},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
        {"contentBlockDelta": {"delta": {"text": "hi"}}},
    ],
)
def test_a_piece_finishes_nothing(chunk: dict[str, Any]) -> None:
    assert not tally(chunk).is_finished
    assert tally(chunk).said_bytes == 2


CLAUDE = {"input_tokens": 10, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 6, "output_tokens": 1}
START = {
    "type": "message_start",
    "message": {
        "model": "claude-x",
        "usage": {**CLAUDE, "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 5}},
    },
}
DELTA = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn"},
    "usage": {"output_tokens": 20, "output_tokens_details": {"thinking_tokens": 9}},
}


def stop(**more: int) -> dict[str, Any]:
    return {"type": "message_stop", METRICS: {"inputTokenCount": 11, "outputTokenCount": 15, **more}}


def test_what_bedrock_does_not_tell_is_the_models_to_say() -> None:
    billed = stop(cacheReadInputTokenCount=3, cacheWriteInputTokenCount=7)

    found = tally(START, DELTA, billed)

    assert found.usage == Usage(11, 3, 2, 5, 15, 9)
    assert found.model == "claude-x"


def test_cached_tokens_that_bedrock_leaves_out_are_the_models() -> None:
    assert tally(START, DELTA, stop()).usage == Usage(11, 4, 1, 5, 15, 9)


@pytest.mark.parametrize("more", [{}, {"cacheReadInputTokenCount": 3, "cacheWriteInputTokenCount": 7}])
def test_a_tail_without_what_tells_the_cache_apart_knows_nothing(more: dict[str, int]) -> None:
    assert read_back([DELTA, stop(**more)]).usage is None
    assert read_back([START, DELTA, stop(**more)]).usage == tally(START, DELTA, stop(**more)).usage


def test_a_tail_is_enough_where_nothing_was_cached() -> None:
    billed = stop(cacheReadInputTokenCount=3, cacheWriteInputTokenCount=0)

    assert read_back([DELTA, billed]).usage == Usage(input=11, cache_read=3, output=15)


@pytest.mark.parametrize("metrics", [{"inputTokenCount": -1}, {"inputTokenCount": "x"}, {"outputTokenCount": 5}, [], 5])
def test_metrics_that_cannot_be_believed_leave_the_models_own(metrics: object) -> None:
    found = tally(
        {"type": "message_start", "message": {"usage": {"input_tokens": 1}}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop", METRICS: metrics},
    )

    assert found.usage == Usage(input=1, output=2)


def test_a_blocked_answer_is_finished_by_the_guardrail() -> None:
    found = tally({"outputText": "no", "totalOutputTextTokenCount": 3.0, "inputTextTokenCount": 6.0, **INTERVENED})

    assert found.is_finished
    assert found.finish_reason == "guardrail_intervened"
    assert found.usage == Usage(input=6, output=3)
    assert found.stored == ()


@pytest.mark.parametrize("value", [-1.0, 1.5, "6", True, 2.0**53])
def test_a_flat_count_that_is_none_is_unknown(value: object) -> None:
    assert tally({"inputTextTokenCount": value, "results": [{"tokenCount": 1}]}).usage is None


ODD: tuple[Any, ...] = (None, True, -1, 1.5, float("nan"), float("inf"), 2**60, "", "x", [], {}, [None], {"type": []})
DOCUMENTS = [START, DELTA, stop(cacheReadInputTokenCount=3, cacheWriteInputTokenCount=7), *(row[0] for row in FAMILIES)]


def oddities(value: Any) -> Iterator[Any]:
    """The document with one odd value somewhere, for every place and every value."""
    steps = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    for step, inner in steps:
        for odd in (*ODD, *oddities(inner)):
            changed: Any = copy(value)
            changed[step] = odd
            yield changed


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("kind", [InvokeTally, MessagesTally, ConverseTally])
def test_whatever_a_provider_sends_is_counted_or_not(
    document: dict[str, Any], kind: type[InvokeTally | MessagesTally | ConverseTally]
) -> None:
    found = []
    for odd in oddities(document):
        one, tail = kind(1), kind(1)
        one.add(odd)
        tail.add_earlier(odd)
        found.append((one.usage, one.finish_reason) == (tail.usage, tail.finish_reason))

    assert all(found)
