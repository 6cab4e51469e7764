"""A record for people: the whole call, field by field, or briefly. Times are local."""

from collections.abc import Callable, Iterable
from datetime import datetime, tzinfo
from typing import Any

from sluice_cli.money import exact_dollars, short_dollars
from sluice_cli.record import Record, tokens_in
from sluice_cli.terminal import Screen, printable

NOTHING = "-"
FIELD_WIDTH = 23


def brief(found: Record) -> str:
    """What a call came to, for whoever has just read its answer."""
    times = [milliseconds("ttft ", found["time_to_first_chunk_ms"]), duration(found["duration_ms"])]
    parts = [tokens(found), cost(found) or bounds(found), *times, *troubles(found), str(found["request_id"])]
    return "  ".join(part for part in parts if part)


def whole(found: Record, screen: Screen, zone: tzinfo | None = None) -> str:
    """Every field under its name in --json; attempts as a list."""
    return part(found, [name for name in found if name != "request_id"], screen, zone)


def part(found: Record, names: Iterable[str], screen: Screen, zone: tzinfo | None = None) -> str:
    """The fields of those names, as `whole` has them."""
    lines = [screen.paint(f"call {found['request_id']}", "bold")]
    for name in names:
        shown = SPECIAL.get(name, _shown)(found[name])
        if name == "started_at":
            shown = f"{local_time(found['started_ms'], zone)} here, {found[name]}"
        lines += _field(name, shown, screen)
    return "\n".join(lines)


def tokens(found: Record) -> str:
    given, made = tokens_in(found), found["usage"]["output"]
    return "" if given is None and made is None else f"{given or 0}+{made or 0} tok"


def cost(found: Record) -> str:
    """What it cost, where that was seen."""
    return short_dollars(found["cost"]) if found["status"] == "settled" else ""


def bounds(found: Record) -> str:
    """Of a call that was abandoned the most and the likely cost, since nobody saw the real one."""
    if found["status"] != "abandoned":
        return ""
    return f"at most {short_dollars(found['cost_bound'])}, est. {short_dollars(found['cost_estimate'])}"


def _field(name: str, shown: str, screen: Screen) -> list[str]:
    first, *more = shown.split("\n")
    indent = " " * (FIELD_WIDTH + 4)
    return [f"  {screen.paint(f'{name:{FIELD_WIDTH}}', 'dim')}  {first}", *(f"{indent}{line}" for line in more)]


def _shown(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "  ".join(f"{flat(name)} {flat(one)}" for name, one in value.items() if one is not None) or NOTHING
    return flat(value)


def flat(value: object) -> str:
    """Without line ends or anything else that could pass for another field."""
    return printable(str(value).replace("\n", " "))


def _dollars(value: int | None) -> str:
    return exact_dollars(value) if value is not None else f"{NOTHING} (the price is unknown)"


def _with_unit(unit: str) -> Callable[[Any], str]:
    return lambda value: NOTHING if value is None else f"{value} {unit}"


def _attempts(value: list[dict[str, Any]]) -> str:
    return "\n".join(f"{number}. {_attempt(one)}" for number, one in enumerate(value, 1)) or NOTHING


def _budgets(value: list[dict[str, Any]]) -> str:
    paid = [(one["budget"], one["period"], "" if one["cost"] is None else exact_dollars(one["cost"])) for one in value]
    return "\n".join("  ".join(flat(part) for part in parts if part) for parts in paid) or NOTHING


def _notes(value: list[str]) -> str:
    return "\n".join(map(flat, value)) or NOTHING


def _attempt(one: dict[str, Any]) -> str:
    status, time = one["http_status"] or "no answer", milliseconds("", one["duration_ms"])
    paid = None if one["cost_estimate"] is None else f"may have cost {exact_dollars(one['cost_estimate'])}"
    parts = [f"{one['provider']}/{one['model']}", status, time, one["error_code"], paid]
    return "  ".join(flat(part) for part in parts if part)


SPECIAL: dict[str, Callable[[Any], str]] = {
    "cost": _dollars,
    "cost_bound": _dollars,
    "cost_estimate": _dollars,
    "attempts": _attempts,
    "budgets": _budgets,
    "notes": _notes,
    "time_to_first_chunk_ms": _with_unit("ms"),
    "duration_ms": _with_unit("ms"),
    "bytes_in": _with_unit("bytes"),
    "bytes_out": _with_unit("bytes"),
}


def milliseconds(label: str, value: int | None) -> str:
    return "" if value is None else f"{label}{value}ms"


def duration(milliseconds: int | None) -> str:
    return "" if milliseconds is None else f"{milliseconds / 1000:.2f}s"


def troubles(found: Record) -> list[str]:
    if found["outcome"] in ("complete", None) and found["status"] != "reserved":
        return []
    words = (found["outcome"] or found["status"], found["error_code"])
    return [" ".join(flat(word) for word in words if word)]


def local_time(milliseconds: int | None, zone: tzinfo | None) -> str:
    if milliseconds is None:
        return NOTHING
    return f"{datetime.fromtimestamp(milliseconds / 1000).astimezone(zone):%Y-%m-%d %H:%M:%S}"
