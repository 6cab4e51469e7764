from pathlib import Path

import pytest

from sluice_cli import host_build


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository whose build/host is what the sources say."""
    for name in ("gateway.py", "gateway.toml", "sluice/data/prices.json"):
        for folder in ("functions", "build/host/task"):
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
    (tmp_path / "functions" / "Makefile").write_text("not copied")
    for folder in ("layers/runtime/streaming_runtime", "build/host/opt/python/streaming_runtime"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "loop.py").write_text("loop")
    return tmp_path


def test_a_build_of_these_sources_is_current(root: Path) -> None:
    assert not host_build.is_missing(root)
    assert host_build.outdated(root) is None


@pytest.mark.parametrize(
    "name", ["functions/sluice/data/prices.json", "layers/runtime/streaming_runtime/loop.py", "functions/new.py"]
)
def test_the_first_source_that_was_edited_since_is_named(root: Path, name: str) -> None:
    (root / name).write_text("edited")

    assert host_build.outdated(root) == name


def test_touching_a_source_changes_nothing(root: Path) -> None:
    (root / "functions" / "gateway.py").touch()

    assert host_build.outdated(root) is None


def test_without_a_build_it_is_missing(tmp_path: Path) -> None:
    assert host_build.is_missing(tmp_path)
