"""Running another program: quietly when it works, with all it said when it does not."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
QUIET = {
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
    "UV_PYTHON_DOWNLOADS": "never",
}


class CommandFailed(Exception):
    """The program could not be started or returned something other than 0; the text is what it said."""


def run(arguments: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> str:
    """Runs in the repository's folder; returns what the program wrote to its output."""
    words = [str(argument) for argument in arguments]
    variables = {**os.environ, **QUIET, **(environment or {})}
    try:
        done = subprocess.run(words, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CommandFailed(f"{words[0]}: {error.strerror}") from error
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise CommandFailed(f"{' '.join(words)}\n{said}\n(exit status {done.returncode})")
    return done.stdout
