"""Every distribution that anything here installs is pinned, hashed, a wheel, and the same one everywhere."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tests.house.repository import ROOT, files, name

import installer

LOCKS = [path for path in files() if path.suffix == ".txt" and path.with_suffix(".in").is_file()]
SOURCES = [path for path in files() if path.suffix == ".in"]
DEV = ROOT / "requirements" / "dev.txt"
ONE_WITH_DEV = [
    ROOT / "requirements" / "local.txt",
    ROOT / "requirements" / "lang.txt",
    ROOT / "layers" / "runtime" / "requirements.txt",
    ROOT / "layers" / "dependencies" / "requirements.txt",
]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
STRICT = ("--require-hashes", "--only-binary=:all:", "--no-deps")


@dataclass(frozen=True, slots=True)
class Pin:
    """One logical line of a lock."""

    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def key(self) -> str:
        return canonicalize_name(self.requirement.name)


def logical_lines(text: str) -> list[str]:
    joined = re.sub(r"\\\n\s*", "", text)
    return [line.strip() for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def pin(line: str) -> Pin:
    """Raises ValueError for anything that is not a plain requirement with hashes: an option, a URL, a path."""
    requirement = Requirement(re.split(r"\s*--hash=", line, maxsplit=1)[0].strip())
    hashes = tuple(line.split("--hash=")[1:])
    if requirement.url or not hashes or len(HASH.findall(line)) != len(hashes):
        raise ValueError(line)
    return Pin(requirement, hashes)


def pins(path: Path) -> list[Pin]:
    return [pin(line) for line in logical_lines(path.read_text(encoding="utf-8"))]


def versions(path: Path) -> dict[str, str]:
    return {each.key: str(each.requirement.specifier) for each in pins(path)}


def asked_for(path: Path) -> set[str]:
    lines = [line for line in logical_lines(path.read_text(encoding="utf-8")) if not line.startswith("-r ")]
    return {canonicalize_name(Requirement(line).name) for line in lines}


def test_every_requirement_file_is_locked() -> None:
    assert {name(path.with_suffix(".txt")) for path in SOURCES} == {name(path) for path in LOCKS}
    assert set(ONE_WITH_DEV) <= set(LOCKS)


@pytest.mark.parametrize("path", LOCKS, ids=name)
def test_every_line_is_one_version_with_its_hashes(path: Path) -> None:
    assert pins(path)
    assert [each.key for each in pins(path) if not re.fullmatch(r"==[^=*,]+", str(each.requirement.specifier))] == []


@pytest.mark.parametrize("path", LOCKS, ids=name)
def test_what_is_asked_for_is_locked(path: Path) -> None:
    assert asked_for(path.with_suffix(".in")) <= set(versions(path))


@pytest.mark.parametrize("path", ONE_WITH_DEV, ids=name)
def test_what_is_tested_is_what_is_shipped(path: Path) -> None:
    tested = versions(DEV)

    assert {key: version for key, version in versions(path).items() if tested.get(key) != version} == {}


@pytest.mark.parametrize("path", ONE_WITH_DEV[2:], ids=name)
def test_a_layer_holds_the_same_distributions_whatever_python_builds_it(path: Path) -> None:
    markers = [each.requirement.marker for each in pins(path) if each.requirement.marker]

    assert [str(marker) for marker in markers if len({applies(marker, python) for python in PYTHONS}) > 1] == []


def applies(marker: Marker, python: str) -> bool:
    return marker.evaluate({"python_version": python, "python_full_version": f"{python}.0"})


@pytest.mark.parametrize("layer", ["runtime", "dependencies"])
def test_a_layer_installs_wheels_by_hash_only(layer: str) -> None:
    makefile = (ROOT / "layers" / layer / "Makefile").read_text(encoding="utf-8")
    commands = re.findall(r"(?m)^PIP\b.*pip\b.*install.*$", makefile)

    assert commands
    assert all(option in command for command in commands for option in STRICT)


def test_the_environments_are_filled_with_wheels_by_hash_only() -> None:
    assert installer.STRICT == ("--require-hashes", "--only-binary", ":all:", "--no-deps")
    assert installer.Pip().command(Path("python"))[-4:] == list(installer.STRICT)
    assert installer.Uv(Path("uv")).command(Path("python"))[-4:] == list(installer.STRICT)


@pytest.mark.parametrize(
    "line",
    [
        "httpx==0.28.1",
        "httpx==0.28.1 --hash=md5:00112233445566778899aabbccddeeff",
        "--index-url https://example.invalid/simple",
        "-e .",
        "httpx @ https://example.invalid/httpx.whl --hash=sha256:" + "0" * 64,
        "./httpx.whl --hash=sha256:" + "0" * 64,
    ],
)
def test_a_line_of_another_kind_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        pin(line)
