"""What a gateway has written down about the streams that reached the provider."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.proof.provider import Served

TERMINAL = {"settled", "abandoned"}


@dataclass(frozen=True, slots=True)
class Books:
    """`lost`: a stream that was served and has no record; `doubled`: it has several; `open`: its record has no end.
    `difference` is what the budgets hold beyond the records' charges, in nano-dollars."""

    records: int
    lost: int
    doubled: int = 0
    open: int = 0
    difference: int = 0

    @property
    def defects(self) -> str:
        """What is wrong besides what is lost; empty where nothing is."""
        wrong = {"doubled": self.doubled, "open": self.open, "nano-dollars off": self.difference}
        return ", ".join(f"{count:,} {name}" for name, count in wrong.items() if count)


def of_records(records: Iterable[Mapping[str, Any]], served: Iterable[Served], difference: int) -> Books:
    """Of a ledger whose records name the call in their metadata."""
    found = list(records)
    named = Counter(str(one["metadata"]["call"]) for one in found)
    return Books(
        records=len(found),
        lost=len({one.name for one in served} - named.keys()),
        doubled=sum(count > 1 for count in named.values()),
        open=sum(one["status"] not in TERMINAL for one in found),
        difference=difference,
    )


def of_lines(names: Iterable[str], served: Iterable[Served]) -> Books:
    """Of a log with a line for each call that has ended, well or not."""
    named = Counter(names)
    return Books(
        records=len(named),
        lost=len({one.name for one in served} - named.keys()),
        doubled=sum(count > 1 for count in named.values()),
    )
