"""Whether a stack runs is asked of its port."""

import socket
from pathlib import Path

from sluice_cli.environment_file import EnvironmentFile


def test_beside_a_stack_that_runs_another_file_is_taken(tmp_path: Path) -> None:
    file = EnvironmentFile(tmp_path / "dev.env")
    with socket.create_server(("127.0.0.1", 0)) as running:
        file.write({"SLUICE_URL": f"http://127.0.0.1:{running.getsockname()[1]}"})

        beside = EnvironmentFile.beside("http://127.0.0.1:9000", file.path)

    gone = EnvironmentFile.beside("http://127.0.0.1:9000", file.path)
    assert beside.path.name == "dev-9000.env"
    assert gone.path == file.path
