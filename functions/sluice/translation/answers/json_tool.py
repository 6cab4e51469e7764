"""The answer of a model that has no structured output of its own, and called the JSON tool instead.

The tool's input is the content that the caller parses, so nothing else may be content: what the model says beside the
tool is told as reasoning.
"""

from typing import Any

from sluice.translation.answers.json_value import mapping, sequence
from sluice.translation.structured import JSON_TOOL
from sluice.translation.translation import Event


def is_answer(name: Any, request: Event) -> bool:
    """A call of the tool `name` is the answer itself; `request` is the chat request."""
    return name == JSON_TOOL and is_possible(request)


def is_possible(request: Event) -> bool:
    """The caller wants JSON by a schema and has no tool of this name himself."""
    wants_json = mapping(request.get("response_format")).get("type") == "json_schema"
    return wants_json and JSON_TOOL not in (_name(tool) for tool in sequence(request.get("tools")))


def _name(tool: Any) -> Any:
    return mapping(mapping(tool).get("function")).get("name")


class Preamble:
    """Text of a stream that may turn out to have been said before the JSON tool was called.

    Text that begins like an object is the answer and passes at once; other text waits until the tool is called, or
    the answer ends without it.
    """

    __slots__ = ("_is_answer", "_text")

    def __init__(self) -> None:
        self._text = ""
        self._is_answer = False

    def admit(self, text: str) -> str:
        """The part of the text so far that may be sent now."""
        if self._is_answer:
            return text
        self._text += text
        self._is_answer = self._text.lstrip().startswith("{")
        return self.take() if self._is_answer else ""

    def take(self) -> str:
        """What waited, once."""
        waited, self._text = self._text, ""
        return waited
