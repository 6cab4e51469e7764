"""gpt-oss and its like by InvokeModel: a chat completion's body, as the OpenAI-compatible endpoint has it.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-openai.html
Thoughts stand in the content, between `<reasoning>` and `</reasoning>`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sluice_devstack.simulated.bedrock.exceptions import invalid
from sluice_devstack.simulated.bedrock.model_id import ModelId
from sluice_devstack.simulated.bedrock.question import Question
from sluice_devstack.simulated.bedrock.said import Block, Reasoning, Said, Text, ToolUse
from sluice_devstack.simulated.catalogue import CREATED

Body = Mapping[str, Any]
FINISH_REASONS = {"max_tokens": "length", "tool_use": "tool_calls", "guardrail_intervened": "content_filter"}


def question(body: Body, model: ModelId) -> Question:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise invalid("messages: at least one message is required")
    return Question(model, {**body, "model": model.asked}, thinks=model.base.startswith("openai.gpt-oss"))


def document(said: Said, model: ModelId) -> dict[str, Any]:
    text = "".join(piece for block in said.blocks for piece in _pieces(block))
    calls = [_call(number, block) for number, block in enumerate(_uses(said))]
    message = {"role": "assistant", "content": text or None, **({"tool_calls": calls} if calls else {})}
    choice = {"index": 0, "message": message, "finish_reason": _finish_reason(said)}
    return {**_identity(model, "chat.completion"), "choices": [choice], "usage": _usage(said)}


def events(said: Said, model: ModelId) -> Iterator[dict[str, Any]]:
    identity = _identity(model, "chat.completion.chunk")
    pieces = (piece for block in said.blocks for piece in _pieces(block))
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in pieces)]
    deltas += [{"tool_calls": [_call(number, block)]} for number, block in enumerate(_uses(said))]
    yield from ({**identity, "choices": [{"index": 0, "delta": one, "finish_reason": None}]} for one in deltas)
    yield {**identity, "choices": [{"index": 0, "delta": {}, "finish_reason": _finish_reason(said)}]}
    yield {**identity, "choices": [], "usage": _usage(said)}


def _pieces(block: Block) -> Iterator[str]:
    if isinstance(block, Reasoning):
        yield from ("<reasoning>", *block.pieces, "</reasoning>")
    elif isinstance(block, Text):
        yield from block.pieces


def _uses(said: Said) -> Iterator[ToolUse]:
    return (block for block in said.blocks if isinstance(block, ToolUse))


def _call(number: int, block: ToolUse) -> dict[str, Any]:
    function = {"name": block.call.name, "arguments": block.input}
    return {"index": number, "id": f"call_{number}", "type": "function", "function": function}


def _identity(model: ModelId, kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-simulated", "object": kind, "created": CREATED, "model": model.base}


def _finish_reason(said: Said) -> str:
    return FINISH_REASONS.get(said.stop_reason, "stop")


def _usage(said: Said) -> dict[str, int]:
    used = said.usage
    return {"prompt_tokens": used.input_tokens, "completion_tokens": used.output_tokens, "total_tokens": used.total}
