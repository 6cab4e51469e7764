"""The messages of a chat, as the turns of Anthropic's Messages API.

Instructions go to `system`. Messages of one role in a row are one turn; results of tools are the user's, and come
first in the turn. Thinking that is sent back stands where it stood in the answer. Where no tools are offered, what
tools did is told as text: the API refuses their blocks then.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from sluice.domain.errors import InvalidRequest, UnsupportedParameter
from sluice.translation.requests import message_value
from sluice.translation.requests.call_ids import CallIds
from sluice.translation.requests.chat_blocks import Block, blocks, cached, text_blocks
from sluice.translation.requests.json_values import object_in
from sluice.translation.requests.message_fields import unread
from sluice.translation.thinking_order import Place, calls_last, place, stretches

INSTRUCTIONS = ("system", "developer")
UNFIT_ID = re.compile(r"[^a-zA-Z0-9_-]")
THINKING = ("thinking", "redacted_thinking")
REFUSED = {"function_call": "tool_calls", "audio": "content"}


class Thought(NamedTuple):
    block: Block
    place: Place


class Turns:
    """Takes the messages in order. `warnings` names what was left out on the way."""

    def __init__(self, *, has_tools: bool) -> None:
        self.system: list[Block] = []
        self.turns: list[dict[str, Any]] = []
        self.warnings: list[str] = []
        self._has_tools = has_tools
        self._ids = CallIds(tool_id)
        self._answered: set[str] = set()

    def take(self, messages: Any) -> None:
        for index, message in enumerate(message_value.items(messages, "messages")):
            param = f"messages[{index}]"
            self._take(message_value.mapping(message, param), param)
        self._finish()

    @property
    def thinks_between_tools(self) -> bool:
        """False where the last turn answers a call that was made without thinking, or whose thinking was not kept."""
        if len(self.turns) < 2 or not any(block["type"] == "tool_result" for block in self.turns[-1]["content"]):
            return True
        return self.turns[-2]["content"][0]["type"] in THINKING

    def _take(self, message: Mapping[str, Any], param: str) -> None:
        role = message.get("role")
        self.warnings += [*unread(message), *lost_detail(message.get("content"))]
        if role in INSTRUCTIONS:
            self.system += marked(blocks(message.get("content"), f"{param}.content"), message)
        elif role == "user":
            self._append("user", marked(blocks(message.get("content"), f"{param}.content"), message))
        elif role == "assistant":
            self._append("assistant", marked(self._assistant(message, param), message))
        elif role == "tool":
            self._append("user", self._result(message, param))
        elif role == "function":
            raise UnsupportedParameter(f"{param}.role must be tool instead of function", param=f"{param}.role")
        else:
            known = "system, developer, user, assistant or tool"
            raise InvalidRequest(f"{param}.role must be {known}", param=f"{param}.role")

    def _append(self, role: str, content: list[Block]) -> None:
        if content and self.turns and self.turns[-1]["role"] == role:
            self.turns[-1]["content"] += content
        elif content:
            self.turns.append({"role": role, "content": content})

    def _assistant(self, message: Mapping[str, Any], param: str) -> list[Block]:
        for name, instead in REFUSED.items():
            if message.get(name) is not None:
                raise UnsupportedParameter(f"{param}.{name} must be given as {instead}", param=f"{param}.{name}")
        said = blocks(message.get("content"), f"{param}.content")
        if message.get("refusal") is not None:
            said += text_blocks({"text": message["refusal"]}, f"{param}.refusal")
        return ordered(self._thought(message, param), said, self._calls(message, param))

    def _thought(self, message: Mapping[str, Any], param: str) -> list[Thought]:
        given = message.get("thinking_blocks")
        listed = [] if given is None else message_value.items(given, f"{param}.thinking_blocks")
        found = [thinking(block, f"{param}.thinking_blocks[{index}]") for index, block in enumerate(listed)]
        if not all(found):
            self.warnings.append("messages.thinking_blocks")
        if given is None and message.get("reasoning_content"):
            self.warnings.append("reasoning_content")
        return [Thought(block, place(given)) for block, given in zip(found, listed, strict=True) if block]

    def _calls(self, message: Mapping[str, Any], param: str) -> list[Block]:
        given = message.get("tool_calls")
        listed = [] if given is None else message_value.items(given, f"{param}.tool_calls")
        found = [call(each, f"{param}.tool_calls[{index}]", self._ids) for index, each in enumerate(listed)]
        if self._has_tools:
            return found
        self.warnings += ["messages"] if found else []
        return list(map(told_call, found))

    def _result(self, message: Mapping[str, Any], param: str) -> list[Block]:
        """A tool's answer. Of two to one call the first counts; the API refuses the second."""
        answered = self._ids.of_result(message_value.name(message.get("tool_call_id"), f"{param}.tool_call_id"))
        content = blocks(message.get("content"), f"{param}.content")
        if not self._has_tools:
            self.warnings.append("messages")
            return [{"type": "text", "text": f"[tool result {answered}:]"}, *content]
        if answered in self._answered:
            self.warnings.append("messages")
            return []
        self._answered.add(answered)
        result: Block = {"type": "tool_result", "tool_use_id": answered}
        return [cached({**result, "content": content} if content else result, message)]

    def _finish(self) -> None:
        for turn in self.turns:
            if turn["role"] == "user":
                turn["content"].sort(key=lambda block: block["type"] != "tool_result")
            else:
                turn["content"] = calls_last(turn["content"], is_thought, is_call)
        self._trim()

    def _trim(self) -> None:
        """The API refuses a last turn of the assistant that ends in whitespace."""
        if not self.turns or self.turns[-1]["role"] != "assistant":
            return
        content = self.turns[-1]["content"]
        said = content[-1].get("text", "")
        if content[-1]["type"] == "text" and said != said.rstrip():
            content[-1] = {**content[-1], "text": said.rstrip()}
            self.warnings.append("messages")


