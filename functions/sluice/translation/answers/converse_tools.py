"""The tool calls of a ConverseStream as OpenAI's deltas.

OpenAI counts tool calls from 0; Converse counts content blocks of every kind, and has blocks of tools that the
provider runs itself, which a caller could not answer.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolUseBlockStart.html
"""

from dataclasses import dataclass

from sluice.domain.errors import UpstreamProtocol
from sluice.translation.answers import json_tool
from sluice.translation.answers.json_value import Json
from sluice.translation.translation import Event

NO_ARGUMENTS = "{}"


def is_callers(tool_use: Json) -> bool:
    """The caller runs this tool, not the provider."""
    return tool_use.get("type") != "server_tool_use"


def named(tool_use: Json) -> tuple[str, str]:
    """The call's id and the tool's name; UpstreamProtocol for a call that could not be answered without."""
    call_id, name = tool_use.get("toolUseId"), tool_use.get("name")
    if not (isinstance(call_id, str) and call_id and isinstance(name, str) and name):
        raise UpstreamProtocol("the provider sent a tool call without a toolUseId and a name")
    return call_id, name


@dataclass(slots=True)
class Call:
    """An open call. `index` is None for the JSON tool, whose arguments are content."""

    index: int | None
    has_input: bool = False

    def arguments(self, text: str) -> Json:
        self.has_input = True
        if self.index is None:
            return {"content": text}
        return {"tool_calls": [{"index": self.index, "function": {"arguments": text}}]}


class ToolCalls:
    """Every method gives the deltas that its event becomes."""

    __slots__ = ("_calls", "_count", "_request", "is_answered")

    def __init__(self, request: Event) -> None:
        self._request = request
        self._calls: dict[int, Call] = {}
        self._count = 0
        self.is_answered = False  # the JSON tool was called

    @property
    def count(self) -> int:
        """How many tools of the caller were called."""
        return self._count

    def start(self, block: int, tool_use: Json) -> list[Json]:
        if not is_callers(tool_use):
            return []
        call_id, name = named(tool_use)
        if json_tool.is_answer(name, self._request):
            return self._answer(block)
        index, self._count = self._count, self._count + 1
        self._calls[block] = Call(index)
        function = {"name": name, "arguments": ""}
        return [{"tool_calls": [{"index": index, "id": call_id, "type": "function", "function": function}]}]

    def add(self, block: int, fragment: str) -> list[Json]:
        call = self._calls.get(block)
        return [call.arguments(fragment)] if call and fragment else []

    def stop(self, block: int) -> list[Json]:
        """A call without input is one without arguments, which are still an object."""
        call = self._calls.pop(block, None)
        return [call.arguments(NO_ARGUMENTS)] if call and not call.has_input else []

    def end(self) -> list[Json]:
        """The answer is over, also for blocks whose end was not told."""
        return [delta for block in list(self._calls) for delta in self.stop(block)]

    def _answer(self, block: int) -> list[Json]:
        if not self.is_answered:  # a second answer after the first would not be JSON
            self._calls[block] = Call(None)
        self.is_answered = True
        return []
