"""What is deployed is what was locked, holds nothing that runs by itself, and runs no text as code (X03, X04)."""

import _imp
import ast
import base64
import csv
import hashlib
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name
from tests.house.dangers import Danger, dangers, detours
from tests.house.repository import ROOT, files
from tests.house.test_requirements import Pin, pins

import build
import host

HOST = ROOT / "build" / "host"
RUNTIME, DEPENDENCIES = "RuntimeLayer", "DependenciesLayer"
LOCKS = {layer: ROOT / source / "requirements.txt" for layer, source in host.LAYERS.items()}
OURS = {RUNTIME: ROOT / "layers" / "runtime" / "streaming_runtime", DEPENDENCIES: None}
NOTES = {"RECORD", "INSTALLER", "REQUESTED", "uv_cache.json"}  # the installer's own, in .dist-info
LEFT_OUT = ("bin/", "simplejson/tests/")  # commands and tests, by the layers' Makefiles
NATIVE = {"runtime_client", "_speedups"}  # awslambdaric's client of the Runtime API; simplejson's fast paths
EXTENDED = "python/certifi/cacert.pem"  # some machines append the root of a proxy of theirs to every one they find
STRICT = ("--require-hashes", "--only-binary", "--no-deps")
INSTALLS = re.compile(r"\bpip\b.*\binstall\b")
ASYNC = (
    "of anyio, which httpx imports for its asynchronous client only; no deployed code imports it (see the next test)"
)
ACCEPTED = {
    ("httpx/_config.py", "CERT_NONE"): "only for a client made with verify=False; ours is made with a context",
    ("httpx/_config.py", "check_hostname=False"): "the same branch",
    (
        "typing_extensions.py",
        "eval",
    ): "evaluates annotations of code when asked to; nobody asks, and a caller writes none",
    ("anyio/to_process.py", "pickle"): ASYNC,
    ("anyio/to_process.py", "subprocess"): ASYNC,
    ("anyio/to_interpreter.py", "pickle"): ASYNC,
    ("anyio/_core/_subprocesses.py", "subprocess"): ASYNC,
}

pytestmark = pytest.mark.skipif(not (HOST / "task").is_dir(), reason="build/host is not there: make host")


def layers() -> list[Any]:
    """Each layer as it was made for this machine, and as `sam build` made it where that is new."""
    made = [pytest.param(HOST / "layers" / name, id=f"host-{name}") for name in LOCKS]
    is_new = build.BUILT.is_dir() and build.stamp(build.BUILT).holds(build.sources())
    return made + [pytest.param(build.BUILT / name, id=f"built-{name}") for name in LOCKS if is_new]


