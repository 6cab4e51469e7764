"""The JavaScript clients of tests/clients: one version each, by hash, from wherever npm is told to look."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import command
import node_packages

PACKAGES: dict[str, Any] = json.loads((node_packages.FOLDER / "package.json").read_text(encoding="utf-8"))
LOCK: dict[str, Any] = json.loads((node_packages.FOLDER / "package-lock.json").read_text(encoding="utf-8"))
INSTALLED = {path: entry for path, entry in LOCK["packages"].items() if path}


def test_every_package_is_one_version_with_its_hash_and_no_place() -> None:
    assert len(INSTALLED) >= len(PACKAGES["dependencies"])
    assert [path for path, entry in INSTALLED.items() if not re.fullmatch(r"\d+\.\d+\.\d+\S*", entry["version"])] == []
    assert [path for path, entry in INSTALLED.items() if not entry["integrity"].startswith("sha512-")] == []
    assert [path for path, entry in INSTALLED.items() if "resolved" in entry] == []


def test_no_package_has_a_script_for_its_installation() -> None:
    assert [path for path, entry in INSTALLED.items() if entry.get("hasInstallScript")] == []
    assert "ignore-scripts=true" in (node_packages.FOLDER / ".npmrc").read_text(encoding="utf-8").splitlines()


def test_the_lock_is_of_what_is_asked_for_and_of_the_oldest_node_that_is() -> None:
    assert LOCK["packages"][""]["dependencies"] == PACKAGES["dependencies"]
    assert PACKAGES["engines"]["node"] == f">={'.'.join(map(str, node_packages.MINIMUM))}"


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


def test_a_failed_installation_says_what_npm_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "npm").write_text("#!/bin/sh\necho 'npm error code EINTEGRITY' >&2; exit 1\n")
    (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    with pytest.raises(command.CommandFailed, match="EINTEGRITY"):
        node_packages.set_up()
