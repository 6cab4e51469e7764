"""A terminal in memory."""

import io
from collections.abc import Mapping

from sluice_cli.terminal import Screen, Terminal


class Stream(io.StringIO):
    """A text stream that says of itself what a test wants."""

    def __init__(self, text: str = "", is_terminal: bool = False) -> None:
        super().__init__(text)
        self._is_terminal = is_terminal

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def isatty(self) -> bool:
        return self._is_terminal


class Shown:
    """A terminal, and what was written to it."""

    def __init__(self, environ: Mapping[str, str] | None = None, typed: str = "", is_terminal: bool = False) -> None:
        known = dict(environ or {})
        self._out, self._error = Stream(is_terminal=is_terminal), Stream(is_terminal=is_terminal)
        self.terminal = Terminal(
            Screen(self._out, known), Screen(self._error, known), Stream(typed, is_terminal), known
        )

    @property
    def written(self) -> str:
        return self._out.getvalue()

    @property
    def complained(self) -> str:
        return self._error.getvalue()
