import argparse
import time
from collections.abc import Iterator

import pytest

from sluice_cli.period import END_OF_TIME_MS, Period, days_back, iso, since, until

NOW = 1_795_209_901.241  # 2026-11-20T21:25:01.241Z
HOUR_MS = 3_600_000


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "seconds"), [("90m", 5400), ("24h", 86_400), ("7d", 604_800), ("2w", 1_209_600), ("0m", 0)]
)
def test_a_span_reaches_back_from_now(text: str, seconds: int) -> None:
    assert since(text, lambda: NOW) == until(text, lambda: NOW) == int((NOW - seconds) * 1000)


def test_a_day_is_one_of_the_ledger_and_counts_whole(far_east: None) -> None:
    assert iso(since("2026-11-20")) == "2026-11-20T00:00Z"
    assert iso(until("2026-11-20")) == "2026-11-21T00:00Z"


def test_a_moment_without_a_zone_is_local_and_one_with_a_zone_is_not(far_east: None) -> None:
    assert iso(since("2026-11-20T14:30")) == "2026-11-20T05:30Z"
    assert iso(since("2026-11-20 14:30:00")) == "2026-11-20T05:30Z"
    assert iso(since("2026-11-20T14:30Z")) == "2026-11-20T14:30Z"
    assert iso(until("2026-11-20T14:30+02:00")) == "2026-11-20T12:30Z"


@pytest.mark.parametrize("text", ["", "yesterday", "7", "-7d", "7y", "2026-13-01", "9999999d"])
def test_what_is_no_time_is_refused_with_what_would_be(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no time; 90m, 24h, 7d, 2w, 2026-11-20"):
        since(text, lambda: NOW)


def test_before_the_epoch_is_the_epoch() -> None:
    assert since("999999w", lambda: NOW) == since("1901-01-01") == 0


@pytest.mark.parametrize("text", ["9999-12-31", "9999-12-30", "9999-12-31T00:00Z"])
def test_behind_the_end_of_time_is_its_end(text: str) -> None:
    assert until(text) == END_OF_TIME_MS


def test_days_back_begin_at_midnight_with_today_among_them() -> None:
    assert iso(days_back(1, NOW)) == "2026-11-20T00:00Z"
    assert iso(days_back(7, NOW)) == "2026-11-14T00:00Z"


def test_a_period_says_what_it_is() -> None:
    assert str(Period(0)) == "1970-01-01T00:00Z to now"
    assert str(Period(0, 24 * HOUR_MS)) == "1970-01-01T00:00Z to 1970-01-02T00:00Z"
