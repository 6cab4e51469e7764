"""The time to the first byte at a memory size's share of a processor, for calls with and without a pause between them.

m_quota.py calls without a pause, so what one call still does after its last byte counts against the next one's share.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import bench_folder, cgroup, report
from benchmarks.variants import Variant, variants

PEERS = ("sluice", "sluice_no_ledger")
SHARES = {128: 0.0724, 256: 0.1447}  # as m_quota.py has them
PAUSES = (0.0, 0.3)
CALLS = 40
PERIOD_MICROSECONDS = 20_000
FIRST_BYTE_MS = 20
FIRST_PORT = 9720
PROMPT = f"bench:n=5,rate=100,ttft={FIRST_BYTE_MS},burst=1"
BODY = json.dumps({"model": "gpt-4o-mini", "stream": True, "messages": [{"role": "user", "content": PROMPT}]}).encode()
HEAD = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def measure(_options: argparse.Namespace) -> str:
    cgroup.need("cpu", "cpu.cfs_quota_us")
    peers = bench_folder.build()
    with tempfile.TemporaryDirectory() as folder, variants(Path(folder)) as ours, cgroup.cpu("sluice_pauses") as group:
        peers.spawn([f"{peers.B}/mock", str(peers.MOCK)])
        try:
            rows = [row(peers, group, ours[name], name, Path(folder)) for name in PEERS]
        finally:
            for process in list(peers.procs):
                peers.kill(process)
    heading = ["ms added, p50, p95", *(f"{size} MB, {pause:g} s apart" for size in SHARES for pause in PAUSES)]
    return f"medians of {CALLS} calls\n\n{report.markdown(heading, rows)}"


def row(peers: Any, group: Path, variant: Variant, name: str, folder: Path) -> list[str]:
    cells = [cell for size in SHARES for cell in at_size(peers, group, variant, size, folder / f"{name}-{size}.log")]
    return [name, *cells]


def at_size(peers: Any, group: Path, variant: Variant, size: int, log: Path) -> list[str]:
    """One environment; the quota begins when it asks for its first invocation."""
    port = FIRST_PORT + len(list(log.parent.glob("*-*.log")))
    log.touch()
    (group / "cpu.cfs_quota_us").write_text("-1")
    rapid = peers.spawn([f"{peers.B}/rapid", str(port), str(port + 1000), str(log)])
    time.sleep(0.2)
    variables = {**os.environ, **variant.environment, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port + 1000}"}
    function = peers.spawn(variant.start(), env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not log.read_text():
        time.sleep(0.002)
    for task in os.listdir(f"/proc/{function.pid}/task"):
        (group / "tasks").write_text(task)
    (group / "cpu.cfs_quota_us").write_text(str(int(PERIOD_MICROSECONDS * SHARES[size])))
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        added_ms(connection, 0)
        cells = [cell([added_ms(connection, pause) for _ in range(CALLS)]) for pause in PAUSES]
    peers.kill(function)
    peers.kill(rapid)
    return cells


def added_ms(connection: socket.socket, pause: float) -> float:
    """Over the provider's own time to the first byte."""
    time.sleep(pause)
    began, answer, first = time.perf_counter(), b"", 0.0
    connection.sendall((HEAD % len(BODY)).encode() + BODY)
    while not answer.endswith(b"\r\n0\r\n\r\n"):
        answer += connection.recv(65536)
        first = first or (b"chat.completion.chunk" in answer and time.perf_counter()) or 0.0
    return (first - began) * 1000 - FIRST_BYTE_MS


def cell(milliseconds: list[float]) -> str:
    return f"{statistics.median(milliseconds):.1f}, {statistics.quantiles(milliseconds, n=20)[18]:.1f}"