def under(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def recorded(packages: Path) -> Iterator[tuple[str, str]]:
    """What the wheels brought: name and `sha256=` of each file, from every RECORD."""
    for record in packages.glob("*.dist-info/RECORD"):
        with record.open(encoding="utf-8", newline="") as lines:
            yield from ((name, digest) for name, digest, _ in csv.reader(lines))


def is_brought(name: str) -> bool:
    """Not a note, nor what is installed elsewhere or compiled later."""
    place = Path(name)
    note = place.parent.suffix == ".dist-info" and place.name in NOTES
    elsewhere = name.startswith(("../", "bin/"))
    return not (note or elsewhere or place.suffix == ".pyc" or place.name == ".lock")


def digest(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def locked(layer: str) -> dict[str, Pin]:
    """The distributions that a layer's lock names for Lambda."""
    return {
        pin.key: pin for pin in pins(LOCKS[layer]) if not pin.requirement.marker or pin.requirement.marker.evaluate()
    }


def installed(packages: Path) -> dict[str, str]:
    found = (path.name.removesuffix(".dist-info").rpartition("-") for path in packages.glob("*.dist-info"))
    return {canonicalize_name(name): version for name, _, version in found}


@pytest.mark.fault("X03")
@pytest.mark.parametrize("layer", layers())
def test_a_layer_holds_the_distributions_of_its_lock_and_no_others(layer: Path) -> None:
    wanted = {key: str(pin.requirement.specifier).removeprefix("==") for key, pin in locked(layer.name).items()}

    assert installed(layer / "python") == wanted


@pytest.mark.fault("X03")
@pytest.mark.parametrize("layer", layers())
def test_every_file_of_a_layer_is_one_that_a_wheel_brought_unaltered_or_our_own(layer: Path) -> None:
    own, brought = OURS[layer.name], dict(recorded(layer / "python"))
    expected = {f"python/{name}": hashed for name, hashed in brought.items() if is_brought(name)}
    expected = {
        name: hashed
        for name, hashed in expected.items()
        if not name.startswith(tuple(f"python/{part}" for part in LEFT_OUT))
    }
    if own:
        expected |= {f"python/{own.name}/{path.name}": digest(path.read_bytes()) for path in own.glob("*.py")}
        expected["bootstrap"] = digest((own.parent / "bootstrap").read_bytes())

    there = {name: digest(path.read_bytes()) for name, path in under(layer).items() if is_brought(name)}
    if layer.is_relative_to(HOST) and EXTENDED in expected:
        there[EXTENDED] = expected[EXTENDED]  # what is deployed is judged in the build

    assert there == expected


def is_of(compiled: bytes, source: bytes) -> bool:
    """PEP 552: magic number, flags, then the hash of the source, keyed with the magic number."""
    return compiled[8:16] == _imp.source_hash(int.from_bytes(compiled[:4], "little"), source)


@pytest.mark.fault("X03")
@pytest.mark.parametrize("layer", layers())
def test_a_compiled_file_was_compiled_from_the_source_beside_it(layer: Path) -> None:
    """Python never looks at the source again, so we do."""
    sources = {path: path.parent.parent / f"{path.name.partition('.')[0]}.py" for path in layer.rglob("*.pyc")}

    wrong = [path.name for path, source in sources.items() if not is_of(path.read_bytes(), source.read_bytes())]

    assert wrong == []


@pytest.mark.fault("X03")
@pytest.mark.parametrize("layer", layers())
def test_nothing_was_built_here_or_runs_when_python_starts(layer: Path) -> None:
    names = under(layer)
    starters = [name for name in names if name.endswith((".pth", ".egg-link", "customize.py"))]
    wheels = {Path(name).parent.name for name in names if name.endswith(".dist-info/WHEEL")}

    assert starters == []
    assert len(wheels) == len(installed(layer / "python"))
    assert [name for name in names if name.endswith(("direct_url.json", "setup.py", ".tar.gz"))] == []
    assert {path.name.partition(".")[0] for path in names.values() if path.suffix == ".so"} <= NATIVE


@pytest.mark.fault("X03")
def test_whatever_installs_python_packages_wants_hashes_and_wheels() -> None:
    places = [path for path in files() if path.name == "Makefile" or path.parent.name in {"scripts", ".ci"}]
    lines = [(path.name, line) for path in places for line in path.read_text(encoding="utf-8").splitlines()]
    found = [
        (name, line) for name, line in lines if INSTALLS.search(line.partition("#")[0]) and ("(" in line or "=" in line)
    ]

    assert len(found) >= 2
    assert [
        (name, line) for name, line in found if "STRICT" not in line and not all(option in line for option in STRICT)
    ] == []


def found_in(folder: Path, look: Callable[[ast.AST], Iterator[Danger]] = dangers) -> set[tuple[str, str]]:
    modules = {name: path for name, path in under(folder).items() if path.suffix == ".py"}
    assert modules
    return {(name, danger.what) for name, path in modules.items() for danger in look(ast.parse(path.read_bytes()))}


@pytest.mark.fault("X04")
@pytest.mark.parametrize("folder", [ROOT / "functions", ROOT / "layers", HOST / "task"], ids=lambda path: path.name)
def test_our_own_code_runs_no_text_no_programs_and_no_blind_tls(folder: Path) -> None:
    assert found_in(folder) == set()
    assert found_in(folder, detours) == set()


@pytest.mark.fault("X04")
def test_what_others_wrote_holds_only_what_has_been_looked_at() -> None:
    assert found_in(HOST / "opt" / "python") == set(ACCEPTED)


@pytest.mark.fault("X04")
def test_only_httpcores_asynchronous_parts_import_anyio_and_nothing_of_ours_imports_httpcore() -> None:
    """That neither is loaded at start is for tests/integration/gateway/test_start_imports.py."""
    modules = {
        name: path.read_text(encoding="utf-8")
        for name, path in under(HOST / "opt" / "python").items()
        if path.suffix == ".py"
    }
    importers = {
        name
        for name, text in modules.items()
        if not name.startswith("anyio/") and re.search(r"(?m)^\s*(import|from) anyio\b", text)
    }

    ours = [path.name for path in (ROOT / "functions").rglob("*.py") if "httpcore" in path.read_text(encoding="utf-8")]

    assert importers == {"httpcore/_backends/anyio.py", "httpcore/_synchronization.py"}
    assert ours == []


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("eval('1')", "eval"),
        ("run = exec", "exec"),
        ("import builtins\nbuiltins.eval('1')", "eval"),
        ("import pickle", "pickle"),
        ("from marshal import loads", "marshal"),
        ("import subprocess as s", "subprocess"),
        ("import os\nos.system('ls')", "os.system"),
        ("from os import execv", "os.execv"),
        ("import yaml", "yaml"),
        ("get(url, verify=False)", "verify=False"),
        ("context.check_hostname = False", "check_hostname=False"),
        ("context.verify_mode = ssl.CERT_NONE", "CERT_NONE"),
        ("from ssl import CERT_NONE as n\nx = CERT_NONE", "CERT_NONE"),
        ("context = ssl._create_unverified_context()", "ssl._create_unverified_context"),
    ],
)
def test_a_danger_is_found(source: str, what: str) -> None:
    assert what in {danger.what for danger in dangers(ast.parse(source))}


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("__import__('subprocess').run", "__import__"),
        ("compile('1', '', 'eval')", "compile"),
        ("import importlib", "importlib"),
        ("from importlib import import_module", "importlib"),
        ("import runpy", "runpy"),
        ("asyncio.create_subprocess_exec('ls')", "create_subprocess_exec"),
        ("os.fork()", "fork"),
        ("from os import fork", "fork"),
        ("context.verify_mode = 0", "verify_mode"),
    ],
)
def test_a_detour_is_found(source: str, what: str) -> None:
    assert what in {detour.what for detour in detours(ast.parse(source))}


