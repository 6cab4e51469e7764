"""`sluice keys`: virtual keys, made, listed, replaced and revoked with the operator's own rights on the table."""

import argparse
import json
import time
from collections.abc import Callable

from sluice_cli import key_terms, key_text
from sluice_cli.arguments import Parser
from sluice_cli.failure import CommandFailed, UsageError
from sluice_cli.key_item import StoredKey
from sluice_cli.key_terms import Terms
from sluice_cli.site_options import add_table_options, table_site
from sluice_cli.terminal import Terminal
from sluice_cli.virtual_keys import NewKey, VirtualKeys, open_keys
from sluice_cli.waiting import Waiting

DEFAULT_GRACE = "24h"
READING, WRITING = "reading the table", "writing to the table"
PLACE = {"stack", "table", "region", "env_file"}
TERMS = {"owner", "models", "budget", "strict", "overshoot", "rate", "tokens", "concurrent", "tag", "expires"}
OPTIONS = {  # what goes with each action, beside --json
    "create": {"word", *TERMS, *PLACE},
    "list": {"all", *PLACE},
    "show": {"word", *PLACE},
    "rotate": {"word", "grace", *PLACE},
    "revoke": {"word", "yes", *PLACE},
}


def parser() -> Parser:
    made = Parser(
        "keys",
        "create makes a virtual key and prints it, once and alone, on standard output; the table keeps its hash. list\n"
        "shows the keys that are good, show all that is known of one. rotate prints a new key in the place of the old\n"
        "one, which stays good for the grace. revoke ends a key at once and for good. Whoever calls with a key signs\n"
        "as before and sends it in x-sluice-key. The table is that of --stack or --table, else of SLUICE_TABLE, else\n"
        "of a running dev stack.",
        "sluice keys create search --owner ann@example.com --budget 10.00/month --expires 90d --stack sluice-dev",
    )
    add = made.add_argument
    add("action", nargs="?", choices=tuple(OPTIONS), metavar="|".join(OPTIONS), help="what to do")
    add("word", nargs="?", metavar="NAME|ID", help="the new key's name; of show, rotate and revoke its name or id")
    _add_terms(made)
    add("--all", action="store_true", default=None, help="of list: those that are expired or revoked too")
    grace = f"of rotate: how long the old key stays good, 0 for not at all (default {DEFAULT_GRACE})"
    add("--grace", type=key_terms.span, metavar="TIME", help=grace)
    add("--yes", "-y", action="store_true", default=None, help="of revoke: do not ask")
    add("--json", action="store_true", help="one document")
    add_table_options(made)
    return made


def _add_terms(made: Parser) -> None:
    """What goes with create alone."""
    add = made.add_argument
    add("--owner", type=key_terms.owner, metavar="WHO", help="of create: whose it is, such as an e-mail address")
    models = "of create: the only models it may use, patterns with commas between (default all that policies allow)"
    add("--models", type=key_terms.models, action="append", metavar="A,B", help=models)
    budget = "of create: what it may cost in a day, week, month or in total; one for each window"
    add("--budget", type=key_terms.budget, action="append", metavar="USD/WINDOW", help=budget)
    strict = "of create: hold the most that each call can cost, so that no budget is ever overrun"
    add("--strict", action="store_true", default=None, help=strict)
    overshoot = "of create: by how much calls under way may overrun a budget (default as much as the budget)"
    add("--overshoot", type=key_terms.overshoot, metavar="USD|PERCENT", help=overshoot)
    add("--rate", type=key_terms.requests, metavar="N/min", help="of create: requests in a minute")
    add("--tokens", type=key_terms.tokens, metavar="N/min", help="of create: tokens in a minute")
    add("--concurrent", type=key_terms.concurrent, metavar="N", help="of create: calls at once")
    tag = "of create: a tag that policies and budgets may name, as in team=search; several"
    add("--tag", type=key_terms.tag, action="append", metavar="NAME=VALUE", help=tag)
    expires = "of create: when it ends, as in 90d or 2027-01-01 (UTC) (default never)"
    add("--expires", type=key_terms.expiry, metavar="WHEN", help=expires)


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    if options.action is None:
        raise UsageError(f"say what to do: `sluice keys {'|'.join(OPTIONS)}`")
    for name, value in vars(options).items():
        if value is not None and name not in {"action", "json", *OPTIONS[options.action]}:
            word = f"argument {value!r}" if name == "word" else f"--{name.replace('_', '-')}"
            raise UsageError(f"`sluice keys {options.action}` takes no {word}; leave it out")
    return ACTIONS[options.action](options, terminal)


