"""The plain pipe: some lines of Node.js, as people write them by hand."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers.peer import KEY, Peer, PeerAbsent, Place, Upstream
from tests.peers.process import running

import node_packages
from command import run
from sluice_prove.catalogue import Target

PIPE = node_packages.PEERS.folder / "pipe.mjs"


def node_version() -> str:
    if reason := node_packages.missing():
        raise PeerAbsent(reason)
    return run(["node", "--version"]).strip().removeprefix("v")


@contextmanager
def started(upstream: Upstream, _timeout_seconds: float) -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "pipe.log"
        variables = {"UPSTREAM": upstream.address, "KEY": KEY}
        with running(["node", PIPE], variables, log, lambda: log.read_bytes().endswith(b"\n")):
            port = int(log.read_text())
            yield Place(f"http://127.0.0.1:{port}/v1", {Target.CHAT: "{fault}"})


PEER = Peer("Node pipe", node_version, started)