def test_a_harmless_word_is_no_detour() -> None:
    assert list(detours(ast.parse("re.compile('x')\ncontext.verify_mode = ssl.CERT_REQUIRED"))) == []


@pytest.mark.parametrize("source", ["evaluate()", "from .marshal import x", "get(url, verify=context)", "model.eval"])
def test_a_harmless_word_is_none(source: str) -> None:
    assert list(dangers(ast.parse(source))) == []


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """`make sbom`; the script itself refuses a document that CycloneDX's JSON schema does."""
    python = ROOT / ".venv-sbom" / "bin" / "python"
    if not python.is_file():
        pytest.skip(".venv-sbom is not there: make sbom")
    target = tmp_path_factory.mktemp("sbom") / "sbom.json"
    subprocess.run(
        [python, ROOT / "scripts" / "sbom.py", "--output", target], check=True, timeout=60, capture_output=True
    )
    document: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
    return document


def test_the_bill_lists_what_is_locked_with_the_same_versions_and_hashes(bill: dict[str, Any]) -> None:
    wanted = {
        f"pkg:pypi/{key}@{str(pin.requirement.specifier).removeprefix('==')}": {
            each.strip().removeprefix("sha256:") for each in pin.hashes
        }
        for layer in LOCKS
        for key, pin in locked(layer).items()
    }

    listed = {part["purl"]: {each["content"] for each in part["hashes"]} for part in bill["components"]}

    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert listed == wanted


def test_the_bill_says_under_which_licence_each_part_is(bill: dict[str, Any]) -> None:
    said = {
        part["name"]: [each.get("expression") or each["license"].get("id") for each in part["licenses"]]
        for part in [bill["metadata"]["component"], *bill["components"]]
    }

    assert [name for name, licences in said.items() if len(licences) != 1 or not licences[0]] == []


def test_the_bill_says_what_each_part_is_there_for(bill: dict[str, Any]) -> None:
    needed = {each for entry in bill["dependencies"] for each in entry.get("dependsOn", [])}

    assert needed == {part["bom-ref"] for part in bill["components"]}
