"""Cloudflare's request headers as other names for ours, and its response headers as twins of ours.

https://developers.cloudflare.com/ai-gateway/glossary/, with the limits of the pages about caching, request handling,
metadata, costs and the auto router. `cf-aig-authorization` lets into a gateway of theirs; here the signature does, so
it is taken and dropped.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from sluice.domain.errors import InvalidRequest

MONTH_SECONDS = 2_678_400  # "one month" is the most of a cache's time to live
MAX_METADATA_KEYS = 5
MAX_EVENT_ID = 128
PREFIX = "cf-aig-"
DROPPED = "cf-aig-authorization"
EVENT_ID = "cf-aig-event-id"
GATEWAY_ID = "cf-aig-gateway-id"
CUSTOM_COST = "cf-aig-custom-cost"
NOTED = (EVENT_ID, "cf-aig-otel-trace-id", "cf-aig-otel-parent-span-id")  # kept in the record
COSTS = ({"per_token_in", "per_token_out"}, {"total_cost"})
TOKEN = re.compile(r"[a-z0-9-]{1,64}")
SWITCHES = {"true": True, "false": False}
TWINS = {
    "cf-aig-cache-status": "x-sluice-cache-status",
    "cf-aig-step": "x-sluice-step",
    "cf-aig-model": "x-sluice-model",
    "cf-aig-provider": "x-sluice-provider",
    "cf-aig-log-id": "x-request-id",
    "cf-aig-request-id": "x-request-id",
}


class Alias(NamedTuple):
    """Another name: what it accepts, and our value for its value; None where ours stays unsaid.

    `name` is None for what is checked here and read by nobody else. `value` raises ValueError.
    """

    wants: str
    value: Callable[[str], str | None]
    name: str | None = None


def _text(most: int) -> Callable[[str], str]:
    def text(value: str) -> str:
        if not (0 < len(value) <= most and value.isascii() and value.isprintable()):
            raise ValueError
        return value

    return text


def _whole(least: int, most: int, *others: int) -> Callable[[str], str]:
    def whole(value: str) -> str:
        if not (value.isascii() and value.isdigit() and len(value) <= 9):
            raise ValueError
        if not (least <= int(value) <= most or int(value) in others):
            raise ValueError
        return value

    return whole


def _switch(when_true: str | None = None, when_false: str | None = None) -> Callable[[str], str | None]:
    def switch(value: str) -> str | None:
        key = value.strip().lower()
        if key not in SWITCHES:
            raise ValueError
        return when_true if SWITCHES[key] else when_false

    return switch


def _one_of(*words: str) -> Callable[[str], str]:
    def word(value: str) -> str:
        if value not in words:
            raise ValueError
        return value

    return word


def _hexadecimal(digits: int) -> Callable[[str], str]:
    def hexadecimal(value: str) -> str:
        if not re.fullmatch(f"[0-9a-fA-F]{{{digits}}}", value):
            raise ValueError
        return value

    return hexadecimal


def _metadata(value: str) -> str:
    """What is in it is checked under our name; here only that there are few keys."""
    if len(_object(value)) > MAX_METADATA_KEYS:
        raise ValueError
    return value


def _cost(value: str) -> None:
    found = _object(value)
    if found.keys() not in COSTS or not all(map(_is_amount, found.values())):
        raise ValueError


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _object(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError from None
    if not isinstance(found, dict):
        raise ValueError
    return found


SWITCH = "true or false"
SKIP_CACHE = Alias(SWITCH, _switch("off"), "x-sluice-cache")
CACHE_TTL = Alias(f"seconds from 60 to {MONTH_SECONDS}, or 0", _whole(60, MONTH_SECONDS, 0), "x-sluice-cache-ttl")
ALIASES = {
    DROPPED: Alias("anything", lambda _: None),
    "cf-aig-skip-cache": SKIP_CACHE,
    "cf-aig-cache-ttl": CACHE_TTL,
    "cf-aig-cache-key": Alias("1 to 256 characters of printable ASCII", _text(256), "x-sluice-cache-key"),
    "cf-skip-cache": SKIP_CACHE,
    "cf-cache-ttl": CACHE_TTL,
    "cf-aig-request-timeout": Alias("milliseconds from 1 to 900000", _whole(1, 900_000), "x-sluice-timeout-ms"),
    "cf-aig-max-attempts": Alias("a whole number from 1 to 5", _whole(1, 5), "x-sluice-max-attempts"),
    "cf-aig-retry-delay": Alias("milliseconds from 0 to 5000", _whole(0, 5000), "x-sluice-retry-delay-ms"),
    "cf-aig-backoff": Alias(
        "constant, linear or exponential", _one_of("constant", "linear", "exponential"), "x-sluice-backoff"
    ),
    "cf-aig-metadata": Alias(f"a flat JSON object of at most {MAX_METADATA_KEYS} keys", _metadata, "x-sluice-metadata"),
    CUSTOM_COST: Alias('{"per_token_in", "per_token_out"} or {"total_cost"}, amounts from 0', _cost),
    "cf-aig-collect-log": Alias(SWITCH, _switch(None, "off"), "x-sluice-log"),
    "cf-aig-collect-log-payload": Alias(SWITCH, _switch("full", "meta"), "x-sluice-log"),
    EVENT_ID: Alias(f"1 to {MAX_EVENT_ID} characters of printable ASCII", _text(MAX_EVENT_ID)),
    "cf-aig-byok-alias": Alias("default: there are no other sets of keys", _one_of("default")),
    GATEWAY_ID: Alias("1 to 64 characters of printable ASCII", _text(64)),
    "cf-aig-otel-trace-id": Alias("32 hexadecimal digits", _hexadecimal(32)),
    "cf-aig-otel-parent-span-id": Alias("16 hexadecimal digits", _hexadecimal(16)),
    "cf-aig-session-id": Alias("1 to 256 characters of printable ASCII", _text(256), "x-sluice-session-id"),
    "cf-aig-turn-id": Alias("1 to 256 characters of printable ASCII", _text(256)),
    "cf-aig-no-session-affinity": Alias(SWITCH, _switch("false"), "x-sluice-sticky"),
    "cf-aig-allowed-models": Alias("models with commas between", _text(4096), "x-sluice-allowed-models"),
    "cf-aig-allowed-providers": Alias("providers with commas between", _text(4096), "x-sluice-allowed-providers"),
    "cf-aig-no-wholesale": Alias(SWITCH, _switch()),
}


def canonical(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers with ours in the place of Cloudflare's; ours win. Raises InvalidRequest past a limit of theirs."""
    found: dict[str, str] = {}
    for name, alias in ALIASES.items():
        value = _value(name, alias, headers[name]) if name in headers else None
        if alias.name and value is not None:
            found.setdefault(alias.name, value)
    return {name: value for name, value in {**found, **headers}.items() if name != DROPPED}


def _value(name: str, alias: Alias, text: str) -> str | None:
    try:
        return alias.value(text.strip())
    except ValueError:
        raise InvalidRequest(f"{name}: want {alias.wants}") from None


def is_used(headers: Mapping[str, str]) -> bool:
    return any(name.startswith(PREFIX) or name in ALIASES for name in headers)


def unheeded(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The names of theirs that change nothing where their sender may count on it: costs, and what is not known."""
    unknown = [name for name in headers if name.startswith(PREFIX) and name not in ALIASES and TOKEN.fullmatch(name)]
    return tuple(sorted([*unknown, *({CUSTOM_COST} & headers.keys())]))


def noted(headers: Mapping[str, str]) -> dict[str, str]:
    """Ids that the record keeps."""
    return {name: headers[name].strip() for name in NOTED if name in headers}


def twins(reply: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
    """Cloudflare's names for what a reply says; an event's id is said again where it can be."""
    found = {theirs: reply[ours] for theirs, ours in TWINS.items() if ours in reply}
    event_id = headers.get(EVENT_ID, "").strip()
    is_fine = 0 < len(event_id) <= MAX_EVENT_ID and event_id.isascii() and event_id.isprintable()
    return {**found, EVENT_ID: event_id} if is_fine else found
