"""`make rie`: prints the table of events, statuses and whether emulator and dev stack gave the same bytes.

With ARGS=--first-next: what a cold start takes until the first event is asked for, with compiled files and without.
"""

import argparse
import os
import sys
import time

from tests.integration.rie import first_next
from tests.integration.rie.artifact import artifact, emulator
from tests.integration.rie.comparison import TABLE_HEAD, compared, table_row
from tests.integration.rie.emulated import EmulatorFailed
from tests.integration.rie.placed import namespaces

from command import CommandFailed


def say(line: str) -> None:
    print(f"rie: {line}", flush=True)


def compare() -> int:
    started, count, unequal = time.monotonic(), 0, list[str]()
    for row in compared(say):
        if not count:
            print(TABLE_HEAD)
        count += 1
        print(table_row(row), flush=True)
        unequal += [f"{row.event}: {row.difference}"] if row.difference else []
    print("\n".join(unequal))
    say(f"{count - len(unequal)} of {count} equal ({time.monotonic() - started:.1f} s)")
    return 1 if unequal else 0


def measure(rounds: int) -> int:
    made = artifact(say)
    say(made.description)
    print(first_next.table(first_next.measured(made, rounds, say)))
    say(f"medians of {rounds} rounds, load {os.getloadavg()[0]:.1f}")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.integration.rie")
    parser.add_argument("--first-next", action="store_true", help="measure cold starts instead")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    if not emulator().is_file() or namespaces() is None:
        say("no emulator (make build installs it) or no mount namespace (unshare) on this machine")
        return 1
    try:
        return measure(options.rounds) if options.first_next else compare()
    except (CommandFailed, EmulatorFailed) as error:
        say(f"failed\n{error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
