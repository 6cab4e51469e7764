"""Two ways to fill an environment from a hashed requirement file: uv (fast), and venv with pip (what every Python has).

uv itself is installed by pip, by hash, into a folder of its own; `pip install --target` is allowed where the system's
Python is marked as externally managed. venv is used without its own copy of pip, so a machine that lacks ensurepip
(Debian without python3-venv) will do. Nothing is ever built from source: wheels only, hashes required.
"""

import shutil
import sys
from pathlib import Path
from typing import Protocol

from command import ROOT, CommandFailed, run
from stamp import Stamp, digest

UV_FOLDER = ROOT / ".venv-uv"
UV_REQUIREMENTS = ROOT / "requirements" / "uv.txt"
# A lock is complete, so nothing beside it is looked for (and pip, with hashes, does not know a pin under its extras).
STRICT = ("--require-hashes", "--only-binary", ":all:", "--no-deps")


class Installer(Protocol):
    """Makes virtual environments and fills them."""

    name: str
    copying: tuple[str, ...]  # options for files of our own: an edit of a linked one is an edit in every environment

    def create(self, environment: Path) -> None: ...

    def command(self, python: Path) -> list[str | Path]:
        """Installs for the interpreter; `--target` and `--requirement` follow."""
        ...


class Uv:
    """Ten times faster than pip; keeps a cache that links files instead of copying them."""

    name = "uv"
    copying: tuple[str, ...] = ("--link-mode", "copy")

    def __init__(self, program: Path) -> None:
        self.program = program

    def create(self, environment: Path) -> None:
        run([self.program, "venv", "--quiet", "--clear", "--python", sys.executable, environment])

    def command(self, python: Path) -> list[str | Path]:
        return [self.program, "pip", "install", "--quiet", "--python", python, *STRICT]


class Pip:
    """The way that works wherever pip does."""

    name = "pip"
    copying: tuple[str, ...] = ()

    def create(self, environment: Path) -> None:
        run([sys.executable, "-m", "venv", "--clear", "--without-pip", environment])

    def command(self, python: Path) -> list[str | Path]:
        return [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile", *STRICT]


def uv_program() -> Path:
    """The pinned uv, installed when it is not there yet."""
    program, stamp = UV_FOLDER / "bin" / "uv", Stamp(UV_FOLDER / "stamp")
    wanted = digest(ROOT, [UV_REQUIREMENTS])
    if not (program.is_file() and stamp.holds(wanted)):
        shutil.rmtree(UV_FOLDER, ignore_errors=True)
        pip = (sys.executable, "-m", "pip", "install", "--quiet", *STRICT)
        run([*pip, "--target", UV_FOLDER, "--requirement", UV_REQUIREMENTS])
        stamp.write(wanted)
    return program


def installers() -> list[Installer]:
    """In the order in which to try them."""
    try:
        return [Uv(uv_program()), Pip()]
    except CommandFailed as error:
        said = "\n".join(str(error).splitlines()[:6])
        print(f"setup: uv could not be installed, pip does it alone (slower)\n{said}", file=sys.stderr)
        return [Pip()]
