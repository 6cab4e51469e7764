"""Makes the virtual environments that the Makefile's targets need, from nothing but python3 and pip.

`python3 scripts/setup.py local` makes .venv with what `make demo` needs, `dev` adds what `make test` and `make check`
need; `sam` and `engines` have environments of their own, because they pin versions that ours may not have. `engines`
are two: ministack from pip, and dynoxide from npm.
A second run finds a stamp of the requirement file and says nothing.
"""

import argparse
import contextlib
import fcntl
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import node_packages
from command import ROOT, CommandFailed, ended, run
from installer import Installer, installers
from stamp import Stamp, digest

CONSOLE_SCRIPT = """\
#!/bin/sh
'''exec' {python} "$0" "$@"
' '''
import sys

from sluice_cli.__main__ import main

sys.exit(main())
"""


@dataclass(frozen=True, slots=True)
class Environment:
    """One requirement file and the folder it is installed into."""

    folder: str
    requirements: str
    purpose: str
    contains: tuple[str, ...] = ()
    has_project: bool = False

    @property
    def path(self) -> Path:
        return ROOT / self.folder

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"

    @property
    def file(self) -> Path:
        return ROOT / "requirements" / self.requirements

    @property
    def distributions(self) -> int:
        return sum(line[:1].isalnum() for line in self.file.read_text().splitlines())

    def wanted(self) -> str:
        """Scripts and .pth files hold absolute paths, so a moved folder is another environment."""
        return digest(ROOT, [self.file, Path(__file__).resolve()], str(ROOT))

    def stamp(self, name: str) -> Stamp:
        return Stamp(self.path / f"stamp-{name}")


ENVIRONMENTS = {
    "local": Environment(".venv", "local.txt", "demo and sluice", has_project=True),
    "dev": Environment(".venv", "dev.txt", "tests and checks", contains=("local",), has_project=True),
    "sam": Environment(".venv-sam", "sam.txt", "AWS SAM CLI"),
    "sbom": Environment(".venv-sbom", "sbom.txt", "the bill of materials"),
    "engines": Environment(".venv-engines", "engines.txt", "ministack, a DynamoDB for tests"),
    "clients": Environment(".venv-clients", "clients.txt", "tests of LangChain and awscurl", has_project=True),
    "prove": Environment(".venv-prove", "prove.txt", "the LiteLLM proxy"),
}
NODE = {"node": node_packages.CLIENTS, "prove-node": node_packages.PEERS, "dynoxide": node_packages.ENGINES}
TOGETHER = {"engines": ("engines", "dynoxide")}


def is_current(name: str) -> bool:
    if name in NODE:
        return NODE[name].is_current()
    environment = ENVIRONMENTS[name]
    return environment.python.exists() and environment.stamp(name).holds(environment.wanted())


def shell_quoted(path: Path) -> str:
    return json.dumps(str(path)).replace("$", "\\$").replace("`", "\\`")


def add_project(environment: Environment) -> None:
    """Makes local/ importable and `sluice` a command, without building a distribution."""
    for packages in (environment.path / "lib").glob("python3*/site-packages"):
        (packages / "sluice.pth").write_text(f"{ROOT / 'local'}\n")
    script = environment.path / "bin" / "sluice"
    script.write_text(CONSOLE_SCRIPT.format(python=shell_quoted(environment.python)))
    script.chmod(0o755)


def install(name: str, installer: Installer) -> None:
    """Always from an empty folder: what an older requirement file named does not linger."""
    environment = ENVIRONMENTS[name]
    installer.create(environment.path)
    run([*installer.command(environment.python), "--requirement", environment.file])
    if environment.has_project:
        add_project(environment)
    for done in (name, *environment.contains):
        environment.stamp(done).write(ENVIRONMENTS[done].wanted())


def set_up(name: str) -> None:
    """Tries each installer in turn; the last one's failure is the answer."""
    environment, started = ENVIRONMENTS[name], time.monotonic()
    print(f"setup: {environment.folder} for {environment.purpose}, {environment.distributions} packages", flush=True)
    choices = installers()
    for installer in choices:
        try:
            install(name, installer)
        except CommandFailed as error:
            if installer is choices[-1]:
                raise
            print(f"setup: {installer.name} failed, trying the next way\n{error}", file=sys.stderr)
        else:
            print(f"setup: {environment.folder} is ready ({installer.name}, {time.monotonic() - started:.1f} s)")
            return


def make(name: str) -> None:
    if name in NODE:
        NODE[name].set_up()
    else:
        set_up(name)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Two runs of make in one clone take turns."""
    with (ROOT / ".venv-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the environments that the Makefile's targets need.")
    known = (*ENVIRONMENTS, *NODE)
    parser.add_argument("sets", nargs="+", choices=known, metavar="|".join(known))
    names = [each for name in parser.parse_args().sets for each in TOGETHER.get(name, (name,))]
    if all(map(is_current, names)):
        return 0
    try:
        with alone():
            for name in names:
                if not is_current(name):
                    make(name)
    except CommandFailed as error:
        print(f"setup: failed\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(ended(main))
