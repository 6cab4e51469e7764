"""Arguments as they are typed: argparse, whose complaints become one line that says what would be right."""

import argparse
import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from sluice_cli.failure import UsageError

MAX_PORT = 65_535
ORIGIN = re.compile(r"(https://[A-Za-z0-9.-]+|http://(localhost|127[.]0[.]0[.]1))(:[0-9]{1,5})?")
RESERVED_SECONDS = 3  # of a function's time: 2 to end a stream honestly, 1 to settle
MAX_TIMEOUT_SECONDS = 900  # Lambda's own


class Parser(argparse.ArgumentParser):
    """One command's arguments; options and words may be mixed. `example` ends the help."""

    def __init__(self, command: str, description: str, example: str) -> None:
        super().__init__(
            prog=f"sluice {command}",
            description=description,
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Raises UsageError for what is not understood, SystemExit after --help."""
        # argparse's mixing forgets that `--` ends the options: behind it a word may begin with a dash.
        parse = self.parse_known_args if "--" in words else self.parse_known_intermixed_args
        options, unknown = parse(words)
        if unknown:
            raise UsageError(f"unknown argument {unknown[0]!r}; {self._nearest(unknown[0])}")
        return options

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; `{self.prog} --help` tells more")

    def _nearest(self, word: str) -> str:
        known = [option for option in self._option_string_actions if option.startswith("--")]
        close = difflib.get_close_matches(word.partition("=")[0], known, 1)
        return f"did you mean {close[0]}?" if close else f"`{self.prog} --help` lists what there is"


def port(text: str) -> int:
    number = _whole_number(text)
    if number is None or number > MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; use 0 (any free one) to {MAX_PORT}")
    return number


def count(text: str) -> int:
    number = _whole_number(text)
    if not number:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 1")
    return number


def origin(text: str) -> str:
    """Of a web page, as its browser writes it; the same rule as the template's CorsOrigins."""
    if not ORIGIN.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no origin; use one such as http://localhost:3000, never *")
    return text


def timeout(text: str) -> float:
    """Of the function, in seconds."""
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not RESERVED_SECONDS < number <= MAX_TIMEOUT_SECONDS:
        right = f"use more than {RESERVED_SECONDS}, which are kept to end and settle, and at most {MAX_TIMEOUT_SECONDS}"
        raise argparse.ArgumentTypeError(f"{text!r} is no timeout in seconds; {right}")
    return number


def assignment(text: str) -> tuple[str, str]:
    """NAME=VALUE; what may be named and which values it takes is for its reader to say."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def existing_file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{text} is not a file")
    return path


def _whole_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
