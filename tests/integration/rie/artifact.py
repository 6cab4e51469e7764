"""What is run under the emulator: the build that `sam deploy` would upload, for this machine's processor.

It is taken from .aws-sam/build where that is new and for this processor, else it is built into build/rie/build. Where
no Python of the function's version is found, the same layout made for this machine's Python (build/host) stands in.
"""

import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import build
import host
import interpreter
from command import ROOT, run
from setup import alone
from stamp import source_files

ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}
OWN = ROOT / "build" / "rie"
LANG = host.HOST / "lang"


@dataclass(frozen=True, slots=True)
class Artifact:
    """`opt` and `tasks` (by function) as on Lambda; `python` is the interpreter, `sdk` what the runtime brings."""

    opt: Path
    tasks: dict[str, Path]
    python: Path
    version: str
    sdk: Path
    description: str


def artifact(say: Callable[[str], None]) -> Artifact:
    """Builds what is missing. Raises CommandFailed."""
    found = interpreter.find(build.PYTHON_VERSION)
    return _host() if found is None else _built(_current(say), found)


def emulator() -> Path:
    """AWS's binary, in the wheel of the SAM CLI."""
    packages = build.SAM.parents[1].glob("lib/python3*/site-packages/samcli/local/rapid")
    name = f"aws-lambda-rie-{ARCHITECTURES.get(platform.machine(), platform.machine())}"
    return next((folder / name for folder in packages), Path(name))


def _current(say: Callable[[str], None]) -> Path:
    """A build for this processor that is what the sources say."""
    architecture = ARCHITECTURES[platform.machine()]
    own = OWN / "build"
    for folder in (build.BUILT, own):
        if build.stamp(folder).holds(build.sources()) and build.processor(folder) == architecture:
            return folder
    say(f"no new build for {architecture} is there: sam build into build/rie/build")
    with alone():
        build.build(architecture, own)
    return own


def _built(folder: Path, python: Path) -> Artifact:
    with alone():
        host.Part("opt", source_files(folder), lambda fresh: _join(folder, fresh), OWN).refresh(f"{folder} {python}")
        host.Part("sdk", source_files(LANG), lambda fresh: _compile(python, fresh), OWN).refresh(str(python))
    said = f"{folder.relative_to(ROOT)}, as `sam deploy` uploads it, on Python {build.PYTHON_VERSION} ({python})"
    tasks = {name: folder / name for name in host.FUNCTIONS}
    return Artifact(OWN / "opt", tasks, python, build.PYTHON_VERSION, OWN / "sdk", f"built artifact: {said}")


def _join(folder: Path, into: Path) -> None:
    into.mkdir()
    host.join((folder / layer for layer in host.LAYERS), into)


def _compile(python: Path, into: Path) -> None:
    """The SDK for that Python, compiled as it is in AWS's image."""
    shutil.copytree(LANG, into, ignore=shutil.ignore_patterns("__pycache__"))
    run([python, *host.COMPILEALL, "-s", into, "-p", "/var/runtime", into])


def _host() -> Artifact:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    said = f"no Python {build.PYTHON_VERSION} here: build/host, the same layout for Python {version}"
    python = Path(getattr(sys, "_base_executable", sys.executable))
    tasks = dict.fromkeys(host.FUNCTIONS, host.HOST / "task")
    return Artifact(host.HOST / "opt", tasks, python, version, LANG, said)
