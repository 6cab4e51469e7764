"""What a caller may ask for in headers: `x-sluice-*`, each with its limits (docs/api.md)."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from sluice.domain.call import RetryWish, Wishes
from sluice.domain.errors import InvalidRequest
from sluice.domain.route import Backoff

MOST_MILLISECONDS = 900_000
MAX_METADATA_KEYS = 16
MAX_METADATA_BYTES = 2048
CONTROL = re.compile(r"[\r\n\x00]")
TIMEOUTS = {
    "x-sluice-timeout-ms": "first_byte_timeout_seconds",
    "x-sluice-idle-timeout-ms": "idle_timeout_seconds",
}

MOST_ATTEMPTS = 5
MOST_DELAY_MILLISECONDS = 5000
RETRIES = ("x-sluice-max-attempts", "x-sluice-retry-delay-ms", "x-sluice-backoff")
SWITCHES = {"true": True, "false": False}
MAX_TEXT = 256
MAX_ALLOWED = 64
IDEMPOTENCY_KEY = "idempotency-key"
MAX_IDEMPOTENCY_KEY = 255
PROVIDER_KEY = "x-sluice-provider-authorization"
ROUTE, LOG, METADATA = "x-sluice-route", "x-sluice-log", "x-sluice-metadata"
LOGS = ("full", "meta", "off")
KEPT = "meta"  # what is always logged and recorded, and nothing else: no prompt, no answer
SCHEMES = ("bearer", "token")
OF_ROUTING = (
    "x-sluice-session-id",
    "x-sluice-sticky",
    "x-sluice-allowed-models",
    "x-sluice-allowed-providers",
    "x-sluice-dry-run",
)
NAMES = (*TIMEOUTS, *RETRIES, *OF_ROUTING, PROVIDER_KEY, ROUTE, LOG, METADATA)

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


def retry(headers: Mapping[str, str]) -> RetryWish:
    """How often, how long apart: `x-sluice-max-attempts`, `x-sluice-retry-delay-ms`, `x-sluice-backoff`."""
    attempts = _whole(headers, "x-sluice-max-attempts", 1, MOST_ATTEMPTS)
    delay = _whole(headers, "x-sluice-retry-delay-ms", 0, MOST_DELAY_MILLISECONDS)
    backoff = headers.get("x-sluice-backoff")
    if backoff is not None and backoff not in list(Backoff):
        raise InvalidRequest(f"x-sluice-backoff: want {', '.join(Backoff)}")
    return RetryWish(attempts, None if delay is None else delay / 1000, backoff)


def provider_key(headers: Mapping[str, str]) -> str | None:
    """A provider key of the caller's own. What is wrong with one is said without repeating it."""
    return key(headers[PROVIDER_KEY], PROVIDER_KEY) if PROVIDER_KEY in headers else None


def key(text: str, name: str) -> str:
    """The key in a header of that name, without the scheme before it."""
    words = text.split()
    if len(words) > 1 and words[0].lower() in SCHEMES:
        words = words[1:]
    found = words[0] if len(words) == 1 else ""
    if found.lower() in ("", *SCHEMES) or not all("!" <= character <= "~" for character in found):
        raise InvalidRequest(f"{name}: want Bearer and a key, in printable ASCII", param=name)
    return found


def wishes(headers: Mapping[str, str]) -> Wishes:
    """What a caller asks of routing."""
    return Wishes(
        session=_text(headers, "x-sluice-session-id"),
        is_sticky=_switch(headers, "x-sluice-sticky", default=True),
        models=_list(headers, "x-sluice-allowed-models"),
        providers=_list(headers, "x-sluice-allowed-providers"),
        is_dry_run=_switch(headers, "x-sluice-dry-run", default=False),
    )


def routed(body: dict[str, Any], provider: str | None, headers: Mapping[str, str]) -> tuple[dict[str, Any], str | None]:
    """The body and the provider that a path names, or the model string of `x-sluice-route` in the place of both."""
    name = route(headers)
    if name is None:
        return body, provider
    return {**{field: value for field, value in body.items() if field != "models"}, "model": name}, None


def route(headers: Mapping[str, str]) -> str | None:
    """The model string that counts in the place of the request's own."""
    return _text(headers, ROUTE)


def unheeded(headers: Mapping[str, str]) -> tuple[str, ...]:
    """`x-sluice-log` where it asks for more or less than is always kept."""
    text = headers.get(LOG, KEPT)
    if text not in LOGS:
        raise InvalidRequest(f"{LOG}: want {', '.join(LOGS)}")
    return () if text == KEPT else (LOG,)


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """The caller's own name of the call."""
    key = headers.get(IDEMPOTENCY_KEY)
    if key is not None and not (0 < len(key) <= MAX_IDEMPOTENCY_KEY and key.isascii() and key.isprintable()):
        raise InvalidRequest(f"{IDEMPOTENCY_KEY}: want 1 to {MAX_IDEMPOTENCY_KEY} printable ASCII characters")
    return key


def _text(headers: Mapping[str, str], name: str) -> str | None:
    text = headers.get(name)
    if text is not None and not 0 < len(text) <= MAX_TEXT:
        raise InvalidRequest(f"{name}: want 1 to {MAX_TEXT} characters")
    return text


def _list(headers: Mapping[str, str], name: str) -> tuple[str, ...]:
    found = tuple(part for part in (part.strip() for part in headers.get(name, "").split(",")) if part)
    if len(found) > MAX_ALLOWED or (name in headers and not found):
        raise InvalidRequest(f"{name}: want 1 to {MAX_ALLOWED} names with commas between")
    return found


def _switch(headers: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = headers.get(name, str(default)).strip().lower()
    if text not in SWITCHES:
        raise InvalidRequest(f"{name}: want true or false")
    return SWITCHES[text]


def _whole(headers: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    text = headers.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and least <= int(text) <= most):
        raise InvalidRequest(f"{name}: want a whole number from {least} to {most}")
    return int(text)


def metadata(headers: Mapping[str, str]) -> Metadata:
    """The caller's own labels for the usage record: a flat JSON object of strings, numbers and booleans."""
    text = headers.get(METADATA, "")
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
