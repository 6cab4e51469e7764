"""Runs `sam build` for one processor, without Docker and without the function's own Python.

What the Makefiles of layers and functions cannot find out in SAM's scratch copies is found here and handed to them:
the processor, a Python that has pip, and an interpreter of the function's version, which compiles what is shipped.
The processor that was built for becomes the built template's default, so that `sam deploy` agrees with the files.
Beside it lies local.yaml, the same for `sam local invoke`: see local_template.py.
"""

import argparse
import os
import re
import shutil
import sys
import time
import zipfile
from pathlib import Path

import interpreter
from command import ROOT, CommandFailed, run
from setup import ENVIRONMENTS
from stamp import Stamp, digest, source_files

SAM = ENVIRONMENTS["sam"].path / "bin" / "sam"
BUILT = ROOT / ".aws-sam" / "build"
LOCAL_TEMPLATE = Path(__file__).with_name("local_template.py")
PYTHON_VERSION = "3.13"  # Globals.Function.Runtime in template.yaml
COST = "imports at a cold start cost about twice as much"
WAY = f"`uv python install {PYTHON_VERSION}` or pyenv puts one where this script looks; nothing is downloaded unasked"
ARCHITECTURES = ("arm64", "x86_64")
DEFAULT_ARCHITECTURE = re.compile(r"(?m)^(  Architecture:\n(?:    .*\n)*?    Default: )\S+$")
SCRATCH = ROOT / "build" / "zip"


def stamp(built: Path) -> Stamp:
    return Stamp(built.parent / "stamp")


def sources() -> str:
    """The digest of all that the build is made of: where the stamp holds another, the build is old."""
    folders = [ROOT / "functions", ROOT / "layers"]
    files = [path for folder in folders for path in source_files(folder)]
    own = [Path(__file__).resolve(), LOCAL_TEMPLATE, ROOT / "events" / "env.json"]
    return digest(ROOT, [ROOT / "template.yaml", *own, *files])


def processor(built: Path) -> str:
    """What a finished build was made for."""
    found = DEFAULT_ARCHITECTURE.search((built / "template.yaml").read_text())
    return found.group(0).rpartition(" ")[2] if found else ""


def compiler() -> Path | None:
    """An interpreter whose .pyc files Lambda's Python reads; says what its absence costs."""
    found = interpreter.find(PYTHON_VERSION)
    if found:
        print(f"build: compiled files by Python {PYTHON_VERSION} at {found}", flush=True)
    else:
        print(f"build: no working Python {PYTHON_VERSION} here, so no compiled files: {COST}; {WAY}", flush=True)
    return found


def sam_build(architecture: str, built: Path, compiled_by: Path | None) -> None:
    variables = {
        "ARCH": architecture,
        "PYVER": PYTHON_VERSION,
        "PYTHON": sys.executable,
        "COMPILER": str(compiled_by or ""),
        "HOST": "",
        "MAKEFLAGS": "",
        "MAKELEVEL": "",
        "SAM_CLI_TELEMETRY": "0",
        "AWS_DEFAULT_REGION": os.environ.get("AWS_DEFAULT_REGION", "us-east-1"),
    }
    override = f"Architecture={architecture}"
    run([SAM, "build", "--build-dir", built, "--parameter-overrides", override], variables)


def remember(architecture: str, built: Path) -> None:
    """Without this, `sam deploy` of an x86_64 build would ask for arm64 and fail at the first call."""
    template = built / "template.yaml"
    text, found = DEFAULT_ARCHITECTURE.subn(rf"\g<1>{architecture}", template.read_text())
    if found != 1:
        raise CommandFailed(f"{template.relative_to(ROOT)}: no parameter Architecture with a default")
    template.write_text(text)


def sizes(folder: Path) -> tuple[int, int, int]:
    """Files, bytes as they lie, bytes zipped as `sam deploy` uploads them."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    SCRATCH.mkdir(parents=True, exist_ok=True)
    archive = SCRATCH / f"{folder.name}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for path in files:
            target.write(path, path.relative_to(folder))
    return len(files), sum(path.stat().st_size for path in files), archive.stat().st_size


def report(built: Path) -> None:
    for folder in sorted(path for path in built.iterdir() if path.is_dir()):
        files, plain, zipped = sizes(folder)
        print(f"build: {folder.name:20} {files:5} files {plain / 1e6:6.2f} MB, zipped {zipped / 1e6:5.2f} MB")
    shutil.rmtree(SCRATCH)


def build(architecture: str, built: Path = BUILT) -> None:
    """Leaves a stamp, so that an old build can be told from a new one. Raises CommandFailed."""
    wanted = sources()
    sam_build(architecture, built, compiler())
    remember(architecture, built)
    run([SAM.with_name("python"), LOCAL_TEMPLATE, built])
    stamp(built).write(wanted)
    report(built)


def main() -> int:
    parser = argparse.ArgumentParser(description="Run `sam build` for one processor.")
    parser.add_argument("--arch", choices=ARCHITECTURES, default=ARCHITECTURES[0])
    architecture, started = parser.parse_args().arch, time.monotonic()
    try:
        build(architecture)
    except CommandFailed as error:
        print(f"build: failed\n{error}", file=sys.stderr)
        return 1
    print(f"build: .aws-sam/build is ready for {architecture} ({time.monotonic() - started:.1f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