def lost_detail(content: Any) -> list[str]:
    """How closely to look at an image is the model's own choice here."""
    parts = [part for part in content if isinstance(part, Mapping)] if isinstance(content, list) else []
    images = [part.get("image_url") for part in parts]
    details = [image.get("detail") for image in images if isinstance(image, Mapping)]
    return ["detail"] if any(detail not in (None, "auto") for detail in details) else []


def is_thought(block: Block) -> bool:
    return block["type"] in THINKING


def is_call(block: Block) -> bool:
    return bool(block["type"] == "tool_use")


def marked(content: list[Block], message: Mapping[str, Any]) -> list[Block]:
    """A message's cache_control is its last block's, but never thinking's."""
    if not content or "cache_control" in content[-1] or is_thought(content[-1]):
        return content
    return [*content[:-1], cached(content[-1], message)]


def ordered(thoughts: list[Thought], said: list[Block], calls: list[Block]) -> list[Block]:
    """One text is parted where the model thought again; several stay together, in the first stretch."""
    text = said[0]["text"] if len(said) == 1 and said[0].keys() == {"type", "text"} else ""
    waiting = [] if text else said
    found: list[Block] = []
    for stretch in stretches([thought.place for thought in thoughts], len(text), len(calls)):
        found += [thought.block for thought in thoughts[stretch.thoughts]]
        found += text_blocks({"text": text[stretch.content]}, "content") or waiting
        found += calls[stretch.tool_calls]
        waiting = []
    return found


def thinking(given: Any, param: str) -> Block | None:
    """The block as Anthropic signed it; None for one that carries no signature, which it would refuse."""
    block = message_value.mapping(given, param)
    if block.get("type") == "redacted_thinking":
        return {"type": "redacted_thinking", "data": message_value.name(block.get("data"), f"{param}.data")}
    if block.get("type") != "thinking":
        raise InvalidRequest(f"{param}.type must be thinking or redacted_thinking", param=f"{param}.type")
    if not block.get("signature"):
        return None
    written = message_value.text(block.get("thinking"), f"{param}.thinking")
    signature = message_value.text(block["signature"], f"{param}.signature")
    return {"type": "thinking", "thinking": written, "signature": signature}


def call(given: Any, param: str, ids: CallIds) -> Block:
    of_call = message_value.mapping(given, param)
    if of_call.get("type", "function") != "function":
        raise UnsupportedParameter(f"{param}.type must be function for this model", param=f"{param}.type")
    function = message_value.mapping(of_call.get("function"), f"{param}.function")
    block = {
        "type": "tool_use",
        "id": ids.of_call(message_value.name(of_call.get("id"), f"{param}.id")),
        "name": message_value.name(function.get("name"), f"{param}.function.name"),
        "input": arguments(function.get("arguments"), f"{param}.function.arguments"),
    }
    return cached(block, of_call)


def arguments(given: Any, param: str) -> dict[str, Any]:
    """The object that the arguments are JSON of; nothing at all is an empty one."""
    if given is None or not message_value.text(given, param).strip():
        return {}
    found = object_in(given)
    if found is None:
        raise InvalidRequest(f"{param} must be the JSON of an object", param=param)
    return found


def tool_id(given: str) -> str:
    """Another provider's id in letters that Anthropic takes; two ids stay two, and call and result agree."""
    fit = UNFIT_ID.sub("_", given)
    return fit if fit == given else f"{fit[:48]}_{message_value.opaque(given)[:8]}"


def told_call(block: Block) -> Block:
    given = json.dumps(block["input"], ensure_ascii=False, separators=(",", ":"))
    return {"type": "text", "text": f"[tool call {block['id']}: {block['name']}({given})]"}
