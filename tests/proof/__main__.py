"""`make proof`: budgeted streams through Sluice and LiteLLM while everything fails, and one screen of what came of it."""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from random import SystemRandom

from tests import canaries
from tests.engines import PROGRAMS, running
from tests.proof.column import Column
from tests.proof.fate import fates
from tests.proof.run import Plan, through_litellm, through_sluice
from tests.proof.screen import screen

CALLS, FEWEST = 1000, 20
THEIR_SHARE = 2  # the first half: shares are compared, and nobody waits for the rest
OURS_SECONDS, ALL_SECONDS = 80.0, 120.0  # after which no stream begins
TYPICAL_SECONDS = 0.1
ENGINES, MOTO = ("dynoxide", "ministack"), "moto"


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def engine() -> str:
    """The fastest exact DynamoDB engine that is installed, else moto."""
    return next((name for name in ENGINES if PROGRAMS[name].find()), MOTO)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make proof ARGS=")
    parser.add_argument(
        "--calls",
        type=int,
        default=CALLS,
        help=f"streams through Sluice, half of them through LiteLLM; {CALLS} by default",
    )
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1, 1 << 32), help="of an earlier run")
    parser.add_argument("--engine", choices=(*ENGINES, MOTO), help="under Sluice; the fastest that is installed")
    parser.add_argument("--only", choices=("sluice", "litellm"), help="one column")
    options = parser.parse_args()
    started, name, calls = time.monotonic(), options.engine or engine(), max(FEWEST, options.calls)
    streams = fates(options.seed, calls, TYPICAL_SECONDS)
    plan = Plan(options.seed, streams, canaries.canary("sk-fake-"), canaries.canary("session"))
    theirs = replace(plan, streams=streams[: calls // THEIR_SHARE])
    columns: list[Column] = []
    if options.only != "litellm":
        say(f"{calls:,} streams through Sluice, seed {options.seed}")
        with tempfile.TemporaryDirectory() as folder, running(name, Path(folder)) as one:
            columns.append(through_sluice(plan, one.url, one.name, started + OURS_SECONDS))
    if options.only != "sluice":
        say(f"{len(theirs.streams):,} of them through LiteLLM")
        columns.append(through_litellm(theirs, started + ALL_SECONDS))
    head = [
        f"{calls:,} budgeted streams in {time.monotonic() - started:.0f} s, seed {options.seed}. The provider broke off "
        f"{sum(one.cut is not None for one in streams) / calls:.0%} of them at a random byte.",
    ]
    print(screen(columns, head, f'make proof ARGS="--calls {calls} --seed {options.seed}"'))
    return int(not all(one.is_spotless for one in columns if one.title.startswith("Sluice")))


if __name__ == "__main__":
    sys.exit(main())
