"""`sluice prove`: what any OpenAI-compatible gateway makes of a provider that misbehaves."""

import argparse
import errno
import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sluice_cli.arguments import Parser, assignment, port
from sluice_cli.failure import CommandFailed, UsageError
from sluice_cli.site import Sources, checked_url, is_loopback
from sluice_cli.table_text import cut
from sluice_cli.terminal import Screen, Terminal
from sluice_cli.waiting import Waiting
from sluice_client import FunctionUrlAuth, SigningError
from sluice_prove.caller import Auth, Caller, Unreachable
from sluice_prove.catalogue import CASES, SCRIPTS, Case, Target
from sluice_prove.judge import Judged, Verdict
from sluice_prove.proof import CONTROL, Gateway, Proof
from sluice_prove.provider import FaultProvider

TIMEOUT_SECONDS, STALL_SECONDS, MAX_SECONDS = 12.0, 40.0, 900.0
AGAIN_SECONDS = 1.0
STYLES = {
    Verdict.HONEST: "green",
    Verdict.LATE: "yellow",
    Verdict.LEAKING: "red",
    Verdict.LYING: "red",
    Verdict.SKIPPED: "dim",
}
WELL = (Verdict.HONEST, Verdict.SKIPPED)
ID_WIDTH = max(len(case.id) for case in CASES)
FAULT_WIDTH = max(len(case.fault) for case in CASES)
VERDICT_WIDTH = max(map(len, Verdict))
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


