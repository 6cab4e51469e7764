"""The messages of chat.completions as the system and the turns of Converse.

System and developer messages are hoisted, messages of one role become one turn, results of tools stand first in
theirs. What a family refuses in a turn is put apart by an assistant's turn that says nothing but a full stop.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from sluice.domain.errors import UnsupportedParameter
from sluice.translation.requests import converse_assistant
from sluice.translation.requests.converse_cache import FIELD, points
from sluice.translation.requests.converse_content import Block, Content, parts
from sluice.translation.requests.draft import Draft
from sluice.translation.requests.json_values import Value, object_in
from sluice.translation.requests.message_fields import unread
from sluice.translation.thinking_order import calls_last

FULL_STOP = "."
OLD_ROLES = ("function",)


class Turn(NamedTuple):
    role: str
    content: list[Block]


class Conversation:
    """Reads the messages in order. `offers_tools`: the request has tools, so history may hold calls and results."""

    __slots__ = ("_content", "_draft", "_offers_tools", "_readers", "_told", "system", "turns")

    def __init__(self, draft: Draft, *, offers_tools: bool) -> None:
        self._draft = draft
        self._offers_tools = offers_tools
        self._content = Content(draft)
        self._told: set[str] = set()  # the results since the assistant spoke
        self.system: list[Block] = []
        self.turns: list[Turn] = []
        self._readers: dict[str, Callable[[Value], None]] = {
            "system": self._hoist,
            "developer": self._hoist,
            "user": lambda message: self._take("user", self._content.of_user(message)),
            "assistant": self._answer,
            "tool": self._result,
        }

    def read(self, message: Value) -> None:
        role = message.field("role")
        if role.raw in OLD_ROLES:
            raise UnsupportedParameter(f"{role.path}: functions are tools now; want tool", param=role.path)
        reader = self._readers[role.one_of(tuple(self._readers))]
        for name in unread(message.object()):
            self._draft.warn(name)
        reader(message)

    def _hoist(self, message: Value) -> None:
        self.system += self._content.of_system(message)

    def _answer(self, message: Value) -> None:
        offers = self._offers_tools
        self._take("assistant", converse_assistant.blocks(message, self._content, self._draft, offers_tools=offers))

    def _result(self, message: Value) -> None:
        asked = message.field("tool_call_id").filled_text()
        content = self._content.of_result(message)
        behind = points(_marked(message), "messages", self._draft)
        if not self._offers_tools:
            self._draft.warn("messages")
            self._take("user", [*_told(asked, content), *behind])
            return
        id_ = self._draft.call_ids.of_result(asked)
        if id_ in self._told:
            self._draft.warn("messages")
            return
        self._told.add(id_)
        if self._draft.family.wants_json_results:
            content = _as_json(content)
        result = {"toolResult": {"toolUseId": id_, "content": content}}
        self._take("user", [result, *behind])

    def _take(self, role: str, blocks: list[Block]) -> None:
        if not blocks:
            return
        if self.turns and self.turns[-1].role == role:
            self.turns[-1].content.extend(blocks)
        else:
            self.turns.append(Turn(role, list(blocks)))
            if role == "assistant":
                self._told.clear()


def turns(draft: Draft, *, offers_tools: bool) -> None:
    """Writes `system` and `messages`. Raises InvalidRequest with the `param` at fault."""
    messages = draft.field("messages")
    if not messages.raw:
        messages.wrong("a list of at least one message")
    conversation = Conversation(draft, offers_tools=offers_tools)
    for message in messages.items():
        conversation.read(message)
    found = [part for turn in conversation.turns for part in _apart(turn, draft)]
    found = _opened(_folded(found, conversation.system, draft), draft)
    _close(found, draft)
    if conversation.system and draft.family.takes_system:
        draft.body["system"] = conversation.system
    draft.body["messages"] = [{"role": turn.role, "content": _with_text(turn, draft)} for turn in found]


def _apart(turn: Turn, draft: Draft) -> Iterator[Turn]:
    """Results first; the rest in a turn of its own where the family refuses it beside them."""
    units = list(_units(turn.content))
    if turn.role == "assistant":
        units = calls_last(units, lambda unit: "reasoningContent" in unit[0], lambda unit: "toolUse" in unit[0])
    results = [block for unit in units if "toolResult" in unit[0] for block in unit]
    rest = [block for unit in units if "toolResult" not in unit[0] for block in unit]
    refused = draft.family.refuses_beside_results
    if not results or not any(refused.intersection(block) for block in rest):
        yield Turn(turn.role, results + rest)
        return
    draft.warn("messages")
    yield from (Turn("user", results), Turn("assistant", [{"text": FULL_STOP}]), Turn("user", rest))


def _units(blocks: list[Block]) -> Iterator[list[Block]]:
    """Each block with the cache point behind it."""
    for index, block in enumerate(blocks):
        if "cachePoint" not in block:
            behind = blocks[index + 1 : index + 2]
            yield [block, *(one for one in behind if "cachePoint" in one)]


def _folded(found: list[Turn], system: list[Block], draft: Draft) -> list[Turn]:
    """The instructions at the head of the first user turn, for families that have no system."""
    if draft.family.takes_system or not system:
        return found
    draft.warn("messages")
    if found and found[0].role == "user":
        return [Turn("user", system + found[0].content), *found[1:]]
    return [Turn("user", system), *found]


def _opened(found: list[Turn], draft: Draft) -> list[Turn]:
    """A user's turn first, where there is none or the family insists on it."""
    if found and (found[0].role == "user" or draft.family.may_start):
        return found
    draft.warn("messages")
    return [Turn("user", [{"text": FULL_STOP}]), *found]


def _close(found: list[Turn], draft: Draft) -> None:
    """The last turn, if it is an assistant's, is to be continued: Claude takes no blanks at its end."""
    last = found[-1]
    if last.role != "assistant":
        return
    if not draft.family.may_prefill:
        message = f"{draft.family.name} does not continue an assistant's message; end with the user's or a tool's"
        raise UnsupportedParameter(message, param="messages")
    text = last.content[-1].get("text")
    if draft.family.is_claude and text is not None and text != text.rstrip():
        last.content[-1] = {"text": text.rstrip()}
        draft.warn("messages")


def _with_text(turn: Turn, draft: Draft) -> list[Block]:
    """A document wants a text beside it."""
    kinds = {kind for block in turn.content for kind in block}
    if "document" not in kinds or "text" in kinds:
        return turn.content
    draft.warn("messages")
    return [*turn.content, {"text": FULL_STOP}]


def _marked(message: Value) -> Value:
    """The message, or the part of it, that bears the cache's mark: within a result none may stand."""
    marked = (one for one in (message, *parts(message.field("content"))) if not one.field(FIELD).is_absent)
    return next(marked, message)


def _told(asked: str, content: list[Block]) -> list[Block]:
    said = "".join(block["text"] for block in content if "text" in block)
    return [{"text": f"[tool result {asked}: {said}]"}, *(block for block in content if "text" not in block)]


def _as_json(content: list[Block]) -> list[Block]:
    """Text as the object it is, or as one that holds it."""
    return [{"json": _result_object(block["text"])} if "text" in block else block for block in content]


def _result_object(text: str) -> Block:
    found = object_in(text)
    return {"result": text} if found is None else found