def create(options: argparse.Namespace, terminal: Terminal) -> int:
    terms, keys = Terms.of(options), opened(options, terminal)
    with Waiting(terminal.error, WRITING):
        made = keys.create(terms)
    return told(options, terminal, made, key_text.created(made.stored))


def listed(options: argparse.Namespace, terminal: Terminal) -> int:
    keys, now = opened(options, terminal), time.time()
    with Waiting(terminal.error, READING):
        found = [one for one in keys.all() if options.all or one.is_good(now)]
    if options.json:
        documents = [key_text.document(one, now) for one in found]
        terminal.out.line(json.dumps({"table": keys.table, "keys": documents}))
    elif found:
        terminal.out.line(key_text.listing(found, now, terminal.out))
    if not found:
        terminal.error.line(f"no keys in table {keys.table}{'' if options.all else ' that are good'}")
    return 0


def show(options: argparse.Namespace, terminal: Terminal) -> int:
    found, now = chosen(options, terminal)[1], time.time()
    if options.json:
        terminal.out.line(json.dumps(key_text.document(found, now)))
    else:
        terminal.out.line(key_text.whole(found, now, terminal.out))
    return 0


def rotate(options: argparse.Namespace, terminal: Terminal) -> int:
    keys, found = chosen(options, terminal)
    if not found.is_good(time.time()):
        raise CommandFailed(
            f"the key {found.id} is {found.state(time.time())}; make a new one with `sluice keys create`"
        )
    grace = options.grace if options.grace is not None else key_terms.span(DEFAULT_GRACE)
    with Waiting(terminal.error, WRITING):
        made = keys.rotate(found, grace)
    return told(options, terminal, made, key_text.rotated(made.stored))


def revoke(options: argparse.Namespace, terminal: Terminal) -> int:
    keys, found = chosen(options, terminal)
    called = f"key {found.id}, {found.terms.name}, of {found.terms.owner}"
    if not found.is_revoked:
        confirm(options, terminal, called)
        with Waiting(terminal.error, WRITING):
            found = keys.revoke(found)
        said = f"{called}, is revoked: no call that begins from now on is let in with it"
    else:
        said = f"{called}, is revoked already"
    if options.json:
        terminal.out.line(json.dumps(key_text.document(found, time.time())))
    else:
        terminal.out.line(terminal.out.foreign(said))
    return 0


ACTIONS: dict[str, Callable[[argparse.Namespace, Terminal], int]] = {
    "create": create,
    "list": listed,
    "show": show,
    "rotate": rotate,
    "revoke": revoke,
}


def opened(options: argparse.Namespace, terminal: Terminal) -> VirtualKeys:
    return open_keys(table_site(options, terminal.environ), terminal.environ)


def chosen(options: argparse.Namespace, terminal: Terminal) -> tuple[VirtualKeys, StoredKey]:
    if options.word is None:
        raise UsageError(f"name the key: `sluice keys {options.action} NAME`, or its id")
    keys = opened(options, terminal)
    with Waiting(terminal.error, READING):
        return keys, keys.find(options.word)


def confirm(options: argparse.Namespace, terminal: Terminal, called: str) -> None:
    """Raises where somebody says no, or nobody can be asked."""
    if options.yes:
        return
    if not terminal.input.isatty():
        raise UsageError("a key is revoked for good, and nobody is here to be asked; add --yes")
    try:
        answer = terminal.ask(f"revoke {terminal.out.foreign(called)}, for good? [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise CommandFailed("nothing was revoked")


def told(options: argparse.Namespace, terminal: Terminal, made: NewKey, said: str) -> int:
    """The key alone on standard output, so that a shell can take it; everything else on the other."""
    if options.json:
        terminal.out.line(json.dumps(key_text.document(made.stored, time.time()) | {"key": made.key}))
    else:
        terminal.out.line(made.key)
        terminal.error.line(terminal.error.foreign(said))
    return 0
