"""A stage for puppets, and a front of the dev stack whose environments are puppets."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.integration.devstack.front import Front, FrontOptions
from tests.integration.devstack.puppet import Stage
from tests.runtime.conftest import DISTRIBUTIONS, LAYER, link_distribution

TASK = Path(__file__).with_name("task")


class OpenFront(Protocol):
    def __call__(self, **options: Any) -> Front: ...


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as opened:
        yield opened


@pytest.fixture
def open_front(stage: Stage) -> Iterator[OpenFront]:
    """Opens a front with puppets for environments; keyword arguments are fields of FrontOptions."""
    fronts: list[Front] = []

    def open_one(**options: Any) -> Front:
        front = Front(FrontOptions(**{"command": stage.command, "variables": stage.variables, **options}))
        fronts.append(front.__enter__())
        return front

    yield open_one
    for front in fronts:
        front.__exit__(None, None, None)


@pytest.fixture
def front(open_front: OpenFront) -> Front:
    return open_front()


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build/host of the runtime layer as it is in the source tree and of the functions in tasks/."""
    folder = tmp_path_factory.mktemp("host")
    packages = folder / "opt" / "python"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(LAYER / "streaming_runtime", packages / "streaming_runtime", ignore=ignore)
    shutil.copy(LAYER / "bootstrap", folder / "opt" / "bootstrap")
    for name in DISTRIBUTIONS:
        link_distribution(name, packages)
    shutil.copytree(TASK, folder / "task", ignore=ignore)
    (folder / "lang").mkdir()
    return folder
