"""Execution environments over a temporary /opt: the layer's sources beside the packages of this interpreter."""

import shutil
from collections.abc import Iterator, Mapping
from importlib.metadata import distribution
from pathlib import Path
from textwrap import dedent
from typing import Protocol

import pytest
from tests.runtime.runtime_api import Environment, RuntimeApi

LAYER = Path(__file__).parents[2] / "layers" / "runtime"
DISTRIBUTIONS = ("awslambdaric", "simplejson", "snapshot-restore-py")


class Start(Protocol):
    def __call__(self, *sources: str, environ: Mapping[str, str] | None = None) -> Environment: ...


def link_distribution(name: str, folder: Path) -> None:
    """Links what a distribution installed at the top level of site-packages."""
    files = distribution(name).files
    assert files is not None
    for top in {file.parts[0] for file in files if file.parts[0] not in ("..", "__pycache__")}:
        (folder / top).symlink_to(Path(str(distribution(name).locate_file(top))))


@pytest.fixture(scope="session")
def opt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the layer becomes at /opt."""
    folder = tmp_path_factory.mktemp("opt")
    shutil.copy(LAYER / "bootstrap", folder)
    shutil.copytree(
        LAYER / "streaming_runtime",
        folder / "python" / "streaming_runtime",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for name in DISTRIBUTIONS:
        link_distribution(name, folder / "python")
    return folder


@pytest.fixture
def api() -> Iterator[RuntimeApi]:
    with RuntimeApi() as running:
        yield running


@pytest.fixture
def start(opt: Path, api: RuntimeApi, tmp_path: Path) -> Iterator[Start]:
    """Starts an environment whose app.py is made of the given sources."""
    environments: list[Environment] = []

    def start_environment(*sources: str, environ: Mapping[str, str] | None = None) -> Environment:
        task = tmp_path / "task"
        task.mkdir(exist_ok=True)
        (task / "app.py").write_text("".join(map(dedent, sources)))
        environments.append(Environment(opt, task, api, environ or {}))
        return environments[-1]

    yield start_environment
    for environment in environments:
        environment.stop()
