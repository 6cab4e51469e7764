"""`sluice demo`: one call through the whole gateway on this machine, and the proof that it streamed and was booked.

It fails when the tokens did not come one by one, or when the ledger does not hold what they were.
"""

import argparse
import time

from sluice_cli import local_stack, record_text
from sluice_cli.arguments import Parser
from sluice_cli.arrivals import ASCII_BLOCKS, BLOCKS, Arrival, Arrivals, sparkline, timed
from sluice_cli.failure import CommandFailed
from sluice_cli.gateway import CHAT_COMPLETIONS, DEFAULT_MODEL, Gateway
from sluice_cli.ledger import Ledger, open_ledger
from sluice_cli.record import Record, tokens_in
from sluice_cli.terminal import Terminal
from sluice_devstack.stack import DevStack, StackOptions

PROMPT = "Hello! Tell me in two sentences what a sluice does to a stream."
MAX_TOKENS = 200  # of a real model's answer
SETTLE_SECONDS = 5.0
NEXT = (
    ("make dev", "the same stack, kept running; then `{program} chat` in another terminal"),
    ("make test", "all tests"),
    ("make build", "what `sam deploy --guided` brings to your own account; README.md has the three commands"),
)


def parser() -> Parser:
    return Parser(
        "demo",
        "Streams one call through the whole gateway on this machine, shows when each token arrived,\n"
        "and the ledger's record of the call. OpenAI is simulated unless OPENAI_API_KEY is set.",
        "sluice demo",
    )


def run(_options: argparse.Namespace, terminal: Terminal) -> int:
    key = local_stack.api_key(terminal.environ)
    upstream = "the real OpenAI (OPENAI_API_KEY found)" if key else "a simulated OpenAI"
    _step(
        terminal,
        1,
        "Start the function as Lambda does: exec wrapper, runtime layer, the table of template.yaml",
    )
    started = time.monotonic()
    with local_stack.running(StackOptions(openai_api_key=key, environments=1), terminal) as stack:
        pid = stack.environments[0].pid
        terminal.out.line(f"   ready in {time.monotonic() - started:.1f} s: environment {pid}, {upstream} behind it")
        _show(stack, terminal)
    _next(terminal)
    return 0


def _show(stack: DevStack, terminal: Terminal) -> None:
    _step(terminal, 2, f"Call its function URL: POST {CHAT_COMPLETIONS}, signed with SigV4 for the service lambda")
    request_id, arrivals = _call(stack, terminal)
    _step(terminal, 3, "When the tokens arrived: one mark per gap, its height the time since the token before")
    ramp = BLOCKS if terminal.out.has_blocks else ASCII_BLOCKS
    terminal.out.line(f"   {terminal.out.paint(sparkline(arrivals.gaps, ramp), 'cyan')}")
    if arrivals.complaint:
        raise CommandFailed(arrivals.complaint)
    terminal.out.line(f"   {arrivals.summary}")
    _step(terminal, 4, "What the ledger holds of it: reserved before the call left, settled after its last byte")
    found = booked(open_ledger(local_stack.site(stack), terminal.environ), request_id)
    terminal.out.line(record_text.whole(found, terminal.out))


def _call(stack: DevStack, terminal: Terminal) -> tuple[str, Arrivals]:
    """Prints the answer as it comes; the call's id and when its pieces came."""
    body = {
        "model": DEFAULT_MODEL,
        "messages": [{"role": "user", "content": PROMPT}],
        "max_tokens": MAX_TOKENS,
        "stream": True,
    }
    came: list[Arrival] = []
    terminal.out.line(terminal.out.paint(f"> {PROMPT}\n", "dim"))
    with Gateway.at(local_stack.site(stack)) as gateway:
        sent_at = time.monotonic()
        with gateway.completion(body) as completion:
            for text, arrival in timed(completion.texts(), time.monotonic):
                came.append(arrival)
                terminal.out.write(terminal.out.foreign(text))
    terminal.out.line()
    if not came:
        raise CommandFailed("the answer ended well and held no text at all")
    return completion.request_id, Arrivals(sent_at, tuple(came))


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


def _next(terminal: Terminal) -> None:
    terminal.out.line(terminal.out.paint("\nNext", "bold"))
    for command, what in NEXT:
        terminal.out.line(f"   {command:11} {what.format(program=terminal.program)}")
