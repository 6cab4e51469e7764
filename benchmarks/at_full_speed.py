"""The plain run: every peer at full speed, each with a whole processor."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks import bench_folder, report
from benchmarks.variants import variants

PEERS = ("direct", "lambda_node_pipe", "sluice", "sluice_no_ledger", "sluice_no_pyc")


def measure(options: argparse.Namespace) -> str:
    names = options.only or list(PEERS)
    peers, out = bench_folder.build(), bench_folder.BUILT / "results" / "sluice.json"
    out.unlink(missing_ok=True)
    quick = ["--quick"] if options.quick else []
    with tempfile.TemporaryDirectory() as folder, variants(Path(folder)) as ours:
        peers.PEERS.update({name: variant.peer() for name, variant in ours.items()})
        sys.argv = ["peers.py", "--rounds", str(options.rounds), "--only", ",".join(names), "--out", str(out), *quick]
        peers.main()
    results = json.loads(out.read_text())
    table = report.table(results, [name for name in names if name in results])
    return f"medians of {options.rounds} interleaved rounds\n\n{table}"
