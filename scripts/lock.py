"""Compiles every requirements file (.in) into pinned, hashed lines (.txt), with uv.

requirements/dev.in reads all that runs together: tests, laptop, layers and the managed runtime. It is resolved first
and binds the others, so that one version of a distribution is tested and shipped. Pins stay as they are until
--upgrade is given. Markers make one file serve every platform; no line names where a file comes from.
"""

import argparse
import sys
from pathlib import Path

from command import ROOT, CommandFailed, run
from installer import uv_program

TOOLS = ("uv", "sam", "sbom", "engines", "clients", "prove")
ALONE = (*(f"requirements/{name}" for name in TOOLS), "requirements/dev")
BOUND = ("requirements/local", "requirements/lang", "layers/runtime/requirements", "layers/dependencies/requirements")
OPTIONS = (
    *("--universal", "--python-version", "3.11", "--generate-hashes", "--only-binary", ":all:"),
    *("--no-header", "--no-annotate", "--quiet"),
)


def lock(uv: Path, name: str, *more: str) -> None:
    run([uv, "pip", "compile", f"{name}.in", "--output-file", f"{name}.txt", *OPTIONS, *more])
    pins = sum(line[:1].isalnum() for line in (ROOT / f"{name}.txt").read_text().splitlines())
    print(f"lock: {name}.txt, {pins} distributions", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Pin and hash every requirement.")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that agree")
    upgrade = ["--upgrade"] if parser.parse_args().upgrade else []
    try:
        uv = uv_program()
        for name in ALONE:
            lock(uv, name, *upgrade)
        for name in BOUND:
            lock(uv, name, "--constraints", "requirements/dev.txt", *upgrade)
    except CommandFailed as error:
        print(f"lock: failed\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
