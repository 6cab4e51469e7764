"""A request body as JSON, read once and strictly.

Python's json takes the last of two equal keys, NaN and Infinity, lone surrogates and any depth (facts R02 to R04);
what we read and what a provider reads must be the same text, so all of these are refused here.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from sluice.domain.errors import InvalidJson, InvalidRequest, TooLarge, UnsupportedMediaType

MAX_BODY_BYTES = 6 * 1024 * 1024
MAX_DEPTH = 100
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
JSON_TYPE = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json", re.IGNORECASE)
JSON_OR_BYTES = re.compile(rf"{JSON_TYPE.pattern}|application/octet-stream|", re.IGNORECASE)  # as boto3 sends a blob


def body(
    event: Mapping[str, Any], headers: Mapping[str, str], media_type: re.Pattern[str] = JSON_TYPE
) -> tuple[dict[str, Any], int]:
    """The JSON object of a function URL event and its size in bytes. Raises InvalidRequest, naming what is wrong."""
    value, size = _document(event, headers, media_type)
    if not isinstance(value, dict):
        raise InvalidJson("the body is JSON but not an object")
    return value, size


def array(event: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[list[Any], int]:
    """The same for a JSON array."""
    value, size = _document(event, headers, JSON_TYPE)
    if not isinstance(value, list):
        raise InvalidJson("the body is JSON but not an array")
    return value, size


def _document(event: Mapping[str, Any], headers: Mapping[str, str], media_type: re.Pattern[str]) -> tuple[Any, int]:
    _check_type(headers, media_type)
    raw = _raw(event)
    if len(raw) > MAX_BODY_BYTES:
        raise TooLarge(f"the body has {len(raw)} bytes; at most {MAX_BODY_BYTES} are taken")
    return _parsed(raw), len(raw)


def _parsed(raw: bytes) -> Any:
    try:
        text = raw.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_finite)
    except UnicodeDecodeError:
        raise InvalidJson("the body is not UTF-8") from None
    except RecursionError:
        raise InvalidJson(_too_deep()) from None
    except ValueError as error:
        raise InvalidJson(f"the body is not JSON: {_safe(error)}") from None
    _check_depth(text, value)
    _check_text(text, value)
    return value


def _check_type(headers: Mapping[str, str], accepted: re.Pattern[str]) -> None:
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType("send the body uncompressed, without content-encoding")
    media_type = headers.get("content-type", "application/json").partition(";")[0].strip()
    if not accepted.fullmatch(media_type):
        raise UnsupportedMediaType(f"content-type is {media_type[:60]!r}; send application/json")


def _raw(event: Mapping[str, Any]) -> bytes:
    text = event.get("body") or ""
    try:
        return base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode("utf-8")
    except (binascii.Error, UnicodeEncodeError, ValueError):
        raise InvalidRequest("the body cannot be decoded") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise InvalidJson(f"the key {twice[:60]!r} stands twice in one object")
    return table


def _no_constant(name: str) -> float:
    raise InvalidJson(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise InvalidJson(f"the number {digits[:40]} is too large")
    return value


def _safe(error: ValueError) -> str:
    """What json says of a syntax error: a position, never the text. Long integers raise a plain ValueError."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno} column {error.colno}"
    return "a number is too long"


def _too_deep() -> str:
    return f"the body is nested deeper than {MAX_DEPTH}"


def _check_depth(text: str, value: Any) -> None:
    """Walks the body only if it has enough brackets to be too deep."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [item for box in level for item in _items(box) if isinstance(item, dict | list)]
        if not level:
            return
    raise InvalidJson(_too_deep())


def _items(box: Any) -> Any:
    return box.values() if isinstance(box, dict) else box


def _check_text(text: str, value: Any) -> None:
    """A lone surrogate cannot be written as UTF-8 again; looked for only where an escape could make one."""
    if not SURROGATE.search(text):
        return
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidJson("the body holds a lone surrogate, which no UTF-8 text can") from None
