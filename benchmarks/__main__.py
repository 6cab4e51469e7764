"""`make bench`: the gateway beside others, on one mock provider and load client, rounds interleaved.

Without an option, beside a Node pipe Lambda at full speed: whole, with the ledger's calls left out, and without
compiled files. `--quota` gives each the share of a processor that Lambda gives at a memory size, `--pauses` the same
with pauses between calls; `--memory` holds the gateway to a memory size and says what still fits; `--event-streams`
is the way of ConverseStream's events, relayed raw and translated. Figures of one run compare; figures of two runs do
not.
"""

import argparse
import importlib
import os
import subprocess
import sys

from benchmarks.bench_folder import BenchMissing
from benchmarks.cgroup import CgroupMissing

RUNS = {
    "at_full_speed": "every peer with a whole processor",
    "quota": "the processor's share by memory size",
    "pauses": "the same, for calls with a pause between them",
    "memory": "what fits in a memory size",
    "event_streams": "Bedrock's event streams, raw and translated",
}


def main() -> int:
    options = arguments()
    before = os.getloadavg()[0]
    try:
        tables = importlib.import_module(f"benchmarks.{options.run}").measure(options)
    except (BenchMissing, CgroupMissing) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    load = f"load {before:.1f} before and {os.getloadavg()[0]:.1f} after"
    print(f"\n{load}, node {node_version()}\n{tables}")
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    for name in list(RUNS)[1:]:
        which.add_argument(f"--{name.replace('_', '-')}", dest="run", action="store_const", const=name, help=RUNS[name])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", type=lambda names: names.split(","), help="peers, with commas between")
    parser.add_argument("--quick", action="store_true", help="fewer streams a round; only without --quota and --memory")
    parser.set_defaults(run="at_full_speed")
    return parser.parse_args()


def node_version() -> str:
    return subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip() or "absent"


if __name__ == "__main__":
    raise SystemExit(main())
