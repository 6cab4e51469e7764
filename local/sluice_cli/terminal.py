"""What a terminal can show: colour and blocks where somebody looks at it, plain text everywhere else.

Colour follows https://no-color.org and https://force-color.org; where both are set there is none. What models and
callers wrote is shown without control characters on a terminal: an escape sequence in an answer must not move the
cursor or set the title of the reader's window, nor a change of direction make a line read as another one.
"""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
USUAL_WIDTH = 80
DIRECTIONS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))  # embeddings, overrides and isolates of Unicode's UAX 9
CONTROLS = {
    code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160), *DIRECTIONS) if chr(code) not in "\t\n"
}


@dataclass(frozen=True, slots=True)
class Screen:
    """A stream and what may be written to it."""

    stream: TextIO
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def is_terminal(self) -> bool:
        return self.stream.isatty()

    @property
    def has_colour(self) -> bool:
        if self.environ.get("NO_COLOR"):
            return False
        return bool(self.environ.get("FORCE_COLOR")) or self.has_cursor

    @property
    def has_cursor(self) -> bool:
        """Whether a line can be written over."""
        return self.is_terminal and self.environ.get("TERM") != "dumb"

    @property
    def width(self) -> int | None:
        """Columns of the terminal; None where lines may be as long as they like."""
        if not self.is_terminal:
            return None
        wanted = self.environ.get("COLUMNS", "")
        if wanted.isascii() and wanted.isdigit() and int(wanted):
            return int(wanted)
        try:
            return os.get_terminal_size(self.stream.fileno()).columns or USUAL_WIDTH
        except (OSError, ValueError):  # a stream that is no file, or a terminal that does not say
            return USUAL_WIDTH

    @property
    def has_blocks(self) -> bool:
        """Whether the block elements of Unicode can be shown."""
        encoding = (getattr(self.stream, "encoding", None) or "").lower().replace("-", "")
        return self.is_terminal and encoding == "utf8"

    def paint(self, text: str, style: str) -> str:
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if self.has_colour and text else text

    def line(self, text: str = "") -> None:
        self.write(f"{text}\n")

    def write(self, text: str) -> None:
        """At once: whoever watches a stream must not wait for a buffer."""
        self.stream.write(text)
        self.stream.flush()

    def fitted(self, line: str) -> str:
        """The line cut to what the terminal shows of it without folding."""
        return line if self.width is None else line[: self.width - 1]

    def foreign(self, text: str) -> str:
        """Text that others wrote; untouched where it goes to a file or a pipe."""
        return printable(text) if self.is_terminal else text


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where a command reads and writes. `program` is how the reader can start it again."""

    out: Screen
    error: Screen
    input: TextIO
    environ: Mapping[str, str]
    program: str = "sluice"

    @classmethod
    def standard(cls) -> "Terminal":
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")  # a character that the locale lacks is no reason to die
        return cls(Screen(sys.stdout), Screen(sys.stderr), sys.stdin, os.environ, program_name(sys.argv[0]))

    def ask(self, prompt: str) -> str:
        """One line of the reader's; EOFError when there is none."""
        return input(prompt)


def printable(text: str) -> str:
    return text.translate(CONTROLS)


def program_name(started: str) -> str:
    """The shortest command that starts this program again from here."""
    path = Path(started)
    if path.name == "__main__.py":
        return "python -m sluice_cli"
    found = shutil.which(path.name)
    if not path.is_absolute() or (found and Path(found).samefile(path)):
        return path.name if found else started
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else started
