"""`sluice doctor`: what is wrong with a gateway, and what to do about it."""

import argparse
from dataclasses import replace
from pathlib import Path

from sluice_cli.arguments import Parser, existing_file
from sluice_cli.checks.finding import Finding, Verdict
from sluice_cli.diagnosis import Diagnosis, Subject, document
from sluice_cli.failure import UsageError
from sluice_cli.judgement import found_in
from sluice_cli.site import Site, Sources
from sluice_cli.terminal import Screen, Terminal
from sluice_cli.waiting import Waiting

STYLES = {Verdict.OK: "green", Verdict.PROBLEM: "red", Verdict.NOT_CHECKED: "yellow"}
SEVERAL = {Verdict.PROBLEM: "problems"}
CHECK_WIDTH = 17
VERDICT_WIDTH = max(map(len, Verdict))
NO_GATEWAY = "no gateway named; use --stack, --url or --table, or run `sluice dev` in another terminal"


def parser() -> Parser:
    made = Parser(
        "doctor",
        "Looks at configuration, credentials, URL, permissions, clock, table, secrets and Bedrock of the gateway of\n"
        "--stack, or of --url and --table, else of SLUICE_URL and SLUICE_TABLE, else of a running dev stack. Says of\n"
        "each what is wrong and what to do, changes nothing, and never shows a key. Exit code 1 if something is wrong.",
        "sluice doctor --stack sluice-dev",
    )
    add = made.add_argument
    add("--stack", metavar="NAME", help="a deployed stack: its outputs say where everything is")
    add("--url", help="the gateway's URL")
    add("--table", help="the ledger's table")
    add("--region", help="the region, where AWS_REGION does not say it")
    add("--env-file", type=Path, metavar="FILE", help="the env file of a `sluice dev`")
    add("--config", type=existing_file, metavar="FILE", help="the gateway.toml (default that of this folder)")
    add("--json", action="store_true", help="one document: ok, findings")
    return made


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    diagnosis = Diagnosis(subject(options, terminal), terminal.environ)
    findings: list[Finding] = []
    for what, look in diagnosis.steps():
        with Waiting(terminal.error, f"looking at {what}"):
            found = [diagnosis.placed(each) for each in look()]
        findings += found
        if not options.json:
            terminal.out.write("".join(f"{line(each, terminal.out)}\n" for each in found))
    if options.json:
        terminal.out.line(document(findings))
    else:
        terminal.out.line(summary(findings, terminal.out))
    return int(any(each.verdict == Verdict.PROBLEM for each in findings))


def subject(options: argparse.Namespace, terminal: Terminal) -> Subject:
    config = options.config or found_in(Path())
    if options.stack:
        for name in ("url", "table", "env_file"):
            if getattr(options, name) is not None:
                raise UsageError(f"--stack says where it is; leave out --{name.replace('_', '-')}, or --stack")
        return Subject(Site(region=options.region), options.stack, config)
    site = _site(options, terminal)
    if site.url is None and site.table is None:
        raise UsageError(NO_GATEWAY)
    return Subject(site, None, config)


def line(found: Finding, screen: Screen) -> str:
    verdict = screen.paint(f"{found.verdict:{VERDICT_WIDTH}}", STYLES[found.verdict])
    return f"{verdict}  {found.check:{CHECK_WIDTH}}  {screen.foreign(found.line)}"


def summary(findings: list[Finding], screen: Screen) -> str:
    counts = {verdict: sum(each.verdict == verdict for each in findings) for verdict in Verdict}
    said = ", ".join(f"{number} {_counted(verdict, number)}" for verdict, number in counts.items() if number)
    return screen.paint(said, "bold")


def _counted(verdict: Verdict, number: int) -> str:
    return SEVERAL.get(verdict, verdict) if number > 1 else verdict


def _site(options: argparse.Namespace, terminal: Terminal) -> Site:
    """By the URL where one is named, else by the table; what the other option says is added."""
    sources = Sources(terminal.environ, options.env_file)
    if options.url is None and options.table is not None:
        return sources.by_table(options.table, options.region)
    site = sources.by_url(options.url)
    return replace(site, table=options.table or site.table, region=options.region or site.region)
