"""The columns of `make prove`: each gateway in front of a fault provider of its own, all through the same rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from tests.peers.peer import Peer, PeerAbsent, Place, Upstream

from sluice_prove.caller import Caller, Unreachable
from sluice_prove.catalogue import SCRIPTS, Case
from sluice_prove.judge import Judged, Verdict
from sluice_prove.proof import NO_MODEL, Gateway, Proof
from sluice_prove.provider import FaultProvider

NOTABLE_SECONDS = 1.0
ORDER = (Verdict.HONEST, Verdict.LATE, Verdict.LYING, Verdict.LEAKING, Verdict.SKIPPED)


@dataclass(frozen=True, slots=True)
class Waits:
    """In seconds: the timeout that each gateway is given, and how long a silence lasts."""

    timeout: float
    stall: float


@dataclass(frozen=True, slots=True)
class Column:
    """A gateway's rows; `absent` says why there are none."""

    name: str
    version: str
    rows: Mapping[str, Judged]
    absent: str = ""

    @property
    def title(self) -> str:
        return f"{self.name} {self.version}".strip()


def column(peer: Peer, cases: Sequence[Case], waits: Waits, canary: str, say: Callable[[str], None]) -> Column:
    version = ""
    try:
        version = peer.version()
        say(f"{peer.name} {version}")
        return Column(peer.name, version, {row.case.fault: row for row in _rows(peer, cases, waits, canary, say)})
    except (PeerAbsent, Unreachable) as error:
        say(f"{peer.name}: {error}")
        return Column(peer.name, version, {}, str(error))


def _rows(peer: Peer, cases: Sequence[Case], waits: Waits, canary: str, say: Callable[[str], None]) -> Iterator[Judged]:
    with ExitStack() as exits:
        provider = exits.enter_context(FaultProvider(SCRIPTS, waits.stall, canary))
        place = exits.enter_context(peer.start(Upstream(provider.port), waits.timeout))
        caller = exits.enter_context(Caller(place.url, place.headers, place.auth))
        for row in Proof(gateway(place, waits), caller, provider).rows(cases):
            say(
                f"  {row.case.fault:20} {row.verdict:8} {row.seconds:5.1f} s  {row.came_out}; {row.reason}".rstrip("; ")
            )
            yield row


def gateway(place: Place, waits: Waits) -> Gateway:
    return Gateway(place.models, waits.timeout, waits.stall, place.own_secrets)


def report(cases: Sequence[Case], columns: Sequence[Column]) -> str:
    """As Markdown: the table, the sums, and each row that is not honest."""
    heads = ["id", "fault", "the provider", *(one.title for one in columns)]
    rows = [[case.id, f"`{case.fault}`", case.does, *(cell(one, case) for one in columns)] for case in cases]
    why = ["gateway", "fault", "verdict", "what came out, and what is wrong with it"]
    parts = [table(heads, rows), "\n".join(map(counts, columns)), table(why, findings(columns))]
    return "\n\n".join(parts)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *rows))


def cell(one: Column, case: Case) -> str:
    """The verdict, and the time where there is any to speak of."""
    row = one.rows.get(case.fault)
    if row is None or row.verdict is Verdict.SKIPPED:
        return "-"
    return f"{row.verdict} {row.seconds:.1f} s" if row.seconds >= NOTABLE_SECONDS else str(row.verdict)


def counts(one: Column) -> str:
    found = [row.verdict for row in one.rows.values()]
    said = ", ".join(f"{found.count(verdict)} {verdict}" for verdict in ORDER if verdict in found)
    return f"- {one.title}: {one.absent or said}"


def findings(columns: Sequence[Column]) -> list[list[str]]:
    """Each row that is not honest, but for those that a gateway has no model for."""
    judged = [(one, row) for one in columns for row in one.rows.values()]
    return [
        [one.name, f"`{row.case.fault}`", str(row.verdict), "; ".join(filter(None, (row.came_out, row.reason)))]
        for one, row in judged
        if row.verdict is not Verdict.HONEST and not row.reason.startswith(NO_MODEL)
    ]


def is_honest(one: Column) -> bool:
    """Everything was tried, and nothing was found."""
    return bool(one.rows) and all(row.verdict is Verdict.HONEST for row in one.rows.values())
