"""The judge of chaos runs: what is right passes, and each thing that can be wrong is found."""

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.chaos.environment import Told
from tests.chaos.evidence import Evidence
from tests.chaos.judgement import judged
from tests.chaos.plan import SECOND, Script, plan
from tests.chaos.watcher import Watched, look

SEED = 7
DAY = "20261121"
BOUND = 900_000
FIRST = next(
    one
    for one in range(1000)
    if plan(SEED, one).script is Script.STREAM and plan(SEED, one).is_named and not plan(SEED, one).has_key
)
DEAD = FIRST + 1
Rows = dict[str, dict[str, Any]]


def record(number: int, **changes: Any) -> dict[str, Any]:
    call = plan(SEED, number)
    return {
        "pk": f"R#{call.request_id}",
        "sk": "R",
        "st": "S",
        "oc": "complete",
        "pr": "ann",
        "pv": "chaos",
        "md": "any",
        "rt": "chaos/any",
        "day": DAY,
        "est": BOUND,
        "act": call.cost,
        "it": call.input_tokens,
        "ot": call.output_tokens,
        "att": [{"pv": "chaos"}],
        "meta": {"call": call.name},
        "bud": [f"tight#0123456789ab T {call.cost}"],
        **changes,
    }


def table() -> Rows:
    """Two calls, one of which died, with all that follows from them."""
    call = plan(SEED, FIRST)
    died = {"oc": "abandoned", "st": "A", "act": BOUND, "att": [], "it": None, "ot": None}
    spent = call.cost + BOUND
    figures = {"n": 2, "c": 1, "ab": 1, "it": call.input_tokens, "ot": call.output_tokens, "nusd": spent}
    days = {sk: {"pk": f"D#{DAY}", "sk": sk, **figures} for sk in ("P#ann", "M#chaos/any", "V#chaos", "R#chaos/any")}
    return {
        "whole": record(FIRST),
        "dead": record(DEAD, **died, bud=[f"tight#0123456789ab T {BOUND}"]),
        "budget": {"pk": "B#tight#0123456789ab", "sk": "T", "u": spent, "r": 0, "w": spent},
        **days,
    }


def evidence(rows: Rows, seen: tuple[int, ...] = (FIRST, DEAD), complete: tuple[int, ...] = (FIRST,)) -> Evidence:
    told = Told(complete=[plan(SEED, one).name for one in complete])
    names, nothing = tuple(plan(SEED, one).asked for one in seen), Counter[str]()
    return Evidence(SEED, tuple(rows.values()), names, told, Watched(), nothing, nothing, nothing)


def changed(change: Callable[[Rows], object]) -> Rows:
    rows = copy.deepcopy(table())
    change(rows)
    return rows


def test_a_run_in_which_all_is_well_passes() -> None:
    assert judged(evidence(table())).complaints == ()


def test_a_call_that_was_asked_again_and_answered_from_what_was_kept_is_well() -> None:
    assert judged(evidence(table(), complete=(FIRST, FIRST + SECOND))).complaints == ()


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda rows: rows.pop("whole"), "lost"),
        (lambda rows: rows["dead"].update(st="R"), "lost"),
        (lambda rows: rows.update(again=rows["whole"] | {"pk": "R#other"}), "doubled"),
        (lambda rows: rows.update(again=record(FIRST + SECOND)), "doubled"),
        (lambda rows: rows["whole"].update(att=[]), "doubled"),
        (lambda rows: rows["whole"].update(act=rows["whole"]["act"] + 1), "untrue"),
        (lambda rows: rows["whole"].update(ot=rows["whole"]["ot"] - 1), "untrue"),
        (lambda rows: rows["whole"].update(oc="incomplete"), "untrue"),
        (lambda rows: rows["whole"].update(est=1), "untrue"),
        (lambda rows: rows["dead"].update(act=0), "untrue"),
        (lambda rows: rows["budget"].update(u=rows["budget"]["u"] + 1), "sums"),
        (lambda rows: rows["budget"].update(r=1), "sums"),
        (lambda rows: rows["budget"].update(w=0), "sums"),
        (lambda rows: rows["budget"].update(hcall="1 1 1"), "sums"),
        (lambda rows: rows["dead"].update(bud=[]), "sums"),
        (lambda rows: rows.pop("budget"), "sums"),
        (lambda rows: rows["V#chaos"].update(n=3), "sums"),
        (lambda rows: rows["P#ann"].update(nusd=1), "sums"),
        (lambda rows: rows.pop("R#chaos/any"), "sums"),
        (lambda rows: rows.update(other=rows["P#ann"] | {"sk": "P#bob"}), "sums"),
    ],
)
def test_what_is_wrong_in_the_table_is_found(change: Callable[[Rows], object], kind: str) -> None:
    verdict = judged(evidence(changed(change)))

    assert getattr(verdict, kind)


def test_a_failure_of_our_own_is_found() -> None:
    told = Told(kills=1, ends=Counter({"200 whole": 2, "500 internal_error": 1}))

    assert judged(replace(evidence(table()), told=told)).untrue


def test_a_call_that_the_provider_saw_more_often_than_it_is_booked_is_found() -> None:
    assert judged(evidence(table(), seen=(FIRST, FIRST, DEAD))).doubled


@pytest.mark.parametrize("kills", [0, 1])
def test_a_run_in_which_nobody_died_shows_too_little(kills: int) -> None:
    told = Told(kills=kills, ends=Counter({"200 whole": 3}))

    verdict = judged(replace(evidence(table()), told=told))

    assert len(verdict.mild) == 1 - kills


def test_a_whole_answer_that_nobody_has_booked_is_found() -> None:
    assert judged(evidence(table(), complete=(FIRST, DEAD + 1))).lost


@pytest.mark.parametrize(
    ("row", "is_well"),
    [
        ({"u": 100, "r": 10, "w": 120}, True),
        ({"u": 120, "r": 10, "w": 125}, True),
        ({"u": 126, "r": 0, "w": 120}, False),
        ({"u": 10, "r": 0, "w": 126}, False),
        ({"u": -1, "r": 0, "w": 0}, False),
        ({"u": 0, "r": -1, "w": 0}, False),
    ],
)
def test_a_budget_beyond_its_bounds_is_seen(row: dict[str, int], is_well: bool) -> None:
    seen = Watched()

    look(seen, {"pk": "B#typical#0123456789ab", "sk": "T", "lim": 100, "ceil": 125, **row})

    assert (seen.over == []) is is_well
