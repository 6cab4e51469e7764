"""What `make host` made for this machine is what `make build` made for Lambda, and both are what the sources say.

The one is installed by uv for this Python, the other by pip for Lambda's: the same files must come out of both. Native
parts and compiled files carry the platform in their names, and installers leave notes of their own in .dist-info.
"""

import json
import os
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.house.repository import ROOT

import build
import host
import interpreter

HOST, BUILT = ROOT / "build" / "host", ROOT / ".aws-sam" / "build"
PARTS = {**dict.fromkeys(host.LAYERS, "layers"), **dict.fromkeys(host.FUNCTIONS, "functions")}
NOTES = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", ".lock"}
UNCHECKED_HASH = 0b01
TAG = f"cpython-{build.PYTHON_VERSION.replace('.', '')}"
PLACES = {**dict.fromkeys(host.LAYERS, "/opt"), **dict.fromkeys(host.FUNCTIONS, "/var/task")}
ENV_JSON = ROOT / "events" / "env.json"
REGION = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0"}
QUIET: dict[str, Any] = {"capture_output": True, "text": True, "check": True, "timeout": 60, "env": REGION}
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}


@pytest.fixture(scope="module", autouse=True)
def _host() -> None:
    if not (HOST / "task").is_dir():
        pytest.skip("build/host is not there: make host")


@pytest.fixture(scope="module")
def built() -> Path:
    if not BUILT.is_dir():
        pytest.skip(".aws-sam/build is not there: make build")
    if not build.stamp(BUILT).holds(build.sources()):
        pytest.skip(".aws-sam/build is older than the sources: make build")
    return BUILT


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def portable(folder: Path) -> set[str]:
    """Names that do not depend on platform or installer."""
    found = (path for path in files(folder) if path.suffix not in {".so", ".pyc"})
    return {path.relative_to(folder).as_posix() for path in found if path.name not in NOTES}


def native(folder: Path) -> list[Path]:
    return [path for path in files(folder) if path.suffix == ".so"]


def compiled(folder: Path) -> list[Path]:
    return [path for path in files(folder) if path.suffix == ".pyc"]


def is_unchecked(path: Path) -> bool:
    """PEP 552: the flags follow the magic number."""
    return int.from_bytes(path.read_bytes()[4:8], "little") == UNCHECKED_HASH


@pytest.mark.parametrize("name", PARTS)
def test_this_machine_runs_the_files_that_lambda_gets(built: Path, name: str) -> None:
    here, there = HOST / PARTS[name] / name, built / name

    assert portable(here) == portable(there)
    assert {path.name.partition(".")[0] for path in native(here)} == {
        path.name.partition(".")[0] for path in native(there)
    }


def test_native_parts_are_for_the_processor_that_the_built_template_names(built: Path) -> None:
    architecture = build.processor(built)
    assert architecture in build.ARCHITECTURES

    names = {path.name for path in native(built)}

    assert names
    assert all(f"{TAG}-{MACHINES[architecture]}-linux" in name for name in names), names


def test_lambda_gets_compiled_files_of_its_own_python_for_all_or_nothing(built: Path) -> None:
    for folder in (built / name for name in PARTS):
        found = compiled(folder)

        assert all(f".{TAG}." in path.name and is_unchecked(path) for path in found)
        assert not found or len(found) == sum(path.suffix == ".py" for path in files(folder))
        assert bool(found) is bool(interpreter.find(build.PYTHON_VERSION))


def test_a_compiled_file_names_its_source_as_lambda_does(built: Path) -> None:
    """In tracebacks, that is. The path is text within the file, so no Python of that version is needed to see it."""
    for name, place in PLACES.items():
        wrong = [
            path
            for path in compiled(built / name)
            if f"{place}/{source_of(path).relative_to(built / name)}".encode() not in path.read_bytes()
        ]

        assert wrong == []


def source_of(path: Path) -> Path:
    return path.parent.parent / f"{path.name.partition('.')[0]}.py"


def test_a_machine_without_the_functions_python_says_what_it_costs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build, "PYTHON_VERSION", "3.98")

    assert build.compiler() is None
    said = capsys.readouterr().out
    assert "no working Python 3.98 here, so no compiled files" in said
    assert "about twice as much" in said


def test_the_version_built_for_is_the_one_that_runs() -> None:
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")

    assert set(re.findall(r"python3\.\d+", template)) == {f"python{build.PYTHON_VERSION}"}
    for layer in ("layers/runtime", "layers/dependencies", "functions"):
        makefile = (ROOT / layer / "Makefile").read_text(encoding="utf-8")
        assert re.findall(r"(?m)^PYVER +\?= (\S+)$", makefile) == [build.PYTHON_VERSION]


def test_the_template_for_sam_local_differs_in_variables_only(built: Path) -> None:
    """SAM's own reader of variables is asked: it drops what a template does not declare."""
    python, script = build.SAM.with_name("python"), Path(__file__).with_name("sam_variables.py")
    asked = {name: built / f"{name}.yaml" for name in ("template", "local")}
    variables = {
        name: json.loads(subprocess.run([python, script, path, ENV_JSON], **QUIET).stdout)
        for name, path in asked.items()
    }
    wanted = json.loads(ENV_JSON.read_text(encoding="utf-8"))

    assert {function: wanted[function].items() <= given.items() for function, given in variables["local"].items()} == {
        "GatewayFunction": True,
        "RollupFunction": True,
        "SweeperFunction": True,
    }
    added = {
        function: set(given) - set(variables["template"][function]) for function, given in variables["local"].items()
    }
    assert all(names <= set(wanted[function]) for function, names in added.items())
    assert not any("ENDPOINT" in name or "URL" in name for given in variables["template"].values() for name in given)


@pytest.mark.parametrize("folder", ["opt", "task", "lang"])
def test_every_module_here_is_compiled_and_never_checked_again(folder: str) -> None:
    found = compiled(HOST / folder)

    assert len(found) == sum(path.suffix == ".py" for path in files(HOST / folder))
    assert all(map(is_unchecked, found))


def test_what_runs_here_is_what_the_sources_say() -> None:
    sources = [path for path in files(ROOT / "functions") if path.suffix in {".py", ".toml", ".json"}]
    old = [path for path in sources if not is_same(path, HOST / "task" / path.relative_to(ROOT / "functions"))]

    assert old == [], "make host"


def is_same(source: Path, copy: Path) -> bool:
    return copy.is_file() and copy.read_bytes() == source.read_bytes()


def test_the_layers_are_laid_out_as_under_opt() -> None:
    opt = HOST / "opt"
    expected = ["streaming_runtime/__main__.py", "awslambdaric/__init__.py", "httpx/__init__.py"]

    assert (opt / "bootstrap").stat().st_mode & stat.S_IXUSR
    assert [name for name in expected if not (opt / "python" / name).is_file()] == []


def test_what_runs_here_is_shared_with_no_environment_and_no_cache() -> None:
    """A layer's file and the same file of the joined folder are one; an edit in .venv must not reach either."""
    links = {part: {path.stat().st_nlink for path in files(HOST / part)} for part in ("opt", "lang")}

    assert max(links["opt"]) <= 2
    assert links["lang"] == {1}


@pytest.mark.parametrize("folder", ["opt", "task"])
def test_nothing_that_runs_at_import_or_only_builds_is_deployed(folder: str) -> None:
    names = {path.name for path in files(HOST / folder)}

    assert {name for name in names if name.endswith((".pth", ".egg-link"))} == set()
    assert names & {"Makefile", "requirements.txt", "requirements.in", "conftest.py"} == set()
