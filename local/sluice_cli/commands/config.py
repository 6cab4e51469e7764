"""`sluice config`: a gateway.toml judged, put in force without a deployment, and taken back."""

import argparse
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sluice_cli import aws, configuration_text, judgement_text
from sluice_cli.arguments import Parser, count
from sluice_cli.checks.credentials import caller
from sluice_cli.checks.provider_secrets import unreadable
from sluice_cli.configuration_check import check_version, checked, good_content, named_file
from sluice_cli.configurations import (
    DEPLOYED,
    MAX_COMMENT,
    Configurations,
    InForce,
    named,
    open_configurations,
)
from sluice_cli.failure import CommandFailed, UsageError
from sluice_cli.ledger import NO_TABLE
from sluice_cli.site import Site
from sluice_cli.site_options import add_table_options, table_site
from sluice_cli.terminal import Terminal
from sluice_cli.waiting import Waiting

DEFAULT_COUNT = 20
LIVE_SECONDS = 20
READING = "reading the table"
PLACE = {"stack", "table", "region", "env_file"}
OPTIONS = {  # what goes with each action, beside --json
    "check": {"word"},
    "push": {"word", "comment", "expect", *PLACE},
    "list": {"limit", *PLACE},
    "show": {"word", *PLACE},
    "rollback": {"to", "expect", *PLACE},
}


def parser() -> Parser:
    made = Parser(
        "config",
        "check starts the gateway once with FILE, on this machine, and says what it would serve or what is wrong.\n"
        "push does that too, and puts FILE in force in all environments of a deployed gateway within 30 s. list shows\n"
        "what was pushed, show prints a version, rollback puts the version before in force again. Without FILE, check\n"
        "takes gateway.toml or functions/gateway.toml of this folder. The table is that of --stack or --table, else\n"
        "of SLUICE_TABLE, else of a running dev stack.",
        "sluice config push gateway.toml --stack sluice-dev --comment 'a second region'",
    )
    add = made.add_argument
    add("action", nargs="?", choices=tuple(OPTIONS), metavar="|".join(OPTIONS), help="what to do")
    add("word", nargs="?", metavar="FILE|N", help="the configuration; of show a version (default the one in force)")
    add("--comment", type=comment, metavar="TEXT", help="of push: why, for whoever reads the list")
    add(
        "--to",
        type=version,
        metavar="N",
        help="of rollback: this version, or `deployed` for the file of the deployment",
    )
    add("--expect", type=version, metavar="N", help="of push and rollback: only where this is what is in force now")
    limit = f"of list: how many at most (default {DEFAULT_COUNT})"
    add("--limit", "-n", type=count, metavar="N", help=limit)
    add("--json", action="store_true", help="one document")
    add_table_options(made)
    return made


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    if options.action is None:
        raise UsageError(f"say what to do: `sluice config {'|'.join(OPTIONS)}`")
    for name, value in vars(options).items():
        if value is not None and name not in {"action", "json", *OPTIONS[options.action]}:
            word = f"argument {value!r}" if name == "word" else f"--{name.replace('_', '-')}"
            raise UsageError(f"`sluice config {options.action}` takes no {word}; leave it out")
    return ACTIONS[options.action](options, terminal)


def check(options: argparse.Namespace, terminal: Terminal) -> int:
    judgement = checked(named_file(options.word), terminal)
    if options.json:
        terminal.out.line(json.dumps(judgement_text.document(judgement)))
    elif judgement.error:
        raise CommandFailed(f"{judgement.path}: {judgement.error}")
    else:
        terminal.out.line(judgement_text.whole(judgement, terminal.out))
    return 1 if judgement.error else 0


def push(options: argparse.Namespace, terminal: Terminal) -> int:
    if options.word is None:
        raise UsageError("name the FILE to push")
    path, site, configurations = named_file(options.word), *opened(options, terminal)
    seen = expected(configurations, options.expect)
    content, judgement = good_content(path, terminal)
    warnings = list(secret_warnings(options, judgement.providers, terminal.environ))
    for warning in warnings:
        terminal.error.line(f"warning: {warning}")
    if configurations.holds(seen, content):
        return told(options, terminal, seen.version, seen, f"{path} is {named(seen.version)}, in force already")
    with Waiting(terminal.error, "pushing"):
        number = configurations.push(content, who(site, terminal.environ), options.comment or "", seen)
    text = f"{path} is version {number} and in force: calls that begin in {LIVE_SECONDS} s are served by it"
    return told(options, terminal, number, seen, f"{text}; it replaced {named(seen.version)}", warnings)


