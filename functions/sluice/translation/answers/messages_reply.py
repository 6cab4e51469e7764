"""The content of a whole Anthropic Message as OpenAI's message; what tools did that Anthropic ran is its own affair."""

from collections.abc import Callable
from typing import Any

from sluice.domain.errors import UpstreamProtocol
from sluice.translation.answers.chat_message import ChatMessage
from sluice.translation.answers.json_value import Json, mapping, sequence, text
from sluice.translation.answers.messages_citation import annotation


def add(message: ChatMessage, block: Any) -> None:
    """One content block, to what came before it."""
    of_type = mapping(block)
    handle = BLOCKS.get(text(of_type.get("type")))
    if handle is not None:
        handle(message, of_type)


def _add_text(message: ChatMessage, block: Json) -> None:
    start = message.said
    message.say(text(block.get("text")))
    message.cite(*(annotation(each, start, message.said) for each in sequence(block.get("citations"))))


def _add_thinking(message: ChatMessage, block: Json) -> None:
    message.think(text(block.get("thinking")))
    if text(block.get("signature")):
        message.keep(thinking(text(block.get("thinking")), block["signature"]))


def _add_redacted(message: ChatMessage, block: Json) -> None:
    message.keep(redacted(text(block.get("data"))))


def _add_tool_use(message: ChatMessage, block: Json) -> None:
    message.call(*named(block), block.get("input"))


def thinking(written: str, signature: str) -> Json:
    return {"type": "thinking", "thinking": written, "signature": signature}


def redacted(data: str) -> Json:
    return {"type": "redacted_thinking", "data": data}


def named(tool_use: Json) -> tuple[str, str]:
    """The call's id and the tool's name; UpstreamProtocol for a call that could not be answered without."""
    call_id, name = text(tool_use.get("id")), text(tool_use.get("name"))
    if not (call_id and name):
        raise UpstreamProtocol("the provider sent a tool_use block without an id and a name")
    return call_id, name


BLOCKS: dict[str, Callable[[ChatMessage, Json], None]] = {
    "text": _add_text,
    "thinking": _add_thinking,
    "redacted_thinking": _add_redacted,
    "tool_use": _add_tool_use,
}
