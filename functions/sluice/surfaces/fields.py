"""What a field of a request may hold: checks, and the words that say what would be right."""

from collections.abc import Callable
from typing import Any, NamedTuple

from sluice.domain.errors import InvalidRequest


class Field(NamedTuple):
    """What a field accepts, in words and as a check; None stands for absent."""

    wants: str
    accepts: Callable[[Any], bool]
    is_required: bool = False


def check(name: str, field: Field, value: Any) -> None:
    """Raises InvalidRequest with the `param` at fault."""
    if value is None:
        if field.is_required:
            raise InvalidRequest(f"{name} is missing; want {field.wants}", param=name)
    elif not field.accepts(value):
        raise InvalidRequest(f"{name} is wrong; want {field.wants}", param=name)


def is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def is_switch(value: Any) -> bool:
    return isinstance(value, bool)


def is_object(value: Any) -> bool:
    return isinstance(value, dict)


def is_whole(least: int, most: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def is_list_of(accepts: Callable[[Any], bool], most: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and 0 < len(value) <= most and all(map(accepts, value))


def is_message(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("role"), str)


def is_input(value: Any) -> bool:
    """Text, several texts, or their tokens."""
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(one, str | int | list) for one in value)
    )
