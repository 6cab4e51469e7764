"""What a gateway makes of the simulated Anthropic's answers: the usage they report."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from sluice.codecs import messages, sse, sse_events
from sluice.codecs.dialect import Chunk
from sluice.codecs.messages_tally import MessagesTally
from sluice_devstack.anthropic_simulator import SimulatedAnthropic

KEY = "sk-ant-fake-simulated-0123456789"
HEADERS = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}
BODY: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 3000,
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "system": [{"type": "text", "text": "One. " * 40, "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
    "messages": [{"role": "user", "content": "Hello!"}],
}


async def posted(**changes: Any) -> bytes:
    simulator = SimulatedAnthropic([KEY], tokens_per_second=None, stall_seconds=0.1)
    url = await simulator.start()
    try:
        async with httpx.AsyncClient(headers=HEADERS) as client:
            answer = await client.post(f"{url}/messages", json={**BODY, **changes})
            return answer.content
    finally:
        await simulator.stop()


def events(body: bytes) -> list[tuple[sse.Event, Chunk]]:
    read = (sse_events.read(raw) for raw in sse.raw_events(body))
    return [(event, chunk) for event, chunk in read if chunk is not None]


def tally(*chunks: Chunk) -> MessagesTally:
    made = MessagesTally(1)
    for chunk in chunks:
        made.add(chunk)
    return made


def test_a_stream_and_a_whole_answer_add_up_to_the_same() -> None:
    streamed = tally(*(chunk for _, chunk in events(asyncio.run(posted(stream=True)))))
    whole = tally(json.loads(asyncio.run(posted())))

    assert streamed.usage == whole.usage
    assert streamed.usage is not None
    assert streamed.usage.cache_write_1h > 0
    assert streamed.usage.reasoning > 0
    assert streamed.said_bytes == whole.said_bytes
    assert (streamed.finish_reason, streamed.service_tier) == ("end_turn", "standard")


def test_only_the_last_event_ends_a_stream() -> None:
    found = events(asyncio.run(posted(stream=True)))

    assert [messages.is_end(*one) for one in found] == [False] * (len(found) - 1) + [True]
    assert not any(messages.is_error(*one) for one in found)


@pytest.mark.parametrize("model", ["f-trunc", "f-errevent"])
def test_a_stream_that_fails_has_no_usage(model: str) -> None:
    found = events(asyncio.run(posted(model=model, stream=True)))

    assert tally(*(chunk for _, chunk in found)).usage is None
    assert any(messages.is_error(*one) for one in found) == (model == "f-errevent")
