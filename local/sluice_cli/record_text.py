"""A record for people: one line of a table, or the whole call, field by field. Times are local."""

from collections.abc import Callable, Iterable
from datetime import datetime, tzinfo
from typing import Any

from sluice_cli.money import exact_dollars, short_dollars
from sluice_cli.record import Record, tokens_in
from sluice_cli.table_text import GAP, cut
from sluice_cli.terminal import Screen, printable

STATUS_STYLES = {"2": "green", "3": "cyan", "4": "yellow", "5": "red"}
NOTHING = "-"
MODEL_WIDTH = 24
FIELD_WIDTH = 23
SHORT_MODEL_WIDTH = 18
SHORT_ID = 8
# What a line shows, by the columns of a terminal that it takes at least.
NARROWEST = ("time", "status", "short model", "short id")
LAYOUTS = {
    135: ("when", "status", "model", "ttft", "duration", "tokens", "cost", "id"),
    96: ("time", "status", "model", "ttft", "duration", "tokens", "cost", "short id"),
    77: ("time", "status", "short model", "duration", "tokens", "cost", "short id"),
    54: ("time", "status", "short model", "cost", "short id"),
}


def line(found: Record, screen: Screen, zone: tzinfo | None = None) -> str:
    """One call in one line, as wide as the screen has room for, with an id that `sluice logs ID` takes at its end."""
    width = screen.width
    least, layout = next((one for one in LAYOUTS.items() if width is None or width >= one[0]), (0, NARROWEST))
    model = _model(found) if width is None else cut(_model(found), MODEL_WIDTH + width - least)
    cells = {
        "when": f"{_local(found['started_ms'], zone):19}",
        "time": _local(found["started_ms"], zone)[-8:],
        "status": _status(found, screen),
        "model": f"{model:{MODEL_WIDTH}}",
        "short model": f"{cut(_model(found), SHORT_MODEL_WIDTH):{SHORT_MODEL_WIDTH}}",
        "ttft": f"{_milliseconds('ttft ', found['time_to_first_chunk_ms']):>11}",
        "duration": f"{_duration(found['duration_ms']):>7}",
        "tokens": f"{tokens(found):>12}",
        "cost": f"{cost(found):>9}",
        "id": str(found["request_id"]),
        "short id": str(found["request_id"])[:SHORT_ID],
    }
    return GAP.join([*(cells[name] for name in layout), *_troubles(found)]).rstrip()


def brief(found: Record) -> str:
    """What a call came to, for whoever has just read its answer."""
    times = [_milliseconds("ttft ", found["time_to_first_chunk_ms"]), _duration(found["duration_ms"])]
    parts = [tokens(found), cost(found), *times, *_troubles(found), str(found["request_id"])]
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
            shown = f"{_local(found['started_ms'], zone)} here, {found[name]}"
        lines += _field(name, shown, screen)
    return "\n".join(lines)


def tokens(found: Record) -> str:
    given, made = tokens_in(found), found["usage"]["output"]
    return "" if given is None and made is None else f"{given or 0}+{made or 0} tok"


def cost(found: Record) -> str:
    """What it cost; for a call that was abandoned the most and the likely cost, since nobody saw the real one."""
    if found["status"] == "abandoned":
        return f"at most {short_dollars(found['cost_bound'])}, est. {short_dollars(found['cost_estimate'])}"
    return short_dollars(found["cost"]) if found["status"] == "settled" else ""


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
        return "  ".join(f"{_flat(name)} {_flat(one)}" for name, one in value.items() if one is not None) or NOTHING
    return _flat(value)


def _flat(value: object) -> str:
    """Without line ends or anything else that could pass for another field."""
    return printable(str(value).replace("\n", " "))


def _dollars(value: int | None) -> str:
    return exact_dollars(value) if value is not None else f"{NOTHING} (the price is unknown)"


def _with_unit(unit: str) -> Callable[[Any], str]:
    return lambda value: NOTHING if value is None else f"{value} {unit}"


def _attempts(value: list[dict[str, Any]]) -> str:
    return "\n".join(f"{number}. {_attempt(one)}" for number, one in enumerate(value, 1)) or NOTHING


def _attempt(one: dict[str, Any]) -> str:
    status, time = one["http_status"] or "no answer", _milliseconds("", one["duration_ms"])
    parts = [f"{one['provider']}/{one['model']}", status, time, one["error_code"]]
    return "  ".join(_flat(part) for part in parts if part)


SPECIAL: dict[str, Callable[[Any], str]] = {
    "cost": _dollars,
    "cost_bound": _dollars,
    "cost_estimate": _dollars,
    "attempts": _attempts,
    "time_to_first_chunk_ms": _with_unit("ms"),
    "duration_ms": _with_unit("ms"),
    "bytes_in": _with_unit("bytes"),
    "bytes_out": _with_unit("bytes"),
}


def _status(found: Record, screen: Screen) -> str:
    status = found["http_status"]
    return f"{NOTHING:>3}" if status is None else screen.paint(f"{status:>3}", STATUS_STYLES.get(str(status)[0], "dim"))


def _model(found: Record) -> str:
    """`openai/gpt-5-mini`; `smart > openai/gpt-5-mini` where the caller asked by another name."""
    target, asked = f"{found['provider']}/{found['model']}", found["route"]
    return _flat(target if asked in (target, found["model"], None) else f"{asked} > {target}")


def _milliseconds(label: str, value: int | None) -> str:
    return "" if value is None else f"{label}{value}ms"


def _duration(milliseconds: int | None) -> str:
    return "" if milliseconds is None else f"{milliseconds / 1000:.2f}s"


def _troubles(found: Record) -> list[str]:
    if found["outcome"] in ("complete", None) and found["status"] != "reserved":
        return []
    words = (found["outcome"] or found["status"], found["error_code"])
    return [" ".join(_flat(word) for word in words if word)]


def _local(milliseconds: int | None, zone: tzinfo | None) -> str:
    if milliseconds is None:
        return NOTHING
    return f"{datetime.fromtimestamp(milliseconds / 1000).astimezone(zone):%Y-%m-%d %H:%M:%S}"
