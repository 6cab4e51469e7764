"""JavaScript that tests and `make prove` run: one version each, by hash, from wherever npm is told to look."""

import json
import platform
import re
from pathlib import Path
from typing import Any

import pytest

import command
import node_packages
from node_packages import Packages

FOLDERS = (node_packages.CLIENTS, node_packages.PEERS, node_packages.ENGINES)
WITH_SCRIPT = {node_packages.PEERS.folder: {"node_modules/@portkey-ai/gateway"}}  # it patches itself; it runs without
folders = pytest.mark.parametrize("packages", FOLDERS, ids=lambda packages: packages.folder.parent.name)


def document(packages: Packages, name: str) -> Any:
    return json.loads((packages.folder / name).read_text(encoding="utf-8"))


def installed(packages: Packages) -> dict[str, Any]:
    return {path: entry for path, entry in document(packages, "package-lock.json")["packages"].items() if path}


@folders
def test_every_package_is_one_version_with_its_hash_and_no_place(packages: Packages) -> None:
    found = installed(packages)

    assert len(found) >= len(document(packages, "package.json")["dependencies"])
    assert [path for path, entry in found.items() if not re.fullmatch(r"\d+\.\d+\.\d+\S*", entry["version"])] == []
    assert [path for path, entry in found.items() if not entry["integrity"].startswith("sha512-")] == []
    assert [path for path, entry in found.items() if "resolved" in entry] == []


@folders
def test_no_package_runs_a_script_for_its_installation(packages: Packages) -> None:
    has_script = {path for path, entry in installed(packages).items() if entry.get("hasInstallScript")}

    assert has_script == WITH_SCRIPT.get(packages.folder, set())
    assert "ignore-scripts=true" in (packages.folder / ".npmrc").read_text(encoding="utf-8").splitlines()


@folders
def test_the_lock_is_of_what_is_asked_for_and_of_the_oldest_node_that_is(packages: Packages) -> None:
    asked = document(packages, "package.json")

    assert document(packages, "package-lock.json")["packages"][""]["dependencies"] == asked["dependencies"]
    assert asked["engines"]["node"] == f">={'.'.join(map(str, node_packages.MINIMUM))}"


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("echo v20.11.0", ""),
        ("echo v26.0.0", ""),
        ("echo v18.20.4", "Node.js 18.20 is too old, 20.11 or newer is needed"),
        ("exit 127", "Node.js is not installed"),
    ],
)
def test_a_machine_without_a_node_is_told(
    says: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("node", "npm"):
        (tmp_path / name).write_text(f"#!/bin/sh\n{says}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    assert node_packages.missing() == reason


def test_what_is_built_for_another_machine_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")

    assert node_packages.ENGINES.defect() == "it is built for x86_64, and this machine is aarch64"


def test_a_failed_installation_says_what_npm_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "npm").write_text("#!/bin/sh\necho 'npm error code EINTEGRITY' >&2; exit 1\n")
    (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    with pytest.raises(command.CommandFailed, match="EINTEGRITY"):
        node_packages.CLIENTS.set_up()
