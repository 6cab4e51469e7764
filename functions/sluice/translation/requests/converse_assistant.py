"""An assistant's message as blocks of Converse: what it thought, said and called, in the order of the answer."""

from typing import Any, NamedTuple

from sluice.domain.errors import UnsupportedParameter
from sluice.translation.family import Reasoning
from sluice.translation.requests.converse_cache import points
from sluice.translation.requests.converse_content import Block, Content, text_blocks
from sluice.translation.requests.converse_media import is_base64
from sluice.translation.requests.draft import Draft
from sluice.translation.requests.json_values import Value, parsed_object
from sluice.translation.requests.tool_names import tool_name
from sluice.translation.thinking_order import Place, place, stretches

REFUSED = ("function_call", "audio")
THINKING_KINDS = ("thinking", "redacted_thinking")
REPLAYS = frozenset({Reasoning.BUDGET, Reasoning.ADAPTIVE})


class Thought(NamedTuple):
    block: Block
    place: Place


def blocks(message: Value, content: Content, draft: Draft, *, offers_tools: bool) -> list[Block]:
    """`offers_tools`: calls stay calls; else they become text. Raises InvalidRequest."""
    for name in REFUSED:
        if not message.field(name).is_absent:
            path = message.field(name).path
            raise UnsupportedParameter(f"{path} cannot be carried; want content and tool_calls", param=path)
    calls = _calls(message, draft, offers_tools)
    thoughts = _thoughts(message, draft)
    said = content.of_assistant(message)
    refusal = message.field("refusal")
    if not refusal.is_absent:
        said += text_blocks(refusal.text())
    behind = points(message, "messages", draft) if calls and not said else []
    return [*_ordered(thoughts, said, calls), *behind]


def _ordered(thoughts: list[Thought], said: list[Block], calls: list[Block]) -> list[Block]:
    """One text is parted where the model thought again; several stay together, in the first stretch."""
    text = said[0].get("text", "") if len(said) == 1 else ""
    waiting = [] if text else said
    blocks: list[Block] = []
    for stretch in stretches([thought.place for thought in thoughts], len(text), len(calls)):
        blocks += [thought.block for thought in thoughts[stretch.thoughts]]
        blocks += text_blocks(text[stretch.content]) or waiting
        blocks += calls[stretch.tool_calls]
        waiting = []
    return blocks


def _thoughts(message: Value, draft: Draft) -> list[Thought]:
    thoughts = message.field("thinking_blocks")
    if thoughts.is_absent:
        if message.field("reasoning_content").raw:
            draft.warn("reasoning_content")
        return []
    found = [Thought(_thought(thought), place(thought.raw)) for thought in thoughts.items()]
    kept = [thought for thought in found if thought.block] if draft.family.reasoning in REPLAYS else []
    if len(kept) < len(found):
        draft.warn("thinking_blocks")
    return kept


def _thought(thought: Value) -> Block:
    """Empty where there is no signature: the model would refuse it."""
    if thought.field("type").one_of(THINKING_KINDS) == "redacted_thinking":
        data = thought.field("data")
        if not is_base64(data.text()):
            data.wrong("base64")
        return {"reasoningContent": {"redactedContent": data.text()}}
    text, signature = thought.field("thinking").text(), thought.field("signature")
    if signature.is_absent or not signature.text():
        return {}
    return {"reasoningContent": {"reasoningText": {"text": text, "signature": signature.text()}}}


def _calls(message: Value, draft: Draft, offers_tools: bool) -> list[Block]:
    calls = message.field("tool_calls")
    if calls.is_absent:
        return []
    made = [_call(call, draft) for call in calls.items()]
    if offers_tools:
        return [{"toolUse": call} for call in made]
    texts = [call.field("function").field("arguments").text().strip() or "{}" for call in calls.items()]
    ids = [call.field("id").text() for call in calls.items()]
    if made:
        draft.warn("messages")
    return [
        {"text": f"[tool call {id_}: {call['name']}({text})]"} for id_, call, text in zip(ids, made, texts, strict=True)
    ]


def _call(call: Value, draft: Draft) -> dict[str, Any]:
    if call.field("type").raw not in (None, "function"):
        path = call.field("type").path
        raise UnsupportedParameter(f"{path}: Converse knows functions only; want function", param=path)
    function = call.field("function")
    return {
        "toolUseId": draft.call_ids.of_call(call.field("id").filled_text()),
        "name": tool_name(function.field("name")),
        "input": parsed_object(function.field("arguments")),
    }
