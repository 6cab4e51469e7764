"""The streams through one gateway: all of them, several at a time, and what came of them as its column."""

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.peers import litellm_proxy, sluice_stack
from tests.peers.peer import PeerAbsent
from tests.proof import books, ours, screen, theirs
from tests.proof.books import Books
from tests.proof.column import Budget, Column
from tests.proof.fate import LANES, MAX_TOKENS, Fate, limit
from tests.proof.provider import ProofProvider
from tests.proof.tally import End, Tally

from sluice_prove.answer import Answer
from sluice_prove.caller import Caller, Unreachable

CALLERS, CALLS_OF_ONE = 6, 150  # a short run has small budgets, and fewer calls in them at once
PATIENCE_SECONDS = 40.0
KILL_SECONDS, KILLED_AFTER = 0.03, 0.8  # seconds into a call, when so many have been made
QUIET_SECONDS, QUIET_AT_MOST = 3.0, 15.0

Ask = Callable[[Fate], Answer | None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What both gateways are put through. `key` is the provider's, `cookie` its session: nobody may see them."""

    seed: int
    streams: Sequence[Fate]
    key: str
    cookie: str

    @property
    def secrets(self) -> tuple[str, str]:
        return self.key, self.cookie

    def provider(self) -> ProofProvider:
        return ProofProvider({one.name: one for one in self.streams}, self.cookie)

    def tally(self, is_refusal: Callable[[Answer], bool]) -> Tally:
        return Tally({one.name: one for one in self.streams}, self.secrets, is_refusal)

    def limit(self, model: str) -> int:
        return next(limit(lane, list(self.streams)) for lane in LANES if lane.model == model)


def fields(fate: Fate) -> dict[str, object]:
    return {"user": fate.name, "max_tokens": MAX_TOKENS}


def stream_all(
    plan: Plan, ask: Ask, tally: Tally, provider: ProofProvider, spent: Callable[[Fate], float], until: float
) -> float:
    """The seconds that it took. No stream begins after `until` (monotonic)."""

    def one(fate: Fate) -> None:
        if time.monotonic() > until:
            return
        answer = ask(fate)
        tally.hear(fate, answer, [each for each in list(provider.served) if each.name == fate.name], spent(fate))

    began = time.monotonic()
    with ThreadPoolExecutor(max(2, min(CALLERS, len(plan.streams) // CALLS_OF_ONE))) as callers:
        list(callers.map(one, plan.streams))
    print(", ".join(f"{count} {what}" for what, count in tally.errors.most_common()), file=sys.stderr, flush=True)
    return time.monotonic() - began


def through_sluice(plan: Plan, engine_url: str, engine: str, until: float) -> Column:
    with (
        tempfile.TemporaryDirectory() as folder,
        plan.provider() as provider,
        ours.ours(Path(folder), engine_url, provider.url, plan.key, plan.streams, plan.seed) as site,
        Caller(site.url, {}, site.auth) as caller,
    ):
        tally = plan.tally(ours.is_refusal)

        def ask(fate: Fate) -> Answer | None:
            killer = threading.Timer(fate.killed, site.kill) if fate.killed is not None else None
            if killer:
                killer.start()
            try:
                model = f"{ours.PROVIDER}/{fate.model}"
                return caller.call(model, True, PATIENCE_SECONDS, fields(fate), ours.named(fate))
            except Unreachable:
                return None
            finally:
                if killer:
                    killer.join()

        site.proxy.use(*ours.FAILURES)
        seconds = stream_all(plan, ask, tally, provider, lambda fate: site.spent(fate.lane), until)
        site.settle(len(tally.ends))
        tally.search("log and table", site.written())
        found = books.of_records(site.records(), provider.served, site.difference())
        budgets = site.budgets(provider.billed)
        version = sluice_stack.PEER.version()
        note = (
            f"{engine} under it, {site.failed:,} of {len(site.proxy.seen):,} operations failed; budgets were read "
            f"{site.balances.readings:,} times; {found.records:,} records"
        )
        return column(f"Sluice {version}", tally, found, budgets, seconds, site.kills, (note,))


def through_litellm(plan: Plan, until: float) -> Column:
    title = litellm_proxy.PEER.name
    try:
        title = f"{title} {litellm_proxy.version()}"
        return _through_litellm(plan, title, until)
    except PeerAbsent as error:
        return Column(title, absent=str(error))


def _through_litellm(plan: Plan, title: str, until: float) -> Column:
    with (
        tempfile.TemporaryDirectory() as folder,
        plan.provider() as provider,
        theirs.theirs(Path(folder), provider.url, plan.key, plan.streams) as proxy,
        Caller(proxy.url, theirs.HEADERS) as caller,
    ):
        tally, victim = plan.tally(theirs.is_refusal), plan.streams[int(len(plan.streams) * KILLED_AFTER)]
        before = dict[str, int]()

        def kill() -> None:
            before.update({lane.model: provider.billed(lane.model) for lane in LANES})
            proxy.kill()

        killer = threading.Timer(KILL_SECONDS, kill)

        def ask(fate: Fate) -> Answer | None:
            proxy.wait()
            if fate is victim:
                killer.start()
            try:
                return caller.call(fate.lane.model, True, PATIENCE_SECONDS, fields(fate))
            except Unreachable:
                return None

        def spent(fate: Fate) -> float:
            return provider.billed(fate.lane.model) / plan.limit(fate.lane.model)

        seconds = stream_all(plan, ask, tally, provider, spent, until)
        if killer.is_alive():
            killer.join()
        wait_until_quiet(lambda: len(proxy.named()))
        tally.search("log", proxy.log)
        budgets = [Budget(lane.model, plan.limit(lane.model), provider.billed(lane.model)) for lane in LANES]
        found = books.of_lines(proxy.named(), provider.served)
        until_killed = [Budget(lane.model, plan.limit(lane.model), before.get(lane.model, 0)) for lane in LANES]
        note = f"before its process was killed its overshoot was {screen.overshoots(until_killed)}"
        notes = (*theirs.NOTES, *([note] if proxy.kills else []))
        return column(title, tally, found, budgets, seconds, proxy.kills, notes)


def wait_until_quiet(count: Callable[[], int]) -> None:
    """What is written behind the answers has been written."""
    until, seen = time.monotonic() + QUIET_AT_MOST, -1
    while (now := count()) != seen and time.monotonic() < until:
        seen = now
        time.sleep(QUIET_SECONDS)


def column(
    title: str,
    tally: Tally,
    found: Books,
    budgets: Sequence[Budget],
    seconds: float,
    kills: int,
    notes: Sequence[str],
) -> Column:
    return Column(
        title=title,
        streams=len(tally.ends),
        planned=len(tally.fates),
        seconds=seconds,
        whole=tally.count(End.WHOLE),
        told=tally.count(End.TOLD) + tally.count(End.NOBODY),
        refused=tally.count(End.REFUSED),
        false_ends=tally.count(End.FALSE),
        lost=found.lost,
        books=found.defects,
        budgets=budgets,
        false_refusals=tally.false_refusals,
        leaks=sum(tally.leaks.values()),
        kills=kills,
        notes=notes,
    )
