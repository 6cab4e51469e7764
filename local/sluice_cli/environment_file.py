"""The env file of a dev stack: `export` lines for a shell, written whole when the stack is ready, gone when it ends.

Without --env-file it is build/dev.env of the repository, where the other commands look by themselves; a second stack
beside a running one writes its own beside it.
"""

import os
import re
import shlex
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from sluice_cli.failure import CommandFailed, UsageError

URL = "SLUICE_URL"
ACCESS_KEY_ID = "AWS_ACCESS_KEY_ID"
SECRET_ACCESS_KEY = "AWS_SECRET_ACCESS_KEY"
REGION = "AWS_REGION"
TABLE = "SLUICE_TABLE"
DYNAMODB_URL = "AWS_ENDPOINT_URL_DYNAMODB"
SECRETS_MANAGER_URL = "AWS_ENDPOINT_URL_SECRETS_MANAGER"

DEFAULT = Path(__file__).resolve().parents[2] / "build" / "dev.env"
OPENING = f"export {URL}="
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def text(variables: Mapping[str, str]) -> str:
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def parse(written: str) -> dict[str, str]:
    """The variables of `export NAME=VALUE` lines, quoted as a shell reads them; raises ValueError for other lines."""
    words = [word for line in written.splitlines() for word in _assignments(line)]
    pairs = [word.partition("=") for word in words]
    if any(not equals or not NAME.fullmatch(name) for name, equals, _ in pairs):
        raise ValueError("not export lines")
    return {name: value for name, _, value in pairs}


def read(path: Path) -> dict[str, str]:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        right = f"`sluice dev --env-file {path}` writes it when the stack is ready"
        raise CommandFailed(f"{path} cannot be read ({error.strerror}); {right}") from error
    except ValueError as error:
        raise CommandFailed(f"{path} is no env file: its lines must look like export NAME=VALUE") from error


@dataclass(slots=True)
class EnvironmentFile:
    """One stack's file. It takes the place of another stack's, never of anything else."""

    path: Path
    _written: str = field(default="", init=False)

    @classmethod
    def beside(cls, url: str, usual: Path = DEFAULT) -> "EnvironmentFile":
        """The usual one for the stack at `url`; while another stack that runs has that, one named by this port."""
        if not _is_of_a_running_stack(usual):
            return cls(usual)
        return cls(usual.with_stem(f"{usual.stem}-{urlsplit(url).port}"))

    def check(self) -> None:
        """Complains before a stack was started for nothing."""
        if not self.path.parent.is_dir():
            raise UsageError(f"no folder {self.path.parent} for the env file {self.path.name}; make it first")
        if self.path.exists() and not self._may_replace():
            raise UsageError(f"{self.path} is there and is not of `sluice dev`; name another --env-file")

    def write(self, variables: Mapping[str, str]) -> None:
        """All or nothing, and only for the owner's eyes: the credentials of a stack may be more than examples."""
        self._written = text(variables)
        descriptor, beside = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)  # mode 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(self._written)
        Path(beside).replace(self.path)

    def remove(self) -> None:
        """Unless another stack has written its own since."""
        if self._written and self.path.is_file() and self.path.read_text(encoding="utf-8") == self._written:
            self.path.unlink()

    def _may_replace(self) -> bool:
        if not self.path.is_file():
            return False
        start = self.path.read_bytes()[: len(OPENING)]
        return start in (b"", OPENING.encode())


def _is_of_a_running_stack(path: Path) -> bool:
    """Whether somebody listens where the file says that a stack is."""
    try:
        parts = urlsplit(parse(path.read_text(encoding="utf-8")).get(URL, ""))
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=1):
            return True
    except (OSError, ValueError):
        return False


def _assignments(line: str) -> list[str]:
    words = shlex.split(line, comments=True)
    return words[1:] if words[:1] == ["export"] else words
