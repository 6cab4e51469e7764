"""`make chaos`: thousands of calls whose processes are killed while DynamoDB fails, and then the judgement."""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from random import SystemRandom

from tests.chaos.judgement import judged
from tests.chaos.report import lines
from tests.chaos.run import Run
from tests.engines import PROGRAMS, one_exact, running

SEEDS = 1 << 32
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000, help="how many (default: 10000)")
    parser.add_argument("--seed", type=int, default=0, help="repeats a run, as far as processes can be repeated")
    parser.add_argument("--engine", default="", help="ministack, dynoxide, local or both (default: the fastest)")
    parser.add_argument("--workers", type=int, default=6, help="environments at once (default: 6)")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the engine ends with us
    seed = asked.seed or SystemRandom().randrange(1, SEEDS)
    named = ["dynoxide", "ministack"] if asked.engine == "both" else [asked.engine or str(one_exact()[0])]
    unknown = [name for name in named if name not in PROGRAMS or not PROGRAMS[name].find()]
    if unknown:
        parser.error(f"{unknown[0]!r} is not installed; there are {', '.join(PROGRAMS)}")
    return max(chaos(name, seed, asked.calls, asked.workers) for name in named)


def chaos(engine: str, seed: int, calls: int, workers: int) -> int:
    """The exit code: 0 where nothing is lost, doubled or over, and all sums are right."""
    folder, began = Path(tempfile.mkdtemp(prefix="sluice-chaos-")), time.monotonic()
    heading = f"seed {seed} on {engine}: {calls} calls"
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as place:
        database = Path(place, "tables") if engine == "dynoxide" else None
        with running(engine, folder, database) as one:
            evidence = Run(one, seed, calls, workers, folder, database).make()
    verdict = judged(evidence)
    print("\n".join(lines(heading, evidence, verdict, time.monotonic() - began)), flush=True)
    if verdict.complaints:
        print(f"  FAILED; what the functions have said is in {folder / 'log'}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
