"""An assistant's message as blocks of Converse: what it thought, said and called, in this order."""

from typing import Any

from sluice.domain.errors import UnsupportedParameter
from sluice.translation.family import Reasoning
from sluice.translation.requests.converse_cache import points
from sluice.translation.requests.converse_content import Block, Content, text_blocks
from sluice.translation.requests.converse_media import is_base64
from sluice.translation.requests.converse_tool_ids import tool_id
from sluice.translation.requests.draft import Draft
from sluice.translation.requests.json_values import Value, parsed_object
from sluice.translation.requests.tool_names import tool_name

REFUSED = ("function_call", "audio")
THINKING_KINDS = ("thinking", "redacted_thinking")
REPLAYS = frozenset({Reasoning.BUDGET, Reasoning.ADAPTIVE})


def blocks(message: Value, content: Content, draft: Draft, *, offers_tools: bool) -> list[Block]:
    """`offers_tools`: calls stay calls; else they become text. Raises InvalidRequest."""
    for name in REFUSED:
        if not message.field(name).is_absent:
            path = message.field(name).path
            raise UnsupportedParameter(f"{path} cannot be carried; want content and tool_calls", param=path)
    said = content.of_assistant(message)
    refusal = message.field("refusal")
    if not refusal.is_absent:
        said += text_blocks(refusal.text())
    calls = _calls(message, draft, offers_tools)
    behind = points(message, "messages", draft) if calls and not said else []
    return [*_thoughts(message, draft), *said, *calls, *behind]


def _thoughts(message: Value, draft: Draft) -> list[Block]:
    thoughts = message.field("thinking_blocks")
    if thoughts.is_absent:
        if message.field("reasoning_content").raw:
            draft.warn("reasoning_content")
        return []
    found = [_thought(thought) for thought in thoughts.items()]
    kept = [block for block in found if block] if draft.family.reasoning in REPLAYS else []
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
        "toolUseId": tool_id(call.field("id").filled_text(), draft.family),
        "name": tool_name(function.field("name")),
        "input": parsed_object(function.field("arguments")),
    }
