"""What was said, in Converse's wire shapes as recorded: a whole answer, and the events of a stream.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html. Blocks of text and of thoughts
have no start event; the citation comes before the words it is about.
"""

import json
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from sluice_devstack.simulated.bedrock.frames import Message, event
from sluice_devstack.simulated.bedrock.said import Block, Reasoning, Said, Text, ToolUse, Usage
from sluice_devstack.simulated.reply import time_of_a_token

LATENCY_MS = (350, 2500)
NO_INPUT = "{}"


def document(said: Said, random: Random) -> dict[str, Any]:
    message = {"role": "assistant", "content": [_block(block) for block in said.blocks]}
    answer = {"output": {"message": message}, "stopReason": said.stop_reason, "usage": usage(said)}
    return answer | _measured(said, random)


def messages(said: Said, random: Random, *, tells_no_input: bool = True) -> Iterator[Message]:
    """`tells_no_input`: a call without arguments sends `{}`, as Nova does; Claude sends an empty text."""
    yield event("messageStart", {"role": "assistant"})
    for number, block in enumerate(said.blocks):
        if isinstance(block, ToolUse):
            named = {"toolUse": {"name": block.call.name, "toolUseId": f"tooluse_{block.id}"}}
            yield event("contentBlockStart", {"contentBlockIndex": number, "start": named})
        for delta in _deltas(block, tells_no_input):
            yield event("contentBlockDelta", {"contentBlockIndex": number, "delta": delta}, time_of_a_token(random))
        yield event("contentBlockStop", {"contentBlockIndex": number})
    yield event("messageStop", {"stopReason": said.stop_reason})
    yield event("metadata", {"usage": usage(said), **_measured(said, random)})


def usage(said: Said) -> dict[str, Any]:
    used = said.usage
    counted = {"inputTokens": used.input_tokens, "outputTokens": used.output_tokens, "totalTokens": used.total}
    return {**counted, "serverToolUsage": {}, **(_cache(used) if said.has_cache else {})}


def _cache(used: Usage) -> dict[str, Any]:
    read = {"cacheReadInputTokens": used.cache_read, "cacheReadInputTokenCount": used.cache_read}
    written = {"cacheWriteInputTokens": used.cache_write, "cacheWriteInputTokenCount": used.cache_write}
    details = [{"ttl": "5m", "inputTokens": used.cache_write}]
    return {**read, **written, **({"cacheDetails": details} if used.cache_write else {})}


def _measured(said: Said, random: Random) -> dict[str, Any]:
    trace = {"trace": said.trace} if said.trace else {}
    return {"metrics": {"latencyMs": random.randint(*LATENCY_MS)}, **trace}


def _block(block: Block) -> dict[str, Any]:
    if isinstance(block, Reasoning):
        signature = {"signature": block.signature} if block.signature else {}
        return {"reasoningContent": {"reasoningText": {"text": block.text, **signature}}}
    if isinstance(block, ToolUse):
        return {"toolUse": {"toolUseId": f"tooluse_{block.id}", "name": block.call.name, "input": _input(block.input)}}
    if block.citation:
        return {"citationsContent": {"content": [{"text": block.text}], "citations": [block.citation]}}
    return {"text": block.text}


def _deltas(block: Block, tells_no_input: bool) -> Iterator[Mapping[str, Any]]:
    if isinstance(block, Reasoning):
        yield from ({"reasoningContent": {"text": piece}} for piece in block.pieces)
        if block.signature:
            yield {"reasoningContent": {"signature": block.signature}}
    elif isinstance(block, ToolUse):
        pieces = block.call.pieces if tells_no_input or block.input != NO_INPUT else ("",)
        yield from ({"toolUse": {"input": piece}} for piece in pieces)
    else:
        yield from _words(block)


def _words(block: Text) -> Iterator[Mapping[str, Any]]:
    if block.citation:
        yield {"citation": block.citation}
    yield from ({"text": piece} for piece in block.pieces)


def _input(text: str) -> Any:
    """What there is of it, where the tokens ran out inside."""
    try:
        return json.loads(text)
    except ValueError:
        return {}
