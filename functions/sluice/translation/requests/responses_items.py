"""The input of a Responses request, as chat messages.

https://platform.openai.com/docs/api-reference/responses/create (input). A turn of the assistant is many items there
and one message in chat: reasoning, then text, then calls. An item that would break this order begins another message;
the translations behind this one join messages of one role again.
"""

from collections.abc import Callable
from typing import Any

from sluice.domain.errors import UnsupportedParameter
from sluice.translation.requests.json_values import Value
from sluice.translation.requests.responses_content import content
from sluice.translation.sealed_thinking import BLOCKS, unsealed

ASSISTANT = "assistant"
ROLES = ("user", "system", "developer")
ORDER = (BLOCKS, "content", "tool_calls")  # of an assistant's message
REFERENCE = "item_reference"


class Conversation:
    """Messages as they are read off the items. `lost` says that an item could not be told to the model."""

    __slots__ = ("_said", "lost", "messages")

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.lost = False
        self._said: dict[str, Any] | None = None  # the assistant's message that may grow

    def add(self, item: Value) -> None:
        kind = _kind(item)
        if (read := READERS.get(kind)) is None:
            raise UnsupportedParameter(_refusal(kind, item.path), param=f"{item.path}.type")
        read(self, item)

    def message(self, item: Value) -> None:
        role, said = item.field("role"), content(item.field("content"))
        self.lost = self.lost or _is_cited(item.raw["content"])
        if role.raw != ASSISTANT:
            self._told({"role": role.one_of(ROLES), "content": said})
        elif said:
            self._answering("content")["content"] = said

    def reasoning(self, item: Value) -> None:
        blocks = unsealed(item.field("encrypted_content").raw)
        if blocks is None:
            self.lost = True
        else:
            self._answering(BLOCKS).setdefault(BLOCKS, []).extend(blocks)

    def call(self, item: Value) -> None:
        function = {name: item.field(name).text() for name in ("name", "arguments")}
        made = {"id": item.field("call_id").text(), "type": "function", "function": function}
        self._answering("tool_calls").setdefault("tool_calls", []).append(made)

    def result(self, item: Value) -> None:
        call_id, output = item.field("call_id").text(), content(item.field("output"))
        self._told({"role": "tool", "tool_call_id": call_id, "content": output})

    def _told(self, message: dict[str, Any]) -> None:
        self._said = None
        self.messages.append(message)

    def _answering(self, key: str) -> dict[str, Any]:
        """The assistant's message in which this key is the next to be written."""
        said = self._said
        if said is None or (key == "content" and said["content"]) or any(said.get(later) for later in _after(key)):
            said = {"role": ASSISTANT, "content": None}
            self._told(said)
            self._said = said
        return said


def messages(given: Value) -> tuple[list[dict[str, Any]], bool]:
    """The messages of `input`, and whether an item of it could not be told.

    Raises InvalidRequest with the `param` at fault.
    """
    if isinstance(given.raw, str):
        return [{"role": "user", "content": given.raw}], False
    if not isinstance(given.raw, list):
        given.wrong("text, or a list of items")
    conversation = Conversation()
    for item in given.items():
        conversation.add(item)
    return conversation.messages, conversation.lost


def _is_cited(parts: Any) -> bool:
    """A part says where its text is from, which no other API takes back."""
    return isinstance(parts, list) and any(isinstance(part, dict) and part.get("annotations") for part in parts)


def _after(key: str) -> tuple[str, ...]:
    return ORDER[ORDER.index(key) + 1 :]


def _kind(item: Value) -> str:
    """An item's type, which a message and a reference may leave out."""
    kind = item.field("type")
    if not kind.is_absent:
        return kind.text()
    return REFERENCE if "role" not in item.raw and "id" in item.raw else "message"


def _refusal(kind: str, path: str) -> str:
    if kind == REFERENCE:
        return f"{path}: nothing is stored for this model, so no item can be referred to; send the item itself"
    return f"{path}.type: this model's API has no such item; want one of {', '.join(READERS)}"


READERS: dict[str, Callable[[Conversation, Value], None]] = {
    "message": Conversation.message,
    "reasoning": Conversation.reasoning,
    "function_call": Conversation.call,
    "function_call_output": Conversation.result,
}
