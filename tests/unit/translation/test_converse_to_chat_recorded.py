"""Recorded ConverseStreams through the translation: what they add up to, and what the OpenAI SDK makes of them."""

import json
from typing import Any

import httpx2
import openai
import pytest
from tests import recorded
from tests.unit.translation import converse_streams as streams

NAMES = recorded.names("cs_")
pytestmark = pytest.mark.skipif(not NAMES, reason=recorded.REASON)
SUMS = ("content", "reasoning_content", "tool_calls", "finish_reason")
USAGE = ("prompt_tokens", "completion_tokens", "total_tokens")
DETAILS = ("cached_tokens", "cache_write_tokens")


def expected(name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((recorded.FOLDER / "EXPECTED.json").read_text())[name]
    return told


def blocks(sums: dict[str, Any], kind: str) -> int:
    return sum(part["type"] == kind for parts in sums["thinking_blocks"].values() for part in parts)


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_stream_adds_up_to_what_it_held(name: str) -> None:
    told = expected(name)

    sums = streams.added_up(streams.chunks(streams.recorded_events(name), streams.WITH_USAGE))

    assert {field: sums[field] for field in SUMS} == {field: told[field] for field in SUMS}
    assert {field: sums["usage"][field] for field in USAGE} == {field: told["usage"][field] for field in USAGE}
    assert sums["usage"]["prompt_tokens_details"] == {field: told["usage"][field] for field in DETAILS}
    assert blocks(sums, "thinking") == told["signed_blocks"]
    assert blocks(sums, "redacted_thinking") == told["redacted_blocks"]


def test_a_signed_thought_is_sent_whole() -> None:
    sums = streams.added_up(streams.chunks(streams.recorded_events("cs_claude_sonnet4_thinking_signature")))

    ((block,),) = sums["thinking_blocks"].values()
    assert block["thinking"] == sums["reasoning_content"]
    assert block["signature"]


def sse(chunks: list[dict[str, Any]]) -> bytes:
    data = (json.dumps(chunk, ensure_ascii=False) for chunk in chunks)
    return "".join(f"data: {each}\n\n" for each in (*data, "[DONE]")).encode()


def client(body: bytes) -> openai.OpenAI:
    """The SDK, whose provider answers these bytes."""
    headers = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers, content=body))
    return openai.OpenAI(
        api_key="sk-fake", base_url="http://127.0.0.1/v1", http_client=httpx2.Client(transport=transport), max_retries=0
    )


def run(body: bytes, tools: list[Any]) -> Any:
    with (
        client(body) as caller,
        caller.chat.completions.stream(
            model="haiku", messages=[{"role": "user", "content": "hi"}], tools=tools or openai.omit
        ) as stream,
    ):
        return stream.until_done().current_completion_snapshot


def offered(told: dict[str, Any]) -> list[Any]:
    names = {call["name"] for call in told["tool_calls"]}
    return [{"type": "function", "function": {"name": name, "parameters": {}, "strict": True}} for name in names]


UNFILTERED = [name for name in NAMES if expected(name)["finish_reason"] not in ("content_filter", "length")]


@pytest.mark.parametrize("name", UNFILTERED)
@pytest.mark.parametrize("options", [streams.WITH_USAGE, {}], ids=["usage", "no usage"])
def test_the_sdks_accumulator_accepts_every_stream(name: str, options: dict[str, Any]) -> None:
    told = expected(name)

    snapshot = run(sse(streams.chunks(streams.recorded_events(name), options)), offered(told))

    choice = snapshot.choices[0]
    calls = [(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls or ()]
    assert choice.message.content == told["content"]
    assert choice.finish_reason == told["finish_reason"]
    assert calls == [(call["id"], call["name"], call["arguments"]) for call in told["tool_calls"]]
    assert (snapshot.usage is not None) is bool(options)


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(UNFILTERED)))
def test_the_sdk_says_of_a_filtered_or_cut_stream_what_it_says_of_openais(name: str) -> None:
    reason = expected(name)["finish_reason"]
    errors = {"content_filter": openai.ContentFilterFinishReasonError, "length": openai.LengthFinishReasonError}

    with pytest.raises(errors[reason]):
        run(sse(streams.chunks(streams.recorded_events(name))), [STRICT])


STRICT = {"type": "function", "function": {"name": "f", "parameters": {}, "strict": True}}


def test_the_sdk_joins_thinking_blocks_by_their_index() -> None:
    told = streams.recorded_events("cs_claude37_redacted_thinking")

    snapshot = run(sse(streams.chunks(told)), [])

    kinds = [block["type"] for block in snapshot.choices[0].message.thinking_blocks]
    assert kinds == ["redacted_thinking", "redacted_thinking"]
