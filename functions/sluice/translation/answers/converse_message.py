"""The content of a whole Converse answer as OpenAI's message."""

from collections.abc import Callable
from typing import Any

from sluice.translation.answers.chat_message import ChatMessage
from sluice.translation.answers.converse_citation import annotation
from sluice.translation.answers.converse_reasoning import redacted, signed
from sluice.translation.answers.converse_tools import is_callers, named
from sluice.translation.answers.json_value import mapping, sequence, text


def add(message: ChatMessage, block: Any) -> None:
    """One content block, to what came before it."""
    for key, value in mapping(block).items():
        if key in BLOCKS:
            BLOCKS[key](message, value)


def _add_text(message: ChatMessage, value: Any) -> None:
    message.say(text(value))


def _add_cited(message: ChatMessage, value: Any) -> None:
    cited = mapping(value)
    start = message.said
    message.say("".join(text(mapping(part).get("text")) for part in sequence(cited.get("content"))))
    message.cite(*(annotation(each, start, message.said) for each in sequence(cited.get("citations"))))


def _add_reasoning(message: ChatMessage, value: Any) -> None:
    block = mapping(value)
    thought = mapping(block.get("reasoningText"))
    thinking, signature = text(thought.get("text")), text(thought.get("signature"))
    data = text(block.get("redactedContent"))
    message.think(thinking)
    if signature:
        message.keep(signed(thinking, signature))
    if data:
        message.keep(redacted(data))


def _add_tool_use(message: ChatMessage, value: Any) -> None:
    tool_use = mapping(value)
    if is_callers(tool_use):
        message.call(*named(tool_use), tool_use.get("input"))


BLOCKS: dict[str, Callable[[ChatMessage, Any], None]] = {
    "text": _add_text,
    "citationsContent": _add_cited,
    "reasoningContent": _add_reasoning,
    "toolUse": _add_tool_use,
}
