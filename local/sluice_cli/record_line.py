"""Records as lines under each other, for people: as wide as the screen has room for, their columns aligned.

A line ends with an id that `sluice logs ID` takes, and with what went wrong. Where that would fold the line it stands
in place of the numbers. A file or a pipe gets everything, whole.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from sluice_cli.model_text import model_text
from sluice_cli.record import Record
from sluice_cli.record_text import NOTHING, bounds, cost, duration, flat, local_time, milliseconds, tokens, troubles
from sluice_cli.table_text import GAP, columns_of, cut
from sluice_cli.terminal import Screen

STATUS_STYLES = {"2": "green", "3": "cyan", "4": "yellow", "5": "red"}
SHORT_ID = 8
LEAST = {"when": 19, "time": 8, "status": 3, "ttft": 11, "duration": 7, "tokens": 12, "cost": 9}
NUMBERS = ("ttft", "duration", "tokens", "cost")
# What a line shows, from the widest screen to the narrowest, and how wide the model's column is there at least.
LAYOUTS = (
    (("when", "status", "model", *NUMBERS, "id"), 24),
    (("time", "status", "model", *NUMBERS, "short id"), 24),
    (("time", "status", "model", "duration", "tokens", "cost", "short id"), 18),
    (("time", "status", "model", "cost", "short id"), 18),
    (("time", "status", "model", "short id"), 18),
)


@dataclass(slots=True)
class Listing:
    """Calls on one screen. A column stays as wide as the widest that was shown in it."""

    screen: Screen
    zone: tzinfo | None = None
    _widths: dict[str, int] = field(default_factory=lambda: dict(LEAST))

    def lines(self, records: Iterable[Record]) -> list[str]:
        found = list(records)
        rows = [_cells(one, self.zone) for one in found]
        for name, shown in (cell for row in rows for cell in row.items()):
            self._widths[name] = max(self._widths.get(name, 0), columns_of(shown))
        return [self._line(one, row) for one, row in zip(found, rows, strict=True)]

    def _line(self, found: Record, cells: Mapping[str, str]) -> str:
        layout, model_width = self._layout()
        widths = {**self._widths, "model": model_width}
        shown = {**cells, "model": cells["model"] if self.screen.width is None else _model(found, model_width)}
        aligned = {name: _aligned(name, shown[name], widths[name]) for name in layout}
        aligned["status"] = self.screen.paint(aligned["status"], STATUS_STYLES.get(shown["status"][:1], "dim"))
        return self._with_trouble(found, aligned, _width(layout, widths), _width(_numbers(layout), widths))

    def _with_trouble(self, found: Record, aligned: dict[str, str], taken: int, room: int) -> str:
        """What went wrong at the end, or in the room of the numbers where that would fold the line."""
        told, width = _trouble(found), self.screen.width
        if not told or width is None or taken + len(GAP) + columns_of(told[0]) <= width:
            return GAP.join([*aligned.values(), *told[:1]]).rstrip()
        fitting = next((words for words in told if columns_of(words) <= room), cut(told[-1], room) if room else "")
        left = [aligned[name] for name in aligned if name not in NUMBERS]
        return GAP.join([*left[:-1], *([_aligned("trouble", fitting, room)] if room else []), left[-1]])

    def _layout(self) -> tuple[Sequence[str], int]:
        """What there is room for, and the width of the model's column in it."""
        width, model = self.screen.width, self._widths["model"]
        for layout, least in LAYOUTS:
            room = model if width is None else width - _width(layout, {**self._widths, "model": 0})
            if width is None or room >= least:
                return layout, max(least, min(room, model))
        return LAYOUTS[-1]


def _cells(found: Record, zone: tzinfo | None) -> dict[str, str]:
    when, status = local_time(found["started_ms"], zone), found["http_status"]
    return {
        "when": when,
        "time": when[-8:],
        "status": NOTHING if status is None else str(status),
        "model": _model(found),
        "ttft": milliseconds("ttft ", found["time_to_first_chunk_ms"]),
        "duration": duration(found["duration_ms"]),
        "tokens": tokens(found),
        "cost": cost(found),
        "id": str(found["request_id"]),
        "short id": str(found["request_id"])[:SHORT_ID],
    }


def _model(found: Record, width: int | None = None) -> str:
    asked = None if found["route"] is None else flat(found["route"])
    return model_text(asked, flat(found["provider"]), flat(found["model"]), width)


def _trouble(found: Record) -> list[str]:
    """What went wrong, in fewer and fewer words."""
    words = troubles(found)
    code = [flat(found["error_code"])] if found["error_code"] and words else []
    most = [f"{bounds(found)}{GAP}{words[0]}"] if words and bounds(found) else []
    return [*most, *words, *code]


def _numbers(layout: Sequence[str]) -> list[str]:
    return [name for name in layout if name in NUMBERS]


def _width(layout: Sequence[str], widths: Mapping[str, int]) -> int:
    return sum(widths[name] for name in layout) + len(GAP) * max(0, len(layout) - 1)


def _aligned(name: str, shown: str, width: int) -> str:
    room = " " * (width - columns_of(shown))
    return room + shown if name in (*NUMBERS, "status") else shown + room