@dataclass(frozen=True, slots=True)
class Options:
    """What was typed."""

    url: str
    model_prefix: str
    refused_model: str | None
    dns_model: str | None
    bedrock_prefix: str | None
    api_key: str | None
    header: list[tuple[str, str]]
    sigv4: bool
    region: str | None
    env_file: Path | None
    listen: int
    wait: float
    timeout: float
    stall: float
    fault: list[str]
    json: bool

    @property
    def cases(self) -> list[Case]:
        return [case for case in CASES if not self.fault or case.fault in self.fault]

    @property
    def headers(self) -> dict[str, str]:
        key = {"authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        return {**key, **{name.lower(): value for name, value in self.header}}

    @property
    def models(self) -> dict[Target, str]:
        prefixes = {Target.CHAT: self.model_prefix, Target.BEDROCK: self.bedrock_prefix}
        names = {Target.CLOSED_PORT: self.refused_model, Target.NO_HOST: self.dns_model}
        patterns = {target: f"{prefix}{{fault}}" for target, prefix in prefixes.items() if prefix is not None}
        return patterns | {target: name for target, name in names.items() if name is not None}


def parser() -> Parser:
    made = Parser(
        "prove",
        "Runs a provider that misbehaves, calls it through the gateway at --url, any that speaks OpenAI's chat\n"
        "completions, and gives a verdict on each fault: honest, late, leaking (a provider's secret got out) or lying\n"
        "(a broken answer was shown as whole, or altered). The gateway has to have a provider at the address that is\n"
        "printed, with any key; the model's name picks the fault. Exit code 1 unless all is honest.",
        "sluice prove --url http://127.0.0.1:4000/v1 --listen 9191 --api-key sk-fake-1234",
    )
    add = made.add_argument
    add("--url", help="the gateway, as the base_url of an OpenAI SDK; without a path /v1 is added")
    add("--listen", type=port, default=0, metavar="PORT", help="where the fault provider is, 0 for any (default 0)")
    awaited = "how long the gateway may take to call it first (default 0)"
    add("--wait", type=seconds, default=0.0, metavar="S", help=awaited)
    add("--model-prefix", default="", metavar="TEXT", help="what stands before a fault in a model's name, as prove/")
    add("--bedrock-prefix", metavar="TEXT", help="the same for a Bedrock at that address; else its faults are skipped")
    add("--refused-model", metavar="MODEL", help="a model of a provider at a closed port; else f-refused is skipped")
    add("--dns-model", metavar="MODEL", help="a model of a provider whose host does not exist; else f-dns is skipped")
    add("--api-key", metavar="KEY", help="sent as a bearer token")
    sent = "sent with each call; repeatable"
    add("--header", type=header, action="append", default=[], metavar="NAME=VALUE", help=sent)
    add("--sigv4", action="store_true", help="sign for a function URL, with AWS credentials found as everywhere")
    add("--region", help="the one to sign for, where the URL does not name it")
    add("--env-file", type=Path, metavar="FILE", help="the env file of a `sluice dev`, to sign for it")
    timeout = f"what the gateway has as its timeout of first byte and silence (default {TIMEOUT_SECONDS:g})"
    add("--timeout", type=seconds, default=TIMEOUT_SECONDS, metavar="S", help=timeout)
    stall = f"how long a silent provider is silent; longer than --timeout (default {STALL_SECONDS:g})"
    add("--stall", type=seconds, default=STALL_SECONDS, metavar="S", help=stall)
    add("--fault", action="append", default=[], type=fault, metavar="NAME", help="only this row; repeatable")
    add("--json", action="store_true", help="one document: url, timeout_seconds, rows")
    return made


def seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number <= MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is no time in seconds; use 0 to {MAX_SECONDS:g}")
    return number


def header(text: str) -> tuple[str, str]:
    name, value = assignment(text)
    if not HEADER_NAME.fullmatch(name) or not (value.isascii() and value.isprintable()):
        raise argparse.ArgumentTypeError(f"{text!r} is no header; use NAME=VALUE, as x-team=search")
    return name, value


def fault(text: str) -> str:
    if text not in {case.fault for case in CASES}:
        raise argparse.ArgumentTypeError(f"unknown fault {text!r}; faults: {', '.join(case.fault for case in CASES)}")
    return text


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    if options.url is None:
        raise UsageError("no gateway named; use --url")
    chosen = Options(**vars(options))
    if chosen.stall <= chosen.timeout:
        raise UsageError(f"--stall has to be longer than --timeout ({chosen.timeout:g} s), or nothing times out")
    url = base_url(chosen.url)
    with ExitStack() as exits:
        exits.enter_context(_translated(url))
        caller = exits.enter_context(_caller(chosen, url, terminal.environ))
        proof = Proof(_gateway(chosen), caller, _started(chosen, exits))
        terminal.error.line(wanted(chosen, proof.provider))
        _reach(proof, chosen.wait, terminal.error)
        rows = list(_shown(proof, chosen, terminal))
    terminal.out.line(document(url, chosen, rows) if chosen.json else summary(rows, terminal.out))
    return int(any(row.verdict not in WELL for row in rows))


def base_url(text: str) -> str:
    """What OpenAI's SDKs call so; raises UsageError for what is no URL of a gateway."""
    checked, path = checked_url(text), urlsplit(text).path.rstrip("/")
    return f"{checked}/v1" if path in ("", "/v1") or path.endswith("/v1") else checked


def own_secrets(options: Options) -> frozenset[str]:
    """What callers send themselves, with every word of it: that a provider repeats it gives nothing away."""
    values = [value for _, value in options.header]
    return frozenset([word for value in values for word in re.findall(r"[\w.:/+=-]+", value)] + [options.api_key or ""])


def wanted(options: Options, provider: FaultProvider) -> str:
    """What the gateway's owner has to set."""
    bedrock = f", Bedrock at {provider.address}" if options.bedrock_prefix is not None else ""
    model = options.model_prefix + "f-trunc"
    waits = f"a timeout of {options.timeout:g} s for first byte and silence"
    return (
        f"the fault provider: OpenAI at {provider.url}{bedrock}\nwanted of the gateway: models such as {model}, {waits}"
    )


def line(row: Judged, screen: Screen) -> str:
    """One row; on a terminal what came out is cut to its width."""
    told = "; ".join(part for part in (row.came_out, row.reason) if part)
    start = f"{row.case.id:{ID_WIDTH}}  {row.case.fault:{FAULT_WIDTH}}  "
    verdict = screen.paint(f"{row.verdict:{VERDICT_WIDTH}}", STYLES[row.verdict])
    room = None if screen.width is None else max(0, screen.width - 1 - len(start) - VERDICT_WIDTH - 11)
    shown = screen.foreign(told if room is None else cut(told, room) if room else "")
    return f"{start}{verdict}  {row.seconds:5.1f} s  {shown}".rstrip()


def summary(rows: Sequence[Judged], screen: Screen) -> str:
    found = [row.verdict for row in rows]
    return screen.paint(", ".join(f"{found.count(each)} {each}" for each in Verdict if each in found), "bold")


def document(url: str, options: Options, rows: Sequence[Judged]) -> str:
    return json.dumps({"url": url, "timeout_seconds": options.timeout, "rows": list(map(_fields, rows))}, indent=2)


def _fields(row: Judged) -> dict[str, object]:
    return {
        "id": row.case.id,
        "fault": row.case.fault,
        "provider": row.case.does,
        "came_out": row.came_out,
        "verdict": str(row.verdict),
        "reason": row.reason,
        "status": row.status,
        "seconds": round(row.seconds, 3),
        "attempts": row.attempts,
    }


def _shown(proof: Proof, options: Options, terminal: Terminal) -> Iterator[Judged]:
    """Each row, told as soon as it is judged."""
    for case in options.cases:
        with Waiting(terminal.error, f"{case.fault}: {case.does}"):
            row = proof.row(case)
        if not options.json:
            terminal.out.line(line(row, terminal.out))
        yield row


def _reach(proof: Proof, wait_seconds: float, screen: Screen) -> None:
    """Raises CommandFailed unless a call through the gateway comes to the fault provider in time."""
    until = time.monotonic() + wait_seconds
    with Waiting(screen, "awaiting that the gateway calls the fault provider"):
        while (answer := proof.control()) is not None:
            if time.monotonic() >= until:
                said = f"{answer.status} {answer.body[:200].decode('utf-8', 'replace')}".strip()
                model = proof.gateway.model(CONTROL)
                raise CommandFailed(f"the gateway did not call {proof.provider.url} for the model {model}: {said}")
            time.sleep(AGAIN_SECONDS)


def _gateway(options: Options) -> Gateway:
    return Gateway(options.models, options.timeout, options.stall, own_secrets(options))


def _started(options: Options, exits: ExitStack) -> FaultProvider:
    provider = FaultProvider(SCRIPTS, options.stall, f"sk-fake-canary-{secrets.token_hex(16)}", options.listen)
    try:
        return exits.enter_context(provider)
    except OSError as error:
        taken = f"port {options.listen} is taken; choose another with --listen, or 0 for any free one"
        raise CommandFailed(taken if error.errno == errno.EADDRINUSE else f"cannot listen: {error}") from error


def _caller(options: Options, url: str, environ: Mapping[str, str]) -> Caller:
    direct = is_loopback(urlsplit(url).hostname)
    return Caller(url, options.headers, _auth(options, environ), direct)


def _auth(options: Options, environ: Mapping[str, str]) -> Auth | None:
    if not options.sigv4 and options.env_file is None:
        return None
    site = Sources(environ, options.env_file).by_url(options.url)
    return FunctionUrlAuth(options.region or site.region, site.credentials)


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except SigningError as error:
        raise CommandFailed(str(error)) from error
    except Unreachable as error:
        raise CommandFailed(f"{url} cannot be reached ({error}); is the gateway running?") from error
