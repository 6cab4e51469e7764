import json
from typing import Any

import pytest
from tests import recorded

from sluice.codecs import converse, eventstream
from sluice.codecs.converse_tally import ConverseTally
from sluice.domain.usage import Usage

needs_recordings = pytest.mark.skipif(not recorded.FOLDER.is_dir(), reason=recorded.REASON)
USED = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}
STOP = {"messageStop": {"stopReason": "end_turn"}}


def tally(*chunks: dict[str, Any]) -> ConverseTally:
    made = ConverseTally(1)
    for chunk in chunks:
        made.add(chunk)
    return made


def read_back(chunks: list[dict[str, Any]]) -> ConverseTally:
    """As the end of a stream is read: from the last event, until earlier ones add nothing."""
    tail = ConverseTally(1)
    for chunk in reversed(chunks):
        tail.add_earlier(chunk)
        if tail.is_known:
            break
    return tail


def events(name: str) -> list[dict[str, Any]]:
    read = map(eventstream.read, eventstream.raw_frames(recorded.load(name).body))
    return [value for _, value in read if value is not None]


def metadata(**usage: Any) -> dict[str, Any]:
    return {"metadata": {"usage": {**USED, **usage}, "metrics": {"latencyMs": 1}}}


@needs_recordings
@pytest.mark.parametrize("name", recorded.names("cs_"))
def test_a_recorded_stream_adds_up_to_what_is_known_of_it(name: str) -> None:
    expected = json.loads((recorded.FOLDER / "EXPECTED.json").read_text())[name]
    chunks = events(name)

    found = tally(*chunks)

    assert found.usage is not None
    assert found.usage.prompt == expected["usage"]["prompt_tokens"]
    assert found.usage.output == expected["usage"]["completion_tokens"]
    assert found.usage.cache_read == expected["usage"]["cached_tokens"]
    assert found.finish_reason == expected["stop_reason"]
    assert found.is_finished
    assert found.is_known
    assert found.said_bytes >= len(expected["content"].encode())


@needs_recordings
@pytest.mark.parametrize("name", recorded.names("cs_"))
def test_reading_from_the_end_finds_the_same(name: str) -> None:
    chunks = events(name)

    tail = read_back(chunks)
    whole = ConverseTally(1)
    whole.adopt(tail)

    assert tail.is_known
    assert (whole.usage, whole.finish_reason) == (tally(*chunks).usage, tally(*chunks).finish_reason)


@needs_recordings
@pytest.mark.parametrize("name", recorded.names("cj_"))
def test_a_recorded_answer_adds_up(name: str) -> None:
    answer = json.loads(recorded.load(name).body)

    found = tally(answer)

    assert found.usage is not None
    assert found.usage.total == answer["usage"]["totalTokens"]
    assert found.finish_reason == answer["stopReason"]
    assert found.is_finished
    assert found.said_bytes > 0


@needs_recordings
@pytest.mark.parametrize("name", recorded.names("cs_"))
def test_a_stream_that_broke_off_has_no_usage(name: str) -> None:
    chunks = [chunk for chunk in events(name) if not chunk.keys() & {"messageStop", "metadata"}]

    assert tally(*chunks).usage is None
    assert not tally(*chunks).is_finished


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({}, Usage(input=10, output=5)),
        ({"cacheReadInputTokens": 7}, Usage(input=10, cache_read=7, output=5)),
        ({"cacheReadInputTokenCount": 7}, Usage(input=10, cache_read=7, output=5)),
        ({"cacheWriteInputTokens": 7}, Usage(input=10, cache_write_5m=7, output=5)),
        (
            {
                "cacheWriteInputTokens": 7,
                "cacheDetails": [{"ttl": "1h", "inputTokens": 4}, {"ttl": "5m", "inputTokens": 3}],
            },
            Usage(input=10, cache_write_5m=3, cache_write_1h=4, output=5),
        ),
        (
            {"cacheWriteInputTokens": 2, "cacheDetails": [{"ttl": "1h", "inputTokens": 4}, None, "x"]},
            Usage(input=10, cache_write_1h=2, output=5),
        ),
        ({"cacheDetails": "none"}, Usage(input=10, output=5)),
    ],
)
def test_cached_tokens_are_told_apart(usage: dict[str, Any], expected: Usage) -> None:
    assert tally(metadata(**usage)).usage == expected


