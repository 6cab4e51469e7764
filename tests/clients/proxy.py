"""A running `sluice proxy`, as a person starts it in another terminal."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.clients.page import ROOT

SECONDS = 30


@contextmanager
def proxy(variables: Mapping[str, str], home: Path) -> Iterator[str]:
    """Its address, without a path; `variables` name the gateway and have the credentials."""
    own = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT / "local"), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "sluice_cli", "proxy", "--url", variables["SLUICE_URL"], "--port", "0"]
    process = subprocess.Popen(command, env={**own, **variables}, cwd=home, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        line = next((line for line in process.stdout if line.startswith("export ")), "")
        assert line, f"the proxy ended with {process.wait(SECONDS)}"
        try:
            yield line.split("OPENAI_BASE_URL=")[1].split()[0].removesuffix("/v1")
        finally:
            process.terminate()
            process.stdout.read()
