"""Medians of all rounds as a table, with what is added over the direct way to the provider."""

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

Round = Mapping[str, float]


class Column(NamedTuple):
    """One measured thing. `less_direct`: what the direct way takes is subtracted."""

    title: str
    key: str
    factor: float
    less_direct: bool = False


COLUMNS = (
    Column("CPU to first /next, s", "init_cpu_s", 1),
    Column("first call extra, ms", "first_req_extra_s", 1000),
    Column("added to first byte p50, ms", "ttft_p50_us", 0.001, less_direct=True),
    Column("added to first byte p95, ms", "ttft_p95_us", 0.001, less_direct=True),
    Column("CPU, 500 chunks paced, ms", "paced500_cpu_ms", 1),
    Column("CPU, 1,000 chunks at full speed, ms", "full1000_cpu_ms", 1),
    Column("small call p50, ms", "small_p50_us", 0.001),
    Column("CPU, small call, ms", "small_cpu_ms", 1),
    Column("peak memory, MB", "peak_mb", 1),
)


def table(results: Mapping[str, Sequence[Round]], peers: Sequence[str]) -> str:
    """A Markdown table, a row for each measured thing."""
    rows = [[column.title, *(_cell(results, peer, column) for peer in peers)] for column in COLUMNS]
    return markdown(["", *peers], rows)


def markdown(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(results: Mapping[str, Sequence[Round]], peer: str, column: Column) -> str:
    value = _median(results.get(peer, ()), column.key)
    direct = _median(results.get("direct", ()), column.key) if column.less_direct else 0.0
    return "" if value is None or direct is None else f"{(value - direct) * column.factor:.3g}"


def _median(rounds: Sequence[Round], key: str) -> float | None:
    values = [one[key] for one in rounds if key in one]
    return statistics.median(values) if values else None
