"""The judgement of a run: each call that the provider saw is on the ledger once, and every sum is what it sums."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.chaos.evidence import Evidence, name
from tests.chaos.plan import Plan

from sluice.stores.table import Row, Status

TERMINAL = (Status.SETTLED, Status.ABANDONED)
TOTALS = ("n", "c", "ab", "it", "ot", "nusd", "lost")  # what a day's row adds up, all there is in such a run
LEAST = {"killed": 0.05, "asked of the provider": 0.25, "failed by DynamoDB": 0.05}  # far below what is usual
DIMENSIONS: dict[str, Callable[[Row], str]] = {
    "P": lambda row: str(row["pr"]),
    "M": lambda row: f"{row['pv']}/{row['md']}",
    "V": lambda row: str(row["pv"]),
    "R": lambda row: str(row["rt"]),
}


class Verdict(NamedTuple):
    """What is wrong, a line each; empty where nothing is."""

    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    untrue: tuple[str, ...]
    over: tuple[str, ...]
    sums: tuple[str, ...]
    mild: tuple[str, ...]

    @property
    def complaints(self) -> tuple[str, ...]:
        return tuple(one for kind in self for one in kind)


def judged(evidence: Evidence) -> Verdict:
    return Verdict(
        lost=tuple(lost(evidence)),
        doubled=tuple(doubled(evidence)),
        untrue=tuple(untrue(evidence)),
        over=tuple(evidence.watched.over),
        sums=(*budgets(evidence), *totals(evidence)),
        mild=tuple(mild(evidence)),
    )


def mild(evidence: Evidence) -> Iterator[str]:
    """What was not as bad as it was meant to be, so that the run shows too little."""
    calls, faults = evidence.told.kills + evidence.told.ends.total(), evidence.faults
    shares = {
        "killed": (evidence.told.kills, calls),
        "asked of the provider": (len(set(evidence.seen)), calls),
        "failed by DynamoDB": (faults.total() - faults[""], faults.total()),
    }
    for what, (count, total) in shares.items():
        if count < LEAST[what] * total:
            yield f"only {count} of {total} were {what}, and {LEAST[what]:.0%} were meant to be at least"


def lost(evidence: Evidence) -> Iterator[str]:
    """What the provider or a caller saw and the ledger does not know, or not the end of."""
    known = {evidence.plan(one).asked for one in evidence.records}
    for one in sorted(set(evidence.seen) - known):
        yield f"{one} reached the provider and is not on the ledger"
    for one in sorted({evidence.plan(one).asked for one in evidence.told.complete} - known):
        yield f"{one} was answered whole and is not on the ledger"
    for one, row in evidence.records.items():
        if row["st"] not in TERMINAL:
            yield f"{one} has not ended: its status is {row['st']}"


def doubled(evidence: Evidence) -> Iterator[str]:
    for one, times in evidence.named.items():
        if times > 1:
            yield f"{one} has {times} records"
    seen, made = Counter(evidence.seen), defaultdict[str, list[Row]](list)
    for one, row in evidence.records.items():
        made[evidence.plan(one).asked].append(row)
    for one, rows in made.items():
        attempts = sum(len(row.get("att") or ()) for row in rows)
        if all(row["st"] == Status.SETTLED for row in rows) and seen[one] > attempts:
            yield f"{one} was seen {seen[one]} times by the provider, and has {attempts} attempts on its record"
        if sum(row.get("oc") == "complete" for row in rows) > 1:
            yield f"{one} was made twice under one Idempotency-Key"


def untrue(evidence: Evidence) -> Iterator[str]:
    """Figures that are not those of the provider, or of the reservation where nothing else is known."""
    complete = set(evidence.told.complete)
    for end, times in evidence.told.ends.items():
        if end.startswith("500 "):
            yield f"{times} calls were answered {end}: the log says why"
    for one, row in evidence.records.items():
        if row["st"] == Status.ABANDONED and row.get("act") != row["est"]:
            yield f"{one} was abandoned at {row.get('act')}, its bound is {row['est']}"
        elif row.get("oc") == "complete":
            yield from wrong_cost(one, row, evidence.plan(one))
        elif one in complete and row["st"] == Status.SETTLED:
            yield f"{one} was answered whole, and its record says {row['oc']}"


def wrong_cost(one: str, row: Row, call: Plan) -> Iterator[str]:
    wanted = (call.input_tokens, call.output_tokens, call.cost)
    if (row["it"], row["ot"], row["act"]) != wanted:
        yield f"{one} cost {(row['it'], row['ot'], row['act'])}, and the provider said {wanted}"
    if row["act"] > row["est"]:
        yield f"{one} cost more than its bound: {row['act']} of {row['est']}"


def budgets(evidence: Evidence) -> Iterator[str]:
    """Each budget has used what its calls were charged, and holds nothing any more."""
    charged: Counter[tuple[str, str]] = Counter()
    for row in evidence.of("R#"):
        for key, period, charge in (one.split() for one in row.get("bud") or ()):
            charged[f"B#{key}", period] += int(charge)
            if int(charge) != cost(row):
                yield f"{name(row)} was charged {charge} in {key}, and cost {cost(row)}"
    held = {(row["pk"], row["sk"]): row for row in evidence.of("B#")}
    for place in sorted(charged.keys() | held.keys()):
        row = held.get(place, {})
        found = {one: row.get(one, 0) for one in ("u", "r", "w")}
        if found != {"u": charged[place], "r": 0, "w": charged[place]}:
            yield f"{' '.join(place)} says {found}, and its calls were charged {charged[place]}"
        if left := [one for one in row if one.startswith("h")]:
            yield f"{' '.join(place)} still holds {len(left)} calls"


def cost(row: Row) -> int:
    """What a call has cost, lost attempts included: of one that died, the most that it can have cost."""
    return int(row["act"]) + sum(one.get("ce") or 0 for one in row.get("att") or ())


def totals(evidence: Evidence) -> Iterator[str]:
    """Each day's row is the sum of its records, counted here once more and otherwise than the function does it."""
    wanted: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in evidence.of("R#"):
        for letter, value in DIMENSIONS.items():
            wanted[f"D#{row['day']}", f"{letter}#{value(row)}"].update(counted(row))
    held = {(row["pk"], row["sk"]): row for row in evidence.of("D#") if row["sk"] != "since"}
    for place in sorted(wanted.keys() | held.keys()):
        found = {one: held.get(place, {}).get(one, 0) for one in TOTALS}
        if found != {one: wanted[place][one] for one in TOTALS}:
            yield f"{' '.join(place)} says {found}, and its records are {dict(wanted[place])}"


def counted(row: Row) -> dict[str, int]:
    return {
        "n": 1,
        "c": int(row.get("oc") == "complete"),
        "ab": int(row["st"] == Status.ABANDONED),
        "it": row.get("it") or 0,
        "ot": row.get("ot") or 0,
        "nusd": row["act"],
        "lost": cost(row) - row["act"],
    }
