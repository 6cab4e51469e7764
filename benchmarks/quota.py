"""The processor's share that Lambda gives at each memory size, emulated by a CFS quota after init.

The measuring is the shared bench's own m_quota.py. Init has a whole processor, as on Lambda; so what the first call
still has to do, a small function pays for many times over.
"""

import argparse
import json
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import bench_folder, cgroup, report
from benchmarks.variants import variants

PEERS = ("sluice", "sluice_no_ledger", "lambda_node_pipe", "fastapi_httpx")
SIZES = ("128MB", "256MB", "512MB", "1024MB", "1769MB")

Medians = Mapping[str, Mapping[str, float]]


class Figure(NamedTuple):
    """One measured thing, in milliseconds."""

    title: str
    key: str


FIGURES = (
    Figure("first request", "first_req_ms"),
    Figure("added to the first byte, p50", "ttft_p50_ms"),
    Figure("added to the first byte, p95", "ttft_p95_ms"),
    Figure("per chunk on the way, p50", "ow_p50_ms"),
    Figure("per chunk on the way, p95", "ow_p95_ms"),
    Figure("500 chunks at once", "burst500_ms"),
)


def measure(options: argparse.Namespace) -> str:
    cgroup.need("cpu", "cpu.cfs_quota_us")
    names = options.only or list(PEERS)
    peers = bench_folder.build(with_fastapi="fastapi_httpx" in names)
    vars(peers)["spawn"] = quiet(peers.spawn)
    sys.modules["peers"] = peers
    with tempfile.TemporaryDirectory() as folder, variants(Path(folder)) as ours:
        peers.PEERS.update({name: variant.peer() for name, variant in ours.items()})
        sys.argv = ["m_quota.py", "--peers", ",".join(names), "--reps", str(options.rounds)]
        runpy.run_path(str(bench_folder.BUILT / "bench" / "m_quota.py"))
    medians = json.loads((bench_folder.BUILT / "results" / "quota.json").read_text())
    return f"medians of {options.rounds} interleaved rounds\n\n{tables(medians, names)}"


def quiet(spawn: Any) -> Any:
    """The gateway prints a line for each call; here nobody reads it."""

    def started(command: Sequence[str], **options: Any) -> Any:
        return spawn(command, **{"stdout": subprocess.DEVNULL, **options})

    return started


def tables(medians: Medians, peers: Sequence[str]) -> str:
    """A Markdown table for each figure: a row for a peer, a column for a memory size. Milliseconds."""
    shown = [name for name in peers if f"{name}|{SIZES[0]}" in medians]
    sizes = [size.removesuffix("MB") for size in SIZES]
    blocks = []
    for figure in FIGURES:
        rows = [[name, *(f"{medians[f'{name}|{size}'][figure.key]:.3g}" for size in SIZES)] for name in shown]
        blocks.append(report.markdown([f"{figure.title}, ms, at MB", *sizes], rows))
    return "\n\n".join(blocks)
