"""One simulator for all tests of this folder, and the loop for those that need another."""

from collections.abc import Iterator

import pytest
from tests.integration.simulator.bedrock_rig import BedrockRig
from tests.integration.simulator.rig import Rig

from sluice_devstack.event_loop import EventLoopThread


@pytest.fixture(scope="package")
def loop() -> Iterator[EventLoopThread]:
    defects: list[BaseException] = []
    with EventLoopThread(defects.append) as running:
        yield running
    assert defects == []


@pytest.fixture(scope="package")
def rig(loop: EventLoopThread) -> Iterator[Rig]:
    rig = Rig(loop)
    yield rig
    rig.close()


@pytest.fixture(scope="package")
def bedrock(loop: EventLoopThread) -> Iterator[BedrockRig]:
    rig = BedrockRig(loop)
    yield rig
    rig.close()
