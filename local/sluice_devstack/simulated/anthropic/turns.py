"""What the Messages API asks of the turns of a conversation, block by block.

A call of a tool is answered in the very next turn, and nothing else is; thoughts come back with the signature they
were given. https://platform.claude.com/docs/en/agents-and-tools/tool-use/implement-tool-use
"""

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Any

from sluice_devstack.simulated.anthropic.blocks import signature
from sluice_devstack.simulated.anthropic.request import Body, kind_of, parts

IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
MEMBERS: dict[str, tuple[str, ...]] = {
    "text": ("text",),
    "image": ("source",),
    "document": ("source",),
    "thinking": ("thinking", "signature"),
    "redacted_thinking": ("data",),
    "tool_use": ("id", "name", "input"),
    "tool_result": ("tool_use_id",),
}
NOT_EMPTY = "all messages must have non-empty content except for the optional final assistant message"
OTHERS = frozenset({"search_result", "server_tool_use", "web_search_tool_result", "container_upload", "mcp_tool_use"})


def complaints_of_turns(messages: list[Any]) -> Iterator[str]:
    if not messages:
        yield "messages: at least one message is required"
    for number, message in enumerate(messages):
        yield from _wrong_turn(message, number, is_last=number == len(messages) - 1)
    for number, message in enumerate(messages):
        yield from _unanswered(messages, number)
        yield from _unasked(message, messages[number - 1] if number else {}, number)


def _wrong_turn(message: Any, number: int, *, is_last: bool) -> Iterator[str]:
    if not isinstance(message, dict):
        yield f"messages.{number}: Input should be a valid dictionary"
    if message.get("role") not in ("user", "assistant"):
        yield f"messages.{number}.role: Input should be 'user' or 'assistant'"
    content = message.get("content")
    if not isinstance(content, str | list):
        yield f"messages.{number}.content: Input should be a valid list"
    is_prefill = is_last and message["role"] == "assistant"
    if not content and not is_prefill:
        yield f"messages.{number}: {NOT_EMPTY}"
    for place, block in enumerate(content if isinstance(content, list) else []):
        yield from _wrong_block(block, f"messages.{number}.content.{place}")
    last = parts(content or [])[-1:]
    if is_prefill and last and str(last[0].get("text", "")).endswith((" ", "\n")):
        yield "messages: final assistant content cannot end with trailing whitespace"


def _wrong_block(block: Any, place: str) -> Iterator[str]:
    kind = kind_of(block)
    if kind not in MEMBERS and kind not in OTHERS:
        tags = ", ".join(f"'{name}'" for name in MEMBERS)
        yield f"{place}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}"
    yield from (f"{place}.{kind}.{name}: Field required" for name in MEMBERS.get(kind, ()) if name not in block)
    yield from JUDGES.get(kind, _nothing)(block, place)


def _nothing(_block: Body, _place: str) -> Iterator[str]:
    return iter(())


def _wrong_text(block: Body, place: str) -> Iterator[str]:
    if not isinstance(block["text"], str):
        yield f"{place}.text.text: Input should be a valid string"
    if not block["text"]:
        yield "messages: text content blocks must be non-empty"


def _wrong_image(block: Body, place: str) -> Iterator[str]:
    source = block["source"]
    if kind_of(source) == "base64":
        if source.get("media_type") not in IMAGES:
            listed = ", ".join(f"'{one}'" for one in IMAGES)
            yield f"{place}.image.source.base64.media_type: Input should be {listed}"
        if not _is_base64(source.get("data")):
            yield f"{place}.image.source.base64: invalid base64 data"
    elif kind_of(source) == "url" and not str(source.get("url")).startswith("https://"):
        yield f"{place}.image.source.url.url: Only HTTPS URLs are supported."
    elif kind_of(source) not in ("url", "file"):
        yield f"{place}.image.source: Input tag '{kind_of(source)}' does not match any of the expected tags"


def _wrong_thinking(block: Body, place: str) -> Iterator[str]:
    if block["signature"] != signature(str(block["thinking"])):
        yield f"{place}: Invalid `signature` in `thinking` block"


def _wrong_call(block: Body, place: str) -> Iterator[str]:
    if not isinstance(block["input"], dict):
        yield f"{place}.tool_use.input: Input should be a valid dictionary"


JUDGES: dict[str, Callable[[Body, str], Iterator[str]]] = {
    "text": _wrong_text,
    "image": _wrong_image,
    "thinking": _wrong_thinking,
    "tool_use": _wrong_call,
}


def _unanswered(messages: list[Body], number: int) -> Iterator[str]:
    """Calls that the next turn does not answer; those of the last turn still may be."""
    called = _ids(messages[number], "tool_use", "id")
    if len(set(called)) < len(called):
        yield f"messages.{number}: `tool_use` ids must be unique"
    following = messages[number + 1] if number + 1 < len(messages) else None
    answered = _ids(following, "tool_result", "tool_use_id") if following else called
    missing = [id for id in called if id not in answered]
    if missing:
        yield (
            f"messages.{number}: `tool_use` ids were found without `tool_result` blocks immediately after: "
            f"{', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in the next "
            "message."
        )


def _unasked(message: Body, before: Body, number: int) -> Iterator[str]:
    called = _ids(before, "tool_use", "id")
    for place, block in enumerate(parts(message["content"])):
        if block["type"] == "tool_result" and block["tool_use_id"] not in called:
            yield (
                f"messages.{number}.content.{place}: unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{block['tool_use_id']}. Each `tool_result` block must have a corresponding `tool_use` block in the "
                "previous message."
            )


def _ids(message: Body, kind: str, name: str) -> list[str]:
    return [str(block[name]) for block in parts(message.get("content") or []) if block["type"] == kind]


def _is_base64(data: Any) -> bool:
    try:
        return bool(base64.b64decode(data, validate=True))
    except (binascii.Error, TypeError, ValueError):
        return False
