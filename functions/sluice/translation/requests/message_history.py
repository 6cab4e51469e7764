"""The messages of a Messages request, as those of a chat.

A user turn holds what tools answered and what the user said. A chat keeps them apart: first one `tool` message per
result, in order, then one `user` message with the rest. An image that a tool returned has no place in a `tool`
message of OpenAI's, so it goes to the head of that user message; Converse takes it where it was.
"""

import json
from collections.abc import Mapping
from typing import Any

from sluice.domain.errors import InvalidRequest
from sluice.translation.requests import message_value
from sluice.translation.requests.message_parts import Part, block_parts, parts

Message = dict[str, Any]
ROLES = ("user", "assistant", "system")
THINKING = ("thinking", "redacted_thinking")
RESULT_PARTS = ("text",)  # what a `tool` message of OpenAI's may hold


class History:
    """Translates message by message. `warnings` names what was left out on the way."""

    def __init__(self, *, extras: bool) -> None:
        self.warnings: list[str] = []
        self._extras = extras

    def system(self, content: Any) -> list[Message]:
        """The system prompt, which comes first."""
        found = self._kept(parts(content, "system"))
        return [{"role": "system", "content": compact(found)}] if found else []

    def messages(self, turns: list[Any]) -> list[Message]:
        return [message for index, turn in enumerate(turns) for message in self._turn(turn, f"messages[{index}]")]

    def _turn(self, turn: Any, param: str) -> list[Message]:
        of_role = message_value.mapping(turn, param)
        role = of_role.get("role")
        if role not in ROLES:
            raise InvalidRequest(f"{param}.role must be one of {', '.join(ROLES)}", param=f"{param}.role")
        if role == "assistant":
            return self._assistant(of_role.get("content"), f"{param}.content")
        return self._said(str(role), of_role.get("content"), f"{param}.content")

    def _said(self, role: str, content: Any, param: str) -> list[Message]:
        answered: list[Message] = []
        images: list[Part] = []
        said: list[Part] = []
        for place, block in placed(content, param):
            if block.get("type") == "tool_result":
                message, beside = self._result(block, place)
                answered.append(message)
                images.extend(beside)
            else:
                said.extend(self._kept(block_parts(block, place), block.get("citations")))
        spoken = images + said
        return answered + ([{"role": role, "content": compact(spoken)}] if spoken else [])

    def _result(self, block: Mapping[str, Any], param: str) -> tuple[Message, list[Part]]:
        """The message of one tool's answer, and what has to go beside it."""
        call = message_value.name(block.get("tool_use_id"), f"{param}.tool_use_id")
        content = block.get("content")
        found = self._kept([] if content is None else parts(content, f"{param}.content"))
        if block.get("is_error") is True:
            found = as_error(found)
        inside = [part for part in found if self._extras or part["type"] in RESULT_PARTS]
        message = {"role": "tool", "tool_call_id": call, "content": compact(inside) if inside else ""}
        return self._cached(message, block), [part for part in found if part not in inside]

    def _assistant(self, content: Any, param: str) -> list[Message]:
        """One message; more of them where the model thought again after it had spoken, for those who keep thinking."""
        earlier: list[Message] = []
        thought: list[Message] = []
        calls: list[Message] = []
        said: list[Part] = []
        for place, block in placed(content, param):
            if block.get("type") in THINKING:
                if self._extras and (said or calls):
                    earlier += self._answered(thought, said, calls)
                    thought, said, calls = [], [], []
                thought.append(thinking(block, place))
            elif block.get("type") == "tool_use":
                calls.append(self._cached(call(block, place), block))
            else:
                said.extend(self._kept(block_parts(block, place), block.get("citations")))
        return earlier + self._answered(thought, said, calls)

    def _answered(self, thought: list[Message], said: list[Part], calls: list[Message]) -> list[Message]:
        message: Message = {"role": "assistant", "content": compact(said) if said else None}
        if thought and self._extras:
            message["thinking_blocks"] = thought
        elif thought:
            self.warnings.append("messages.thinking")  # OpenAI refuses keys that it does not know
        if calls:
            message["tool_calls"] = calls
        return [message] if len(message) > 2 or said else []

    def _kept(self, found: list[Part], cited: Any = None) -> list[Part]:
        """`cited` is a block's `citations`: the sources of what was said, or the wish for them."""
        if is_cited(cited):
            self.warnings.append("citations")
        if self._extras or not any("cache_control" in part for part in found):
            return found
        self.warnings.append("cache_control")
        return [{key: value for key, value in part.items() if key != "cache_control"} for part in found]

    def _cached(self, message: Message, block: Mapping[str, Any]) -> Message:
        if not isinstance(block.get("cache_control"), Mapping):
            return message
        if self._extras:
            return {**message, "cache_control": dict(block["cache_control"])}
        self.warnings.append("cache_control")
        return message


def is_cited(citations: Any) -> bool:
    if isinstance(citations, Mapping):
        return citations.get("enabled") is True
    return bool(citations)


def placed(content: Any, param: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Each block with the path to it; a string is one text block."""
    if isinstance(content, str):
        return [(param, {"type": "text", "text": content})] if content else []
    blocks = message_value.items(content, param)
    paths = [f"{param}[{index}]" for index in range(len(blocks))]
    return [(path, message_value.mapping(block, path)) for path, block in zip(paths, blocks, strict=True)]


def thinking(block: Mapping[str, Any], param: str) -> Message:
    if block["type"] == "redacted_thinking":
        return {"type": "redacted_thinking", "data": message_value.text(block.get("data"), f"{param}.data")}
    written = message_value.text(block.get("thinking"), f"{param}.thinking")
    signature = message_value.text(block.get("signature", ""), f"{param}.signature")
    return {"type": "thinking", "thinking": written, "signature": signature}


def call(block: Mapping[str, Any], param: str) -> Message:
    given = message_value.mapping(block.get("input", {}), f"{param}.input")
    function = {
        "name": message_value.name(block.get("name"), f"{param}.name"),
        "arguments": json.dumps(given, ensure_ascii=False, separators=(",", ":")),
    }
    return {"id": message_value.name(block.get("id"), f"{param}.id"), "type": "function", "function": function}


def as_error(found: list[Part]) -> list[Part]:
    """A chat has no field that says a tool failed, so the model is told in words."""
    if found and found[0]["type"] == "text":
        return [{**found[0], "text": f"Error: {found[0]['text']}"}, *found[1:]]
    return [{"type": "text", "text": "Error"}, *found]


def compact(found: list[Part]) -> str | list[Part]:
    """Text that is alone as a string, which every compatible provider takes."""
    if len(found) == 1 and found[0].keys() == {"type", "text"}:
        return str(found[0]["text"])
    return found
