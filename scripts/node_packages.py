"""The JavaScript clients that tests run, installed by `npm ci` where the machine has Node.js; elsewhere the tests skip.

The lock names a version and a hash for each package and not where it comes from; tests/clients/node/.npmrc keeps it so.
No package runs code while it is installed.
"""

import platform
import re
import shutil
import time
from pathlib import Path

from command import ROOT, CommandFailed, run
from stamp import Stamp, digest

FOLDER = ROOT / "tests" / "clients" / "node"
CHROMIUM = FOLDER / "node_modules" / ".chromium"
INPUTS = [FOLDER / name for name in (".npmrc", "package.json", "package-lock.json")]
MINIMUM = (20, 11)
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
    return platform.machine() == "x86_64"


def stamp() -> Stamp:
    return Stamp(FOLDER / "node_modules" / ".sluice-stamp")


def wanted() -> str:
    return digest(ROOT, [*INPUTS, Path(__file__).resolve()])


def is_current() -> bool:
    """Also where nothing can be installed: the tests say why they skip."""
    return stamp().holds(wanted()) or bool(missing())


def set_up() -> None:
    started = time.monotonic()
    print("setup: tests/clients/node for tests of JavaScript clients", flush=True)
    run(["npm", "ci", "--no-progress", "--prefix", FOLDER])
    if has_chromium():
        unpack_chromium()
    stamp().write(wanted())
    print(f"setup: tests/clients/node is ready (npm, {time.monotonic() - started:.1f} s)")


def unpack_chromium() -> None:
    """Where TMPDIR says it unpacks itself, and finds itself again; here, so that tests at the same time do not."""
    CHROMIUM.mkdir(exist_ok=True)
    run(["node", FOLDER / "unpack.mjs"], {"TMPDIR": str(CHROMIUM)})
