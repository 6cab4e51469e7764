"""Running another program: quietly when it works, with all it said when it does not."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

MINIMUM = (3, 11)
PROGRAM = Path(sys.argv[0]).stem
INTERRUPTED = 130

# Every script loads this module first, and a Python that is too old must come no further than to here.
if sys.version_info < MINIMUM:
    sys.exit(
        "{}: Python {} is too old, 3.11 or newer is needed: make PYTHON=python3.11".format(  # noqa: UP032
            PROGRAM, sys.version.split()[0]
        )
    )

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


def ended(main: Callable[[], int]) -> int:
    """The exit code of a script's `main`; Ctrl-C is one line. What was half made has no stamp and is made again."""
    try:
        return main()
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted; the next run begins again where it has to", file=sys.stderr)
        return INTERRUPTED
