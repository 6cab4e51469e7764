"""A gateway for the programs of docs/clients.md: the model they name is a provider of the test's own."""

from collections.abc import Iterator

import pytest
from tests.clients.place import Place, place


@pytest.fixture(scope="package")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("clients")) as running:
        yield running
