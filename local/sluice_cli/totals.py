"""The totals of days: what `sluice usage` reads where they can answer, and their rows as plain figures.

The gateway's rollup keeps a row for each day and each principal, model, provider and route. A day is whole when the
rollup has heard of every call that began on it.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence

from sluice_cli.ledger import Ledger
from sluice_cli.period import DAY, END_OF_TIME_MS, Period
from sluice_cli.record import Item
from sluice_cli.usage_sums import TOTALS, Group, Sums, Usage, day_text, ordered

LETTERS = {"principal": "P", "model": "M", "provider": "V", "route": "R"}
FEWEST = "V"  # days alone can be added up from any dimension
FIGURES = ("n", "c", "ab", "it", "cr", "cw", "ot", "rs", "nusd", "lost", "np", "ce", "ca")
DAY_MS = int(DAY.total_seconds() * 1000)
MAX_VALUE, HASH_DIGITS = 900, 12  # bytes of a value as it is kept, digits of the hash that ends a longer one

Figures = Counter[str]


def usage(ledger: Ledger, period: Period, by: Sequence[str]) -> Usage | None:
    """None where only the records can say it."""
    letter, since = letter_of(by), ledger.whole_since()
    if letter is None or since is None or not is_of_whole_days(period):
        return None
    days = list(ledger.days(period.since_ms, period.until_ms))
    if any(day < since for day in days):
        return None
    groups: dict[Group, Sums] = {}
    total = Sums()
    for day in days:
        for item in ledger.totals(day, letter):
            for into in (groups.setdefault(_group(by, day, value(item)), Sums()), total):
                _add(into, figures(item))
    return ordered(by, groups, total, TOTALS)


def letter_of(by: Sequence[str]) -> str | None:
    """Of the dimension whose rows answer a grouping; None where none does."""
    others = [name for name in by if name != "day"]
    return FEWEST if not others else LETTERS.get(others[0]) if len(others) == 1 else None


def is_of_whole_days(period: Period) -> bool:
    return period.since_ms % DAY_MS == 0 and (period.until_ms == END_OF_TIME_MS or period.until_ms % DAY_MS == 0)


def value(item: Item) -> str:
    """Which principal, model (`provider/model`), provider or route a row is of."""
    return str(item["sk"]["S"]).partition("#")[2]


def figures(item: Item) -> Figures:
    return Counter({name: int(item[name]["N"]) for name in FIGURES if name in item})


def kept(name: str) -> str:
    """A value as the rollup keeps it: of a long one its beginning, and a hash of the whole."""
    whole = name.encode("utf-8", "replace")
    if len(whole) <= MAX_VALUE:
        return whole.decode()
    beginning = whole[: MAX_VALUE - HASH_DIGITS - 1].decode("utf-8", "ignore")
    return f"{beginning}#{hashlib.sha256(whole).hexdigest()[:HASH_DIGITS]}"


def _group(by: Sequence[str], day: str, name: str) -> Group:
    """A model goes by its own name, as in the records: the same one of two providers is one."""
    shown = {"day": day_text(day), "model": name.partition("/")[2]}
    return tuple(shown.get(each, name) for each in by)


def _add(sums: Sums, found: Figures) -> None:
    sums.calls += found["n"]
    sums.failed += found["n"] - found["c"]
    sums.abandoned += found["ab"]
    sums.input += found["it"] + found["cr"] + found["cw"]
    sums.cached += found["cr"]
    sums.output += found["ot"]
    sums.reasoning += found["rs"]
    sums.nano_dollars += found["nusd"]
    sums.unpriced += found["np"]
