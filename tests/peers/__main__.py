"""`make prove`: Sluice, a plain pipe, LiteLLM and Portkey through the same faults, as one table."""

import argparse
import secrets
import sys
import time

from tests.peers import litellm_proxy, node_pipe, portkey, sluice_stack
from tests.peers.side_by_side import Waits, column, is_honest, report

from sluice_prove.catalogue import CASES

PEERS = {
    "sluice": sluice_stack.PEER,
    "pipe": node_pipe.PEER,
    "litellm": litellm_proxy.PEER,
    "portkey": portkey.PEER,
}
TIMEOUT_SECONDS, STALL_SECONDS = 3.0, 15.0


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.peers")
    parser.add_argument("--only", action="append", choices=PEERS, help="one column; may be given several times")
    parser.add_argument("--fault", action="append", help="one row; may be given several times")
    options = parser.parse_args()
    started, waits = time.monotonic(), Waits(TIMEOUT_SECONDS, STALL_SECONDS)
    cases = [case for case in CASES if not options.fault or case.fault in options.fault]
    canary = f"sk-fake-canary-{secrets.token_hex(16)}"
    columns = [column(PEERS[name], cases, waits, canary, say) for name in options.only or PEERS]
    print(report(cases, columns))
    say(f"{len(cases)} faults in {time.monotonic() - started:.0f} s")
    return int(not all(is_honest(one) for one in columns if one.name == sluice_stack.PEER.name))


if __name__ == "__main__":
    sys.exit(main())
