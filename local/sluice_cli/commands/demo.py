"""`sluice demo`: two calls through the whole gateway on this machine, and the proof that they streamed and were booked.

One asks OpenAI for a chat completion, one asks Bedrock by boto3's own client. It fails when the tokens of either did
not come one by one, or when the ledger does not hold what they were.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from sluice_cli import local_stack, record_text
from sluice_cli.arguments import Parser
from sluice_cli.arrivals import ASCII_BLOCKS, BLOCKS, Arrival, Arrivals, sparkline, timed
from sluice_cli.converse import bedrock_runtime, converse
from sluice_cli.failure import CommandFailed
from sluice_cli.gateway import CHAT_COMPLETIONS, DEFAULT_MODEL, Gateway
from sluice_cli.ledger import Ledger, open_ledger
from sluice_cli.recipe import BEDROCK_MODEL
from sluice_cli.record import Record, tokens_in
from sluice_cli.site import Site
from sluice_cli.terminal import Terminal
from sluice_devstack.stack import StackOptions

MAX_TOKENS = 200  # of a real model's answer
SETTLE_SECONDS = 5.0
SHOWN = (
    "principal",
    "surface",
    "operation",
    "provider",
    "model",
    "status",
    "outcome",
    "usage",
    "usage_source",
    "cost",
    "cost_bound",
    "time_to_first_chunk_ms",
    "duration_ms",
    "provider_request_id",
)
NEXT = (
    ("make dev", "the same stack, kept running; then `{program} chat` and `logs` in another terminal"),
    ("make test", "all tests"),
    ("make build", "what `sam deploy --guided` brings to your own account; README.md has the three commands"),
)


class Answer(Protocol):
    """What is iterated once, and the call's id."""

    request_id: str

    def texts(self) -> Iterator[str]: ...


@dataclass(frozen=True, slots=True)
class Show:
    """One call of the demo: how it is told, what is asked, and what opens its answer."""

    title: str
    prompt: str
    opened: Callable[[Site, str], AbstractContextManager[Answer]]


@contextmanager
def _chat(site: Site, prompt: str) -> Iterator[Answer]:
    message = {"role": "user", "content": prompt}
    body = {"model": DEFAULT_MODEL, "messages": [message], "max_tokens": MAX_TOKENS, "stream": True}
    with Gateway.at(site) as gateway, gateway.completion(body) as completion:
        yield completion


def _converse(site: Site, prompt: str) -> AbstractContextManager[Answer]:
    message = {"role": "user", "content": [{"text": prompt}]}
    limit = {"maxTokens": MAX_TOKENS}
    return converse(bedrock_runtime(site), modelId=BEDROCK_MODEL, messages=[message], inferenceConfig=limit)


SHOWS = (
    Show(
        f"OpenAI: POST {CHAT_COMPLETIONS} for {DEFAULT_MODEL}, signed with SigV4 for the service lambda",
        "Hello! Tell me in two sentences what a sluice does to a stream.",
        _chat,
    ),
    Show(
        f"Bedrock: boto3's converse_stream of {BEDROCK_MODEL}, signed by sluice_client.attach",
        "Write a poem about a gate in a stream.",
        _converse,
    ),
)


def parser() -> Parser:
    return Parser(
        "demo",
        "Streams two calls through the whole gateway on this machine, one to OpenAI and one, by boto3, to Bedrock.\n"
        "Shows when each token arrived, and the ledger's record of each call. OpenAI is simulated unless\n"
        "OPENAI_API_KEY is set, Bedrock always.",
        "sluice demo",
    )


def run(_options: argparse.Namespace, terminal: Terminal) -> int:
    key = local_stack.api_key(terminal.environ)
    upstream = "the real OpenAI (OPENAI_API_KEY found)" if key else "a simulated OpenAI"
    _step(terminal, 1, "Start the function as Lambda does: exec wrapper, runtime layer, the table of template.yaml")
    started = time.monotonic()
    with local_stack.running(StackOptions(openai_api_key=key, environments=1, rollup=True), terminal) as stack:
        ready = f"ready in {time.monotonic() - started:.1f} s: environment {stack.environments[0].pid}"
        terminal.out.line(f"   {ready}, behind it {upstream} and a simulated Bedrock")
        site = local_stack.site(stack)
        ledger = open_ledger(site, terminal.environ)
        for number, show in enumerate(SHOWS, 2):
            _step(terminal, number, show.title)
            _run(show, site, ledger, terminal)
    _next(terminal)
    return 0


def _run(show: Show, site: Site, ledger: Ledger, terminal: Terminal) -> None:
    request_id, arrivals = _call(show, site, terminal)
    _tell(terminal, "When the tokens arrived: one mark per gap, its height the time since the token before")
    ramp = BLOCKS if terminal.out.has_blocks else ASCII_BLOCKS
    terminal.out.line(f"   {terminal.out.paint(sparkline(arrivals.gaps, ramp), 'cyan')}")
    if arrivals.complaint:
        raise CommandFailed(arrivals.complaint)
    terminal.out.line(f"   {arrivals.summary}")
    _tell(terminal, "What the ledger holds of it: reserved before the call left, settled after its last byte")
    found = booked(ledger, request_id)
    terminal.out.line(record_text.part(found, SHOWN, terminal.out))


def _call(show: Show, site: Site, terminal: Terminal) -> tuple[str, Arrivals]:
    """Prints the answer as it comes; the call's id and when its pieces came."""
    came: list[Arrival] = []
    terminal.out.line(terminal.out.paint(f"> {show.prompt}\n", "dim"))
    sent_at = time.monotonic()
    with show.opened(site, show.prompt) as answer:
        for text, arrival in timed(answer.texts(), time.monotonic):
            came.append(arrival)
            terminal.out.write(terminal.out.foreign(text))
    terminal.out.line()
    if not came:
        raise CommandFailed("the answer ended well and held no text at all")
    return answer.request_id, Arrivals(sent_at, tuple(came))


def booked(ledger: Ledger, request_id: str, timeout_seconds: float = SETTLE_SECONDS) -> Record:
    """The settled record of the call; raises CommandFailed for any other."""
    found = ledger.find_ended(request_id, timeout_seconds)
    if found is None:
        raise CommandFailed(f"the ledger has no record of call {request_id or 'without x-request-id'}")
    if complaint := _complaint(found):
        raise CommandFailed(f"the record of call {request_id} is not what it should be: {complaint}")
    return found


def _complaint(found: Record) -> str:
    if found["status"] != "settled":
        return f"it is {found['status']}, not settled"
    if found["outcome"] != "complete":
        return f"its outcome is {found['outcome']}, not complete"
    if not tokens_in(found) or not found["usage"]["output"]:
        return "its usage is missing"
    return ""


def _step(terminal: Terminal, number: int, text: str) -> None:
    terminal.out.line(terminal.out.paint(f"\n{number}. {text}", "bold"))


def _tell(terminal: Terminal, text: str) -> None:
    terminal.out.line(terminal.out.paint(f"\n   {text}", "dim"))


def _next(terminal: Terminal) -> None:
    terminal.out.line(terminal.out.paint("\nNext", "bold"))
    for command, what in NEXT:
        terminal.out.line(f"   {command:11} {what.format(program=terminal.program)}")
