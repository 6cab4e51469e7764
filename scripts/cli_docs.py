"""Writes docs/cli.md from the commands' own help, so that the page cannot say anything else. `make docs` runs it.

The text of an option is the one that `--help` shows; only the layout is our own, since argparse's differs between
versions of Python.
"""

import argparse
import importlib
import textwrap
from collections.abc import Iterator
from pathlib import Path

from sluice_cli.__main__ import COMMANDS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cli.md"
WIDTH = 118
HEAD = """# The command line

Written by `make docs` from the help texts of `sluice`; change those, not this page.

`make demo` puts `sluice` into `.venv/bin`; `pip install .` puts it where your other programs are.

- `sluice COMMAND --help` explains a command.
- `sluice --version` says which Sluice this is.

## Which gateway

A command takes the gateway that it is told: `--stack NAME` asks CloudFormation for the outputs of a deployed stack,
`--url` and `--table` name its parts. Without them the environment counts, `SLUICE_URL` and `SLUICE_TABLE`, and then a
`sluice dev` that runs on this machine. AWS credentials are found as everywhere: `AWS_PROFILE`, variables, SSO.

A running `sluice dev` has its own credentials, in its env file (`build/dev.env`). A second one beside it writes
another file, such as `build/dev-9000.env`, and says so; `--env-file` chooses between them.

## What it prints

Answers go to standard output, everything else to standard error, and a failure is one line that says what would be
right. Elsewhere than on a terminal there is no colour, no progress and no line is cut.

| variable | effect |
| --- | --- |
| `NO_COLOR` | no colour, if it is not empty ([no-color.org](https://no-color.org)) |
| `FORCE_COLOR` | colour also elsewhere than on a terminal, if it is not empty and `NO_COLOR` does not forbid it |
| `COLUMNS` | the width, in place of the terminal's own |

On a narrow terminal a table leaves out the columns that say least, and names what it left out.

| exit code | meaning |
| --- | --- |
| 0 | done |
| 1 | it did not work, or something is wrong |
| 2 | it was asked for wrongly |
| 130 | Ctrl-C |
| 141 | whoever read the output has gone |
"""


def page() -> str:
    return "\n".join([HEAD, *map(_command, COMMANDS)])


def _command(name: str) -> str:
    parser: argparse.ArgumentParser = importlib.import_module(f"sluice_cli.commands.{name}").parser()
    actions = [action for action in parser._actions if action.dest != "help"]
    lines = [f"## sluice {name}", ""]
    lines += [*_wrapped(" ".join((parser.description or "").split()), ""), ""]
    lines += ["```sh", str(parser.epilog).partition("\n")[2].strip(), "```", ""]
    for action in actions:
        lines += _wrapped(f"- {_names(action)}: {action.help}", "  ")
    return "\n".join([*lines, ""] if actions else lines)


def _names(action: argparse.Action) -> str:
    """``--limit N`, `-n N``; the word itself where it is no option."""
    word = str(action.metavar or action.dest.upper()) if action.nargs != 0 else ""
    shown = [f"{name} {word}".strip() for name in action.option_strings] or [word]
    return ", ".join(f"`{each}`" for each in shown)


def _wrapped(text: str, indent: str) -> Iterator[str]:
    yield from textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.relative_to(Path.cwd()) if PAGE.is_relative_to(Path.cwd()) else PAGE} is what the help texts say")
