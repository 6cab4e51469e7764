"""The gateway held to a memory size by the kernel: what still fits, and how much of it each case takes.

Lambda ends a process that goes past its memory; so does a memory control group without swap. Each case has a new
environment of the dev stack, whose function URL, ledger and provider are outside of the group.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.provider import Asked, Provider, Script, provider
from tests.e2e.rig import Answer, Rig, compatible, eventually, rig
from tests.fakes.raw_provider import Peer

from benchmarks import cgroup, report
from sluice_devstack.environment import Environment

SIZES = (128, 256)
MB = 1024 * 1024
GROUP = "sluice_bench"
DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 10, "completion_tokens": 500, "total_tokens": 510}


@dataclass(frozen=True, slots=True)
class Case:
    """One call: what the provider answers, and how much the caller asks."""

    title: str
    script: Script
    prompt_bytes: int = 100
    empty_lists: int = 0
    streams: bool = True

    @property
    def body(self) -> dict[str, Any]:
        messages = [{"role": "user", "content": "x" * self.prompt_bytes}]
        others: dict[str, Any] = {"metadata": [[]] * self.empty_lists} if self.empty_lists else {}
        return {"model": "test/case", "messages": messages, "stream": self.streams, **others}


@dataclass(frozen=True, slots=True)
class Fit:
    """How a case went: `peak_bytes` is the most the process held, None where it was ended for it."""

    case: Case
    status: int
    is_whole: bool
    peak_bytes: int | None

    def __str__(self) -> str:
        peak = "ended by the kernel" if self.peak_bytes is None else f"{self.peak_bytes / MB:.0f} MB"
        return f"{self.status} {'whole' if self.is_whole else 'broken'}, {peak}"


def event(content: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice], "usage": None}).encode() + b"\n\n"


def stream(*contents: str) -> Script:
    def play(peer: Peer, _asked: Asked) -> None:
        peer.head()
        for content in contents:
            peer.chunk(event(content))
        peer.chunk(
            event("", "stop") + b"data: " + json.dumps({"choices": [], "usage": USAGE}).encode() + b"\n\n" + DONE
        )
        peer.chunk(b"")

    return play


def answer_of(megabytes: float) -> Script:
    message = {"role": "assistant", "content": "y" * int(megabytes * MB)}
    body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": USAGE}).encode()

    def play(peer: Peer, _asked: Asked) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        peer.send(head.encode() + body)

    return play


REQUEST = int(5.9 * MB)
WORDS = 1000
CASES = (
    Case("1,000 events", stream(*["word "] * WORDS)),
    Case("a request of 5.9 MB", stream(*["word "] * 100), prompt_bytes=REQUEST),
    Case("a request of 5.9 MB, all of it empty lists", stream("word"), empty_lists=REQUEST // len("[], ")),
    Case("an answer of 6 MB in one piece", answer_of(5.9), streams=False),
    Case("an answer of 23 MB in one piece", answer_of(23), streams=False),
    Case("one event of 15 MB", stream("z" * 15 * MB)),
    Case("5.9 MB asked, 23 MB answered", answer_of(23), prompt_bytes=REQUEST, streams=False),
)


def measure(_options: argparse.Namespace) -> str:
    cgroup.need("memory", "memory.limit_in_bytes")
    found: dict[str, list[str]] = {case.title: [] for case in CASES}
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder, held(Path(folder), size) as gateway:
            for case in CASES:
                found[case.title].append(told(gateway.fit(case), size))
    rows = [[title, *cells] for title, cells in found.items()]
    table = report.markdown(["", *(f"{size} MB" for size in SIZES)], rows)
    return f"one call each: its status, whether it came whole, the most that the process held\n\n{table}"


def told(fit: Fit, megabytes: int) -> str:
    """A group does not count pages that other processes had read before, such as libraries: what held more than the
    size is marked though the kernel let it pass."""
    is_too_much = fit.peak_bytes is not None and fit.peak_bytes > megabytes * MB
    return f"{fit}: too much for Lambda" if is_too_much else str(fit)


@dataclass(frozen=True, slots=True)
class Held:
    """A gateway whose environments may hold so much memory."""

    site: Rig
    upstream: Provider

    def fit(self, case: Case) -> Fit:
        """Runs the case in a new environment."""
        for old in self.site.stack.environments:
            old.kill()
        eventually(lambda: not self.site.stack.environments or None, "the old environment has gone")
        self.upstream.play("case", lambda peer, _: peer.head())
        self.upstream.play("small", stream("word"))
        self.site.ask("test/small")
        environment = self.site.stack.environments[0]
        self.upstream.play("case", case.script)
        with self.site.begin(case.body) as begun:
            answer = begun.answer()
        return Fit(case, answer.status, is_whole(case, answer), peak(environment))


def is_whole(case: Case, answer: Answer) -> bool:
    end = DONE if case.streams else b"}"
    return (
        answer.status == 200 and answer.end == "ended" and answer.body.endswith(end) and b'"error"' not in answer.body
    )


def peak(environment: Environment) -> int | None:
    try:
        status = Path(f"/proc/{environment.pid}/status").read_text()
    except FileNotFoundError:
        return None
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return int(fields["VmHWM"].split()[0]) * 1024 if "VmHWM" in fields else None


@contextmanager
def held(folder: Path, megabytes: int | None) -> Iterator[Held]:
    """None for no limit: then the peaks alone tell."""
    with ExitStack() as exits:
        group = exits.enter_context(cgroup.memory(f"{GROUP}_{megabytes}", megabytes * MB)) if megabytes else None
        upstream = exits.enter_context(provider())
        variables = {"SLUICE_NEXT_WRAPPER": str(wrapper(folder, group))} if group else {}
        providers = {"test": compatible(upstream.url)}
        options = {"environments": 1, "environment_variables": variables}
        yield Held(exits.enter_context(rig(folder, providers, **options)), upstream)


def wrapper(folder: Path, group: Path) -> Path:
    """An exec wrapper that enters the group first."""
    path = folder / "in_group"
    path.write_text(f'#!/bin/sh\necho $$ > "{group}/cgroup.procs" && exec "$@"\n')
    path.chmod(0o755)
    return path
