"""Reads one value of a caller's Messages or chat request, or says by `param` what would have been right."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from sluice.domain.errors import InvalidRequest


def mapping(value: Any, param: str) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise InvalidRequest(f"{param} must be an object", param=param)


def items(value: Any, param: str) -> list[Any]:
    if isinstance(value, list):
        return value
    raise InvalidRequest(f"{param} must be a list", param=param)


def text(value: Any, param: str) -> str:
    if isinstance(value, str):
        return value
    raise InvalidRequest(f"{param} must be a string", param=param)


def name(value: Any, param: str) -> str:
    """A string that holds something."""
    if text(value, param):
        return str(value)
    raise InvalidRequest(f"{param} must not be empty", param=param)


def count(value: Any, param: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise InvalidRequest(f"{param} must be an integer of at least 1", param=param)


def number(value: Any, param: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise InvalidRequest(f"{param} must be a number", param=param)


def is_nothing(value: Any) -> bool:
    """Fields that SDKs send without meaning anything by them: null, and empty lists and objects."""
    return value is None or value == [] or value == {}


def opaque(identifier: str) -> str:
    """A stable stand-in of 64 characters for an identifier that the provider would refuse."""
    return sha256(identifier.encode("utf-8", "surrogatepass")).hexdigest()