def rollback(options: argparse.Namespace, terminal: Terminal) -> int:
    site, configurations = opened(options, terminal)
    seen = expected(configurations, options.expect)
    number = options.to if options.to is not None else before(configurations, seen)
    if number == seen.version:
        return told(options, terminal, number, seen, f"{named(number)} is in force already")
    if number != DEPLOYED:
        check_version(number, configurations.text(number), terminal)
    configurations.put_in_force(number, who(site, terminal.environ), seen)
    text = f"{named(number)} is in force again: calls that begin in {LIVE_SECONDS} s are served by it"
    return told(options, terminal, number, seen, f"{text}; it replaced {named(seen.version)}")


def listed(options: argparse.Namespace, terminal: Terminal) -> int:
    _, configurations = opened(options, terminal)
    with Waiting(terminal.error, READING):
        found, versions = configurations.in_force(), configurations.newest(options.limit or DEFAULT_COUNT)
    if options.json:
        terminal.out.line(json.dumps(configuration_text.listing_document(found, versions, configurations.table)))
    else:
        terminal.out.line(configuration_text.listing(found, versions, terminal.out))
    return 0


def show(options: argparse.Namespace, terminal: Terminal) -> int:
    _, configurations = opened(options, terminal)
    number = shown_version(options.word) if options.word else configurations.in_force().version
    if number == DEPLOYED:
        raise CommandFailed("the deployed file is in force, which is not in the table; name a version")
    text = configurations.text(number)
    if options.json:
        found = configuration_text.version_document(configurations.version(number))
        terminal.out.line(json.dumps(found | {"toml": text}))
    else:
        terminal.out.write(terminal.out.foreign(text))
    return 0


ACTIONS: dict[str, Callable[[argparse.Namespace, Terminal], int]] = {
    "check": check,
    "push": push,
    "list": listed,
    "show": show,
    "rollback": rollback,
}


def opened(options: argparse.Namespace, terminal: Terminal) -> tuple[Site, Configurations]:
    site = table_site(options, terminal.environ)
    if not site.table:
        raise UsageError(NO_TABLE)
    return site, open_configurations(site, terminal.environ)


def expected(configurations: Configurations, number: int | None) -> InForce:
    """What is in force; raises CommandFailed where that is not what was expected."""
    seen = configurations.in_force()
    if number not in (None, seen.version):
        by = f", by {seen.by}" if seen.by else ""
        raise CommandFailed(f"{named(seen.version)} is in force{by}, and not {named(number)}; nothing was changed")
    return seen


def before(configurations: Configurations, seen: InForce) -> int:
    """What was in force when the version was pushed that is in force now."""
    if seen.version == DEPLOYED:
        raise CommandFailed("the deployed file is in force, and nothing is before it; choose a version with --to")
    found = configurations.before(seen)
    if found is None:
        raise CommandFailed(f"nothing says what was in force before {named(seen.version)}; choose it with --to")
    return found


def who(site: Site, environ: Mapping[str, str]) -> str:
    """The ARN of these credentials; for a dev stack, whose keys AWS does not know, the access key."""
    if site.credentials:
        return site.credentials.access_key
    found, _ = caller(aws.client("sts", site, environ))
    return found.arn if found else "unknown"


def secret_warnings(
    options: argparse.Namespace, providers: Mapping[str, Mapping[str, Any]], environ: Mapping[str, str]
) -> Iterable[str]:
    """Of secrets that the role of a deployed stack may not read."""
    if options.stack is None:
        return ()
    from sluice_cli.deployment import cloudformation, deployment  # boto3 takes a while

    found = deployment(cloudformation(options.region, environ), options.stack)
    prefix = found.parameters.get("SecretPrefix")
    return unreadable(providers, prefix) if prefix else ()


def told(
    options: argparse.Namespace,
    terminal: Terminal,
    number: int,
    seen: InForce,
    text: str,
    warnings: Iterable[str] = (),
) -> int:
    """Says what was done."""
    done = {
        "version": number,
        "replaced": seen.version,
        "changed": number != seen.version,
        "warnings": list(warnings),
    }
    terminal.out.line(json.dumps(done) if options.json else text)
    return 0


def comment(text: str) -> str:
    if len(text) > MAX_COMMENT or not text.isprintable():
        raise argparse.ArgumentTypeError(f"a comment is one line of at most {MAX_COMMENT} characters")
    return text


def version(text: str) -> int:
    """For argparse."""
    if text == "deployed":
        return DEPLOYED
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= 12 and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no version; `sluice config list` shows them, `deployed` is none")
    return int(text)


def shown_version(text: str) -> int:
    try:
        return version(text)
    except argparse.ArgumentTypeError as error:
        raise UsageError(str(error)) from error
