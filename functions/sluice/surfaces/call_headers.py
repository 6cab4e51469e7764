"""What a caller may ask for in headers: `x-sluice-*`, each with its limits (docs/api.md)."""

import json
import re
from collections.abc import Iterable, Mapping

from sluice.domain.errors import InvalidRequest

MOST_MILLISECONDS = 900_000
MAX_METADATA_KEYS = 16
MAX_METADATA_BYTES = 2048
CONTROL = re.compile(r"[\r\n\x00]")
TIMEOUTS = {
    "x-sluice-timeout-ms": "first_byte_timeout_seconds",
    "x-sluice-idle-timeout-ms": "idle_timeout_seconds",
}

Metadata = dict[str, str | int | float | bool]


def check(headers: Mapping[str, str]) -> None:
    """Raises InvalidRequest for a header that could not have come over HTTP."""
    for name, value in headers.items():
        if CONTROL.search(name) or CONTROL.search(str(value)):
            raise InvalidRequest("a header holds CR, LF or NUL")


def forwarded(headers: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Those of the caller's headers that a provider is to see. Raises InvalidRequest for one that cannot be sent."""
    found = {name: headers[name].strip() for name in names if name in headers}
    for name, value in found.items():
        if not (value.isascii() and value.isprintable()):
            raise InvalidRequest(f"the header {name} holds other than printable ASCII")
    return found


def timeouts(headers: Mapping[str, str]) -> dict[str, float]:
    """The timeouts asked for, in seconds, by their name in the configuration."""
    return {field: _seconds(name, headers[name]) for name, field in TIMEOUTS.items() if name in headers}


def metadata(headers: Mapping[str, str]) -> Metadata:
    """The caller's own labels for the usage record: a flat JSON object of strings, numbers and booleans."""
    text = headers.get("x-sluice-metadata", "")
    if not text:
        return {}
    if len(text.encode("utf-8", "replace")) > MAX_METADATA_BYTES:
        raise InvalidRequest(f"x-sluice-metadata is longer than {MAX_METADATA_BYTES} bytes")
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        value = None
    if not (isinstance(value, dict) and len(value) <= MAX_METADATA_KEYS and all(map(_is_flat, value.values()))):
        raise InvalidRequest(f"x-sluice-metadata: want a flat JSON object of at most {MAX_METADATA_KEYS} keys")
    return value


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _is_flat(value: object) -> bool:
    return isinstance(value, str | int | float | bool)


def _seconds(name: str, text: str) -> float:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST_MILLISECONDS and len(text) <= 9):
        raise InvalidRequest(f"{name}: want a whole number of milliseconds from 1 to {MOST_MILLISECONDS}")
    return int(text) / 1000
