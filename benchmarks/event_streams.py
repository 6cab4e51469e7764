"""ConverseStream's events relayed raw and translated, beside the Node pipe relaying the same bytes raw.

The mock provider sends event streams; CPU is the function's own process, all threads, its request's signature and the
record it would keep included. The gateway runs with the ledger's calls left out: the pipe keeps no books.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import bench_folder, report, stream_call
from benchmarks.stream_call import Asked
from benchmarks.variants import variants

MODEL = "anthropic.claude-haiku-4-5-20251001-v1:0"
NODE, SLUICE, DIRECT = "lambda_node_pipe", "sluice_no_ledger", "direct"
FIRST_PORT = 9740
WARM_UP, PACED, FULL, FIRST = Asked(500), Asked(500, 250), Asked(1000), Asked(5, 200, first_byte_ms=20)
CALLS = {WARM_UP: 40, PACED: 4, FULL: 20, FIRST: 40}


class Started(NamedTuple):
    """Where a function is reached, and its process; none is between on the direct way."""

    port: int
    process: int | None


def converse(prompt: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"text": prompt}]}]}


def chat(prompt: str) -> dict[str, Any]:
    asked = {"model": f"bedrock/{MODEL}", "messages": [{"role": "user", "content": prompt}]}
    return {**asked, "stream": True, "stream_options": {"include_usage": True}}


def responses(prompt: str) -> dict[str, Any]:
    return {"model": f"bedrock/{MODEL}", "input": prompt, "stream": True}


class Way(NamedTuple):
    """One column: through whom, and in which dialect the caller asks."""

    title: str
    peer: str
    path: stream_call.Path


RAW = stream_call.Path(f"/model/{MODEL}/converse-stream", converse)
WAYS = (
    Way("direct", DIRECT, RAW),
    Way("Node pipe, raw", NODE, RAW),
    Way("gateway, raw", SLUICE, RAW),
    Way("gateway, as chat.completions", SLUICE, stream_call.Path("/v1/chat/completions", chat)),
    Way("gateway, as Responses", SLUICE, stream_call.Path("/v1/responses", responses)),
)


class Measured(NamedTuple):
    """One way in one round, in milliseconds; CPU per stream."""

    paced_cpu: float
    full_cpu: float
    first_p50: float
    first_p95: float


class Figure(NamedTuple):
    """One row: milliseconds beyond those of the direct way. `is_ratio`: a row in times of the Node pipe's follows."""

    title: str
    of: Callable[[Measured], float]
    is_ratio: bool = False


FIGURES = (
    Figure("CPU, 500 events paced, ms", lambda one: one.paced_cpu, is_ratio=True),
    Figure("CPU, 1,000 events at full speed, ms", lambda one: one.full_cpu, is_ratio=True),
    Figure("added to first byte p50, ms", lambda one: one.first_p50),
    Figure("added to first byte p95, ms", lambda one: one.first_p95),
)


def measure(options: argparse.Namespace) -> str:
    peers = bench_folder.build()
    found: dict[str, list[Measured]] = {way.title: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder, variants(Path(folder)) as ours:
        peers.PEERS[SLUICE] = ours[SLUICE].peer()
        mock = peers.spawn([f"{peers.B}/mock", str(peers.MOCK)])
        try:
            for turn in range(options.rounds):
                for title, measured in one_round(peers, turn, Path(folder), options.quick):
                    found[title].append(measured)
                    print(f"{turn} {title:30s} {measured}", flush=True)
        finally:
            peers.kill(mock)
    return f"medians of {options.rounds} interleaved rounds\n\n{table(found)}"


def one_round(peers: Any, turn: int, folder: Path, is_quick: bool) -> Iterator[tuple[str, Measured]]:
    """Every way once, each function in a new process; all of them wait while one is measured."""
    with ExitStack() as exits:
        running = {DIRECT: Started(peers.MOCK, None)}
        for place, name in enumerate((NODE, SLUICE)):
            port = FIRST_PORT + 10 * turn + place
            running[name] = exits.enter_context(function(peers, name, port, folder / f"{name}-{turn}.log"))
        for way in WAYS:
            yield way.title, measured(peers, way, running[way.peer], 4 if is_quick else 1)


@contextmanager
def function(peers: Any, name: str, port: int, log: Path) -> Iterator[Started]:
    """A peer of the kind "lambda" behind a Runtime API of its own, until it asks for its first invocation."""
    log.touch()
    rapid = peers.spawn([f"{peers.B}/rapid", str(port), str(port + 1000), str(log)])
    time.sleep(0.2)
    peer = peers.PEERS[name]
    api = {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port + 1000}", "UPSTREAM": peers.UP}
    variables = {**os.environ, **peer.get("env", {}), **api}
    started = peers.spawn(peer["cmd"](port), env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not log.read_text() and started.poll() is None:
            time.sleep(0.002)
        yield Started(port, started.pid)
    finally:
        peers.kill(started)
        peers.kill(rapid)


def measured(peers: Any, way: Way, started: Started, divisor: int) -> Measured:
    """Raises StreamBroken where an answer is not whole."""
    with stream_call.connect(started.port) as connection:

        def times(asked: Asked) -> list[float]:
            calls = max(2, CALLS[asked] // divisor)
            return [stream_call.first_byte_ms(connection, way.path, asked) for _ in range(calls)]

        def cpu_ms(asked: Asked) -> float:
            before = cpu_seconds(peers, started)
            calls = len(times(asked))
            return (cpu_seconds(peers, started) - before) * 1000 / calls

        times(WARM_UP)
        firsts = times(FIRST)
        p95 = statistics.quantiles(firsts, n=20)[18]
        return Measured(cpu_ms(PACED), cpu_ms(FULL), statistics.median(firsts), p95)


def cpu_seconds(peers: Any, started: Started) -> float:
    return float(peers.cpu(started.process)) if started.process else 0.0


def table(found: Mapping[str, Sequence[Measured]]) -> str:
    """A Markdown table: a row for a figure, a column for a way."""
    titles = [way.title for way in WAYS[1:]]
    rows = []
    for figure in FIGURES:
        direct, *medians = (statistics.median(map(figure.of, found[way.title])) for way in WAYS)
        rows.append([figure.title, *(f"{one - direct:.3g}" for one in medians)])
        if figure.is_ratio:
            rows.append(["times the Node pipe's", *(f"{one / medians[0]:.2f}" for one in medians)])
    return report.markdown(["", *titles], rows)
