"""Builds layers and functions for this machine: the execution environments that the dev stack and the tests start.

The Makefiles that `sam build` runs are run with HOST=1. What they make is joined as Lambda joins it: every layer in
build/host/opt, the functions in build/host/task; build/host/lang stands for the libraries of the managed runtime.
All is compiled to unchecked .pyc files, as it is deployed. Python never looks at the source of such a file again, so
an edit is seen by this script or by nobody: sources are compared by content, at each run, before anything is started.
"""

import functools
import os
import platform
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from command import ROOT, CommandFailed, ended, run
from installer import Installer, installers
from setup import ENVIRONMENTS, alone
from stamp import Stamp, digest, source_files

HOST = ROOT / "build" / "host"
PYTHON = ENVIRONMENTS["local"].python
COMPILEALL = ("-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash")
LANG = ROOT / "requirements" / "lang.txt"
LAYERS = {"RuntimeLayer": "layers/runtime", "DependenciesLayer": "layers/dependencies"}
FUNCTIONS = dict.fromkeys(("GatewayFunction", "RollupFunction", "SweeperFunction"), "functions")


@dataclass(frozen=True, slots=True)
class Part:
    """One folder under build/host and how to fill it; it is made again when its inputs have changed."""

    name: str
    inputs: Iterable[Path]
    fill: Callable[[Path], None]
    root: Path = HOST

    @property
    def folder(self) -> Path:
        return self.root / self.name

    def refresh(self, facts: str) -> bool:
        """True when it had to be made. It is made beside its place and moved there whole."""
        stamp = Stamp(self.root / "stamps" / self.name.replace("/", "-"))
        wanted = digest(ROOT, self.inputs, facts)
        if self.folder.is_dir() and stamp.holds(wanted):
            return False
        fresh, old = self.root / "next" / self.name, self.root / "old" / self.name
        for folder in (fresh, old):
            shutil.rmtree(folder, ignore_errors=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
        self.fill(fresh)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        if self.folder.exists():
            self.folder.rename(old)
        fresh.rename(self.folder)
        shutil.rmtree(old, ignore_errors=True)
        stamp.write(wanted)
        return True


def compile_sources(folder: Path, runs_as: Path) -> None:
    run([PYTHON, *COMPILEALL, "-s", folder, "-p", runs_as, folder])


def join(folders: Iterable[Path], into: Path) -> None:
    """Later folders win, as later layers do."""
    for folder in folders:
        for path in folder.rglob("*"):
            target = into / path.relative_to(folder)
            if path.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.unlink(missing_ok=True)
                os.link(path, target)


class Host:
    """The parts of build/host, in the order in which they are made."""

    def __init__(self, choose: Callable[[], Installer]) -> None:
        self._choose = choose

    def parts(self) -> list[Part]:
        layers = [self._made(f"layers/{name}", ROOT / source, HOST / "opt") for name, source in LAYERS.items()]
        functions = [self._made(f"functions/{name}", ROOT / source, None) for name, source in FUNCTIONS.items()]
        lang = Part("lang", [LANG], self._fill_lang)
        return [*layers, joined("opt", layers, None), *functions, joined("task", functions, HOST / "task"), lang]

    def _made(self, place: str, source: Path, compiled_for: Path | None) -> Part:
        def fill(folder: Path) -> None:
            folder.mkdir()
            values = {"HOST": "1", "PYTHON": PYTHON, "COMPILER": "", "ARTIFACTS_DIR": folder, "PIP": self._pip()}
            variables = [f"{key}={value}" for key, value in values.items()]
            target = f"build-{folder.name}"
            run(["make", "--silent", "-C", source, target, *variables], {"MAKEFLAGS": "", "MAKELEVEL": ""})
            if compiled_for:
                compile_sources(folder, compiled_for)

        return Part(place, source_files(source), fill)

    def _pip(self) -> str:
        return shlex.join(map(str, self._install()))

    def _install(self) -> list[str | Path]:
        installer = self._choose()
        return [*installer.command(PYTHON), *installer.copying]

    def _fill_lang(self, folder: Path) -> None:
        run([*self._install(), "--target", folder, "--requirement", LANG])
        compile_sources(folder, HOST / "lang")


def joined(name: str, parts: list[Part], compiled_for: Path | None) -> Part:
    def fill(folder: Path) -> None:
        folder.mkdir()
        join((part.folder for part in parts), folder)
        if compiled_for:
            compile_sources(folder, compiled_for)

    return Part(name, list(dict.fromkeys(path for part in parts for path in part.inputs)), fill)


def build() -> list[str]:
    """The names of the parts that had to be made."""
    python, this = PYTHON.parent.parent / "pyvenv.cfg", Path(__file__)
    facts = "\n".join([platform.machine(), str(ROOT), python.read_text(), this.read_text()])
    host = Host(functools.cache(lambda: installers()[0]))
    return [part.name for part in host.parts() if part.refresh(facts)]


def main() -> int:
    started = time.monotonic()
    try:
        with alone():
            made = build()
    except CommandFailed as error:
        print(f"host: failed\n{error}", file=sys.stderr)
        return 1
    if made:
        print(f"host: build/host is ready, made {', '.join(made)} ({time.monotonic() - started:.1f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(ended(main))
