"""`sluice`: picks the command and turns every expected failure into one line and an exit code.

0: done. 1: it did not work. 2: it was asked for wrongly. 130: Ctrl-C. 141: nobody reads the output any more.
A command's module is loaded when it is asked for, since boto3 and moto cost more than all the rest.
"""

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from sluice_cli.arguments import Parser
from sluice_cli.failure import CommandFailed, UsageError
from sluice_cli.terminal import Terminal
from sluice_cli.version import version

COMMANDS = {
    "demo": "stream one call through the whole gateway on this machine, and show its record",
    "dev": "run the gateway on this machine until Ctrl-C, one line per call",
    "chat": "ask a model through the gateway and watch the answer arrive",
    "logs": "read the ledger: the newest calls, one call whole, or calls as they end",
    "usage": "add up the ledger: calls, tokens and cost by day, model, principal and more",
    "budgets": "show what is spent of each budget, by whom, and what is left",
    "keys": "make, list, rotate and revoke virtual keys, with their models, budgets and rates",
    "connect": "print a program that calls the gateway: OpenAI SDKs, LangChain, Vercel AI SDK, curl",
    "proxy": "sign and forward for tools that know only a base URL and a key",
    "doctor": "say what is wrong with a gateway, from credentials to clock, and what to do",
    "config": "check a gateway.toml, put it in force without a deployment, and take it back",
    "routes": "show the routes of a gateway.toml, or ask a gateway where it would send a call",
    "prove": "say what a gateway, any, makes of a provider that misbehaves",
}
HELP = ("-h", "--help", "help")
VERSION = ("-V", "--version", "version")
INTERRUPTED, PIPE_CLOSED = 130, 141


class Command(Protocol):
    """What a module in sluice_cli/commands offers."""

    def parser(self) -> Parser: ...

    def run(self, options: argparse.Namespace, terminal: Terminal) -> int: ...


def main(argv: Sequence[str] | None = None, terminal: Terminal | None = None) -> int:
    words = sys.argv[1:] if argv is None else list(argv)
    shown = terminal or Terminal.standard()
    name = f"sluice {words[0]}" if words and words[0] in COMMANDS else "sluice"
    try:
        code = _run(words, shown)
        shown.out.stream.flush()
    except (CommandFailed, UsageError) as failure:
        shown.error.line(f"{name}: {shown.error.foreign(str(failure))}")
        return 2 if isinstance(failure, UsageError) else 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more at its end
        return PIPE_CLOSED
    return code


def usage() -> str:
    commands = "\n".join(f"  {name:7} {summary}" for name, summary in COMMANDS.items())
    return f"""usage: sluice COMMAND [options]

{commands}

example:
  sluice dev, then in another terminal: sluice chat "Hello"

`sluice COMMAND --help` tells more; `sluice --version` says which this is."""


def _run(words: Sequence[str], terminal: Terminal) -> int:
    if not words or words[0] in HELP:
        terminal.out.line(usage())
        return 0 if words else 2
    if words[0] in VERSION:
        terminal.out.line(f"sluice {version()}")
        return 0
    command = _command(words[0])
    try:
        options = command.parser().read(words[1:])
    except SystemExit:  # --help has been printed
        return 0
    return command.run(options, terminal)


def _command(name: str) -> Command:
    if name not in COMMANDS:
        close = difflib.get_close_matches(name, COMMANDS, 1)
        right = f"did you mean {close[0]}?" if close else f"commands: {', '.join(COMMANDS)}"
        raise UsageError(f"unknown command {name!r}; {right}")
    return cast(Command, importlib.import_module(f"sluice_cli.commands.{name}"))


if __name__ == "__main__":
    sys.exit(main())
