"""One environment serves many calls, good and bad: nothing of one reaches the next, and nothing piles up."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.e2e.rig import CHAT, MESSAGES, Answer, Begun, Rig, rig
from tests.integration.devstack.caller import Caller

CALLS, WARM_UP = 300, 60
SEED = 20261120
TURNS = tuple(f"test-{number}" for number in range(12))  # so that no breaker opens at what fails again and again
IN_TURN = itertools.cycle(TURNS)
TEXT = "héllo wörld 日本語 😀 end."
MAX_GROWTH_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Case:
    """A call, and what has to come of it each time: status, error code, whether `[DONE]` came, the record's outcome."""

    model: str
    status: int
    code: str | None = None
    is_done: bool = False
    outcome: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    payload: bytes | None = None
    method: str = "POST"
    target: str = CHAT
    streams: bool = True


def good(model: str) -> Case:
    return Case(model, 200, None, True, "complete")


CASES = (
    *(good(name) for name in ("ok", "f-nodone", "f-bytes", "f-crlf", "f-cr", "f-bom", "f-ping", "f-multiline")),
    *(good(name) for name in ("f-badjson", "f-badutf8", "f-gzip", "f-hdrleak")),
    Case("ok", 200, outcome="complete", streams=False),
    Case("f-trunc", 200, "upstream_stream_truncated", outcome="incomplete"),
    Case("f-rst", 200, "upstream_stream_truncated", outcome="incomplete"),
    Case("f-chunkcut", 200, "upstream_stream_truncated", outcome="incomplete"),
    Case("f-errevent", 200, "server_error", outcome="incomplete"),
    Case("f-stallmid", 200, "upstream_timeout", outcome="incomplete", headers=(("x-sluice-idle-timeout-ms", "50"),)),
    Case("f-stallhdr", 504, "upstream_timeout", outcome="failed", headers=(("x-sluice-timeout-ms", "50"),)),
    Case("f-trunc", 502, "upstream_protocol", outcome="failed", streams=False),
    Case("f-429", 429, "rate_limit_exceeded", outcome="failed"),
    Case("f-503", 503, None, outcome="failed"),
    Case("f-html", 502, "upstream_refused", outcome="failed"),
    Case("f-401", 502, "provider_authentication_error", outcome="failed"),
    Case("f-redirect", 502, "upstream_protocol", outcome="failed"),
    Case("unheard-of", 404, "model_not_found", outcome="failed"),
    Case("no json", 400, "invalid_json", payload=b'{"model": NaN}'),
    Case("deep", 400, "invalid_json", payload=b"[" * 5000 + b"]" * 5000),
    Case("no messages", 400, "invalid_request", payload=b'{"model":"test-0/ok"}'),
    Case("elsewhere", 404, "model_not_found", payload=b'{"model":"a/b","messages":[{"role":"user","content":"x"}]}'),
    Case("wrong method", 405, "method_not_allowed", method="GET"),
    Case("wrong path", 404, "unknown_path", target="/v1/nothing"),
    Case("wrong timeout", 400, "invalid_request", headers=(("x-sluice-timeout-ms", "soon"),)),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    providers = {name: {"kind": "openai", "secret": f"sluice/{name}"} for name in (*TURNS, "locked")}
    with rig(tmp_path_factory.mktemp("one"), providers, attempts=1, environments=1) as running:
        yield running


@dataclass(frozen=True, slots=True)
class Size:
    """What a process has of what must not pile up."""

    files: int
    threads: int
    resident_bytes: int

    @classmethod
    def of(cls, pid: int) -> "Size":
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        resident = int(status["VmRSS"].split()[0]) * 1024
        return cls(len(list(Path(f"/proc/{pid}/fd").iterdir())), int(status["Threads"]), resident)


def made(case: Case, site: Rig, caller: Caller) -> Answer:
    provider = "locked" if case.model == "f-401" else next(IN_TURN)
    body: Any = {"model": f"{provider}/{case.model}", "messages": MESSAGES, "stream": case.streams}
    payload = b"" if case.method == "GET" else case.payload or json.dumps(body).encode()
    headers = site.signed(case.method, case.target, payload, dict(case.headers))
    caller.send(case.method, case.target, headers, payload)
    return Begun(caller).answer()


def came(answer: Answer) -> tuple[int, str | None, bool]:
    has_error = b'"error":' in answer.body.replace(b'"error": ', b'"error":')
    return answer.status, answer.error["code"] if has_error else None, b"[DONE]" in answer.body


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.fault("L09")
def test_three_hundred_calls_good_and_bad_leave_an_environment_as_it_was(site: Rig) -> None:
    order = Random(SEED).choices(CASES, k=CALLS - WARM_UP)
    pid = site.stack.environments[0].pid
    outcomes: dict[str, str | None] = {}

    def make(cases: tuple[Case, ...] | list[Case], caller: Caller) -> None:
        for case in cases:
            answer = made(case, site, caller)
            assert came(answer) == (case.status, case.code, case.is_done), case
            outcomes[answer.request_id] = case.outcome

    with site.connected() as caller:
        make((CASES * 2)[:WARM_UP], caller)
        before = settled_size(site, pid)
        make(order, caller)
        after = settled_size(site, pid)

    records = {one["request_id"]: one["outcome"] for one in site.settled_records()}
    assert len(outcomes) == CALLS
    assert {request_id: records.get(request_id) for request_id in outcomes} == outcomes
    assert [one.pid for one in site.stack.environments] == [pid]
    assert (after.threads, after.files) == (before.threads, before.files)
    assert after.resident_bytes - before.resident_bytes < MAX_GROWTH_BYTES


def settled_size(site: Rig, pid: int) -> Size:
    """What the process has when no call is on its way; the last one has left the connection of a good answer."""
    assert TEXT in text(site.ask("test-0/ok"))
    site.settled_records()
    return Size.of(pid)


def text(answer: Answer) -> str:
    lines = (line.removeprefix("data: ") for line in answer.body.decode().splitlines() if line.startswith("data: {"))
    choices = [choice for line in lines for choice in json.loads(line)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)
