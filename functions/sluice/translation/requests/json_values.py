"""A caller's JSON values, read with the path that an error's `param` names."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, NoReturn

from sluice.domain.errors import InvalidRequest

MAX_DEPTH = 100
LARGEST = 1e300  # what a float holds of an integer


class Value(NamedTuple):
    """One value of the request, and where it stands."""

    raw: Any
    path: str

    @property
    def is_absent(self) -> bool:
        return self.raw is None

    def wrong(self, wants: str) -> NoReturn:
        raise InvalidRequest(f"{self.path} is wrong; want {wants}", param=self.path)

    def field(self, name: str) -> "Value":
        """A field of an object; None where it is absent. Raises InvalidRequest where this is no object."""
        return Value(self.object().get(name), f"{self.path}.{name}" if self.path else name)

    def object(self) -> Mapping[str, Any]:
        return self.raw if isinstance(self.raw, dict) else self.wrong("an object")

    def items(self) -> "Iterator[Value]":
        """The entries of a list, each with its index in the path."""
        if not isinstance(self.raw, list):
            self.wrong("a list")
        return (Value(item, f"{self.path}[{index}]") for index, item in enumerate(self.raw))

    def text(self) -> str:
        return self.raw if isinstance(self.raw, str) else self.wrong("a string")

    def filled_text(self) -> str:
        return self.text() or self.wrong("a string that is not empty")

    def switch(self) -> bool:
        return self.raw if isinstance(self.raw, bool) else self.wrong("true or false")

    def whole(self, least: int) -> int:
        is_whole = isinstance(self.raw, int) and not isinstance(self.raw, bool)
        return int(self.raw) if is_whole and self.raw >= least else self.wrong(f"a whole number from {least}")

    def number(self) -> float:
        """A number from 0; a float holds it."""
        is_number = isinstance(self.raw, int | float) and not isinstance(self.raw, bool)
        return float(self.raw) if is_number and 0 <= self.raw <= LARGEST else self.wrong("a number from 0")

    def one_of(self, words: "Mapping[str, Any] | tuple[str, ...]") -> str:
        is_known = isinstance(self.raw, str) and self.raw in words
        return str(self.raw) if is_known else self.wrong(f"one of {', '.join(words)}")


def parsed_object(value: Value) -> dict[str, Any]:
    """The JSON object in a string. Blank text is an empty one; anything else that is no object is refused."""
    text = value.text()
    if not text.strip():
        return {}
    found = object_in(text)
    if found is None:
        value.wrong(f"a JSON object in a string, at most {MAX_DEPTH} levels deep")
    return found


def object_in(text: str) -> dict[str, Any] | None:
    """The JSON object that a text is; None where it is none, or one that could not be written as UTF-8 again."""
    try:
        found = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and not _is_deep(found) else None


def _no_constant(_: str) -> NoReturn:
    raise ValueError("not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("too large")
    return number


def _is_deep(found: dict[str, Any]) -> bool:
    level: list[Any] = [found]
    for _ in range(MAX_DEPTH):
        level = [item for box in level for item in _members(box) if isinstance(item, dict | list)]
        if not level:
            return False
    return True


def _members(box: Any) -> Any:
    return box.values() if isinstance(box, dict) else box