@pytest.mark.parametrize("name", ["inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"])
@pytest.mark.parametrize("value", [-1, 2**53, "5", 1.5, True, [], {}])
def test_a_count_that_is_none_makes_the_usage_unknown(name: str, value: object) -> None:
    assert tally(metadata(**{name: value})).usage is None


@pytest.mark.parametrize("chunk", [{"metadata": None}, {"metadata": {"usage": []}}, {"metadata": {"usage": {}}}, {}])
def test_no_usage_is_none(chunk: dict[str, Any]) -> None:
    assert tally(chunk).usage is None


@pytest.mark.parametrize("at", ["/usage", ""])
def test_tokens_of_reasoning_are_told_where_they_were_asked_for(at: str) -> None:
    details = {"output_tokens_details": {"thinking_tokens": 3}}
    fields = {"usage": details} if at else details
    stop = {"messageStop": {"stopReason": "end_turn", "additionalModelResponseFields": fields}}

    assert tally(stop, metadata()).usage == Usage(input=10, output=5, reasoning=3)
    assert read_back([stop, metadata()]).usage == Usage(input=10, output=5, reasoning=3)


def test_more_reasoning_than_output_is_all_of_it() -> None:
    fields = {"usage": {"output_tokens_details": {"thinking_tokens": 99}}}

    answer = {"output": {}, "stopReason": "end_turn", "usage": USED, "additionalModelResponseFields": fields}

    assert tally(answer).usage == Usage(input=10, output=5, reasoning=5)


def test_the_tier_is_the_one_that_served() -> None:
    tier = {"serviceTier": {"type": "flex"}}

    assert tally({"metadata": {"usage": USED, **tier}}).service_tier == "flex"
    assert tally({"output": {}, "usage": USED, **tier}).service_tier == "flex"
    assert read_back([STOP, {"metadata": {"usage": USED, **tier}}]).service_tier == "flex"


SAID = [
    ({"contentBlockDelta": {"delta": {"text": "héllo"}, "contentBlockIndex": 0}}, "héllo"),
    ({"contentBlockDelta": {"delta": {"toolUse": {"input": '{"a'}}}}, '{"a'),
    ({"contentBlockDelta": {"delta": {"reasoningContent": {"text": "so"}}}}, "so"),
    ({"contentBlockStart": {"start": {"toolUse": {"name": "weather", "toolUseId": "t"}}}}, "weather"),
]


@pytest.mark.parametrize(("chunk", "text"), SAID)
def test_what_the_model_says_is_content(chunk: dict[str, Any], text: str) -> None:
    assert converse.has_content(chunk)
    assert "".join(converse.said(chunk)) == text
    assert tally(chunk).said_bytes == len(text.encode())


@pytest.mark.parametrize(
    "chunk",
    [
        STOP,
        metadata(),
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"delta": {"text": ""}}},
        {"contentBlockDelta": {"delta": {"reasoningContent": {"signature": "abc"}}}},
        {"contentBlockDelta": {"delta": {"toolResult": [{"text": "found"}]}}},
        {"contentBlockDelta": {"delta": None}},
        {"contentBlockDelta": []},
        {"exception": "throttlingException", "message": "slow"},
        {"p": "abc"},
    ],
)
def test_nothing_else_is(chunk: dict[str, Any]) -> None:
    assert not converse.has_content(chunk)
    assert tally(chunk).said_bytes == 0


def test_a_whole_answer_is_counted_block_by_block() -> None:
    content = [
        {"reasoningContent": {"reasoningText": {"text": "so", "signature": "abc"}}},
        {"text": "hello"},
        {"citationsContent": {"content": [{"text": "cited"}], "citations": []}},
        {"toolUse": {"name": "weather", "toolUseId": "t", "input": {"a": 1}}},
        None,
    ]

    found = tally({"output": {"message": {"content": content}}, "stopReason": "tool_use", "usage": USED})

    assert found.said_bytes == len("so" + "hello" + "cited" + "weather" + '{"a": 1}')
    assert found.stored == ()
