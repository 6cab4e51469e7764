"""`sluice routes`: what the routes of a configuration mean, and where a deployed gateway would send a call."""

import argparse
import json
from collections.abc import Callable

from sluice_cli import explain, judgement_text
from sluice_cli.arguments import Parser, existing_file
from sluice_cli.configuration_check import checked, named_file
from sluice_cli.failure import CommandFailed, UsageError
from sluice_cli.site_options import add_url_options
from sluice_cli.terminal import Terminal

OF_EXPLAIN = ("surface", "body", "stack", "url", "region", "env_file")


def parser() -> Parser:
    made = Parser(
        "routes",
        "check starts the gateway once with FILE, on this machine, and shows its routes and their targets, or what is\n"
        "wrong; without FILE it takes gateway.toml or functions/gateway.toml of this folder. explain asks a deployed\n"
        "gateway where it would send a call of MODEL, in which order and why; no provider is called.",
        "sluice routes check gateway.toml",
    )
    add = made.add_argument
    add("action", nargs="?", choices=tuple(ACTIONS), metavar="|".join(ACTIONS), help="what to do")
    add("word", nargs="?", metavar="FILE|MODEL", help="the configuration; of explain a route or provider/model")
    kinds = f"of explain, the kind of call: {', '.join(explain.SURFACES)} (default {explain.DEFAULT_SURFACE})"
    add("--surface", choices=tuple(explain.SURFACES), metavar="KIND", help=kinds)
    add("--body", type=existing_file, metavar="FILE", help="of explain, the call's JSON in place of a short greeting")
    add("--json", action="store_true", help="one document")
    add_url_options(made)
    return made


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    if options.action is None:
        raise UsageError(f"say what to do: `sluice routes {'|'.join(ACTIONS)}`")
    return ACTIONS[options.action](options, terminal)


def check(options: argparse.Namespace, terminal: Terminal) -> int:
    for name in OF_EXPLAIN:
        if getattr(options, name) is not None:
            raise UsageError(f"`sluice routes check` asks no gateway; leave out --{name.replace('_', '-')}")
    judgement = checked(named_file(options.word), terminal)
    if options.json:
        found = judgement_text.verdict(judgement) | {"routes": judgement_text.routes_document(judgement)}
        terminal.out.line(json.dumps(found))
    elif judgement.error:
        raise CommandFailed(f"{judgement.path}: {judgement.error}")
    else:
        width = max(map(len, judgement.routes), default=0)
        lines = judgement_text.routes(judgement, width) if judgement.routes else ["  no routes; provider/model works"]
        terminal.out.line("\n".join([judgement_text.heading(judgement, terminal.out), *lines]))
    return 1 if judgement.error else 0


ACTIONS: dict[str, Callable[[argparse.Namespace, Terminal], int]] = {"check": check, "explain": explain.run}
