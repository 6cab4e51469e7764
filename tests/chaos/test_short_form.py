"""A few calls of `make chaos`, so that what it shows is shown by every run of the tests too."""

import os
import subprocess
import sys

import pytest
from tests.engines import one_exact
from tests.house.repository import ROOT

CALLS = 80
SECONDS = 120


@pytest.mark.slow
@pytest.mark.fault("L04")
@pytest.mark.fault("L05")
@pytest.mark.fault("L06")
@pytest.mark.fault("D03")
@pytest.mark.fault("D04")
@pytest.mark.fault("D08")
@pytest.mark.fault("D10")
@pytest.mark.fault("C04")
@pytest.mark.parametrize("engine", one_exact())
def test_nothing_is_lost_doubled_or_over(engine: str) -> None:
    command = [sys.executable, "-m", "tests.chaos", "--calls", str(CALLS), "--engine", engine]
    path = os.pathsep.join(str(ROOT / folder) for folder in ("functions", "local", "."))

    run = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 lost, 0 doubled, 0 untrue, 0 over, 0 sums, 0 mild" in run.stdout
