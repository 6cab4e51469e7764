"""The mock provider, load client and Runtime API of the shared bench folder, built under build/bench.

They are read from beside this repository and never copied into it; `Peers` is their own measuring loop.
"""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "bench"
BUILT = ROOT / "build" / "bench"
PROGRAMS = {"mock": ("-lpthread", "-lz"), "load": ("-lpthread",), "rapid": ("-lpthread",), "relay": ("-lpthread",)}


class BenchMissing(Exception):
    """The shared bench folder or a compiler is not there; the message says which."""


def build(with_fastapi: bool = False) -> ModuleType:
    """Copies and compiles what is missing; the module that runs peers. Raises BenchMissing."""
    if not SHARED.is_dir():
        raise BenchMissing("the bench folder is not beside this repository (../shared/bench)")
    if shutil.which("gcc") is None:
        raise BenchMissing("gcc is needed to build the mock provider and the load client")
    shutil.copytree(SHARED, BUILT, dirs_exist_ok=True)
    (BUILT / "results").mkdir(exist_ok=True)
    for name, libraries in PROGRAMS.items():
        source, program = BUILT / "bench" / f"{name}.c", BUILT / "bench" / name
        if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
            subprocess.run(["gcc", "-O2", "-w", "-o", str(program), str(source), *libraries], check=True)
    if with_fastapi:
        _install_fastapi(BUILT / "venvs" / "fastapi")
    return _module(BUILT / "bench" / "peers.py")


def _install_fastapi(folder: Path) -> None:
    """What the shared build.sh installs for this peer, and no more."""
    python = folder / "bin" / "python"
    if not python.exists() or not list(folder.glob("lib/*/site-packages/fastapi")):
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "fastapi", "uvicorn[standard]", "httpx"], check=True)


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_peers", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
