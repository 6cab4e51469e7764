"""Finding a Python of a given version by running it: a name on the PATH may be a pyenv shim that only says no."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from command import CommandFailed, run

QUESTION = "import sys; print('%d.%d %s' % (*sys.version_info[:2], sys.version_info.releaselevel), sys.executable)"


def candidates(version: str) -> Iterator[Path]:
    """The PATH first, then where pyenv and uv keep interpreters that are not on it."""
    yield Path(sys.executable)
    for folder in os.get_exec_path():
        yield Path(folder) / f"python{version}"
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT", home / ".pyenv")) / "versions"
    yield from sorted(pyenv.glob(f"{version}.*/bin/python{version}"))
    yield from sorted((home / ".local/share/uv/python").glob(f"cpython-{version}.*/bin/python{version}"))


def answer(program: Path, version: str) -> Path | None:
    """The interpreter behind the program, if it runs, is a final release and has the version."""
    try:
        words = run([program, "-c", QUESTION]).strip().split(" ", 2)
    except CommandFailed:
        return None
    return Path(words[2]) if words[:2] == [version, "final"] else None


def find(version: str) -> Path | None:
    for program in candidates(version):
        if program.is_file() and (found := answer(program, version)):
            return found
    return None
