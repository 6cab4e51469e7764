"""A stretch of time as it is typed: `7d`, `24h`, a day, a moment.

Days are the ledger's, in UTC, and count whole. A moment without a zone is local, as `sluice logs` prints it.
"""

import argparse
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sluice_cli.failure import UsageError

SPAN = re.compile(r"(\d{1,6})([mhdw])")
SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
WANTED = "90m, 24h, 7d, 2w, 2026-11-20 (UTC) or 2026-11-20T14:30"
DAY = timedelta(days=1)
END_OF_TIME_MS = 10**13 - 1  # what the index's 13 digits hold

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Period:
    """From `since_ms` on and before `until_ms`: epoch milliseconds."""

    since_ms: int
    until_ms: int = END_OF_TIME_MS

    @classmethod
    def of(cls, since_ms: int | None, until_ms: int | None, days: int, now: float) -> "Period":
        """What was typed. Without a beginning it is that many days, the last one that of the end, or today."""
        end = END_OF_TIME_MS if until_ms is None else until_ms
        begin = days_back(days, min(now, (end - 1) / 1000)) if since_ms is None else since_ms
        if begin >= end:
            raise UsageError(f"--since {iso(begin)} is not before --until {iso(end)}")
        return cls(begin, end)

    def __str__(self) -> str:
        until = "now" if self.until_ms == END_OF_TIME_MS else iso(self.until_ms)
        return f"{iso(self.since_ms)} to {until}"


def iso(milliseconds: int) -> str:
    """To the minute, in UTC."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%dT%H:%MZ}"


def days_back(days: int, now: float) -> int:
    """The first midnight (UTC) of that many days, today among them."""
    today = datetime.fromtimestamp(now, UTC).date()
    return _milliseconds(_midnight(today - (days - 1) * DAY))


def since(text: str, clock: Clock = time.time) -> int:
    """Where a period begins; for argparse."""
    day = _day(text)
    return _milliseconds(_midnight(day)) if day else _moment(text, clock)


def until(text: str, clock: Clock = time.time) -> int:
    """Where a period ends, that moment not in it; for argparse."""
    day = _day(text)
    if day == date.max:  # there is no day behind it
        return END_OF_TIME_MS
    return min(END_OF_TIME_MS, _milliseconds(_midnight(day + DAY)) if day else _moment(text, clock))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _moment(text: str, clock: Clock) -> int:
    if span := SPAN.fullmatch(text):
        return max(0, int((clock() - int(span[1]) * SECONDS[span[2]]) * 1000))
    try:
        return _milliseconds(datetime.fromisoformat(text).astimezone())
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no time; {WANTED} are") from None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _milliseconds(moment: datetime) -> int:
    return max(0, int(moment.timestamp() * 1000))
