import stat
import subprocess
from pathlib import Path

import pytest

from sluice_cli import environment_file
from sluice_cli.environment_file import EnvironmentFile
from sluice_cli.failure import CommandFailed, UsageError

VARIABLES = {
    "SLUICE_URL": "http://127.0.0.1:8787",
    "AWS_SECRET_ACCESS_KEY": 'fake\'s $HOME "quoted" `x` ; end',
    "EMPTY": "",
}


@pytest.fixture
def file(tmp_path: Path) -> EnvironmentFile:
    return EnvironmentFile(tmp_path / "dev.env")


def test_what_was_written_is_read_again(file: EnvironmentFile) -> None:
    file.write(VARIABLES)

    assert environment_file.read(file.path) == VARIABLES


def test_a_shell_reads_the_same(file: EnvironmentFile) -> None:
    file.write(VARIABLES)

    command = f'. {file.path} && printf %s "$AWS_SECRET_ACCESS_KEY"'
    assert (
        subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
        == (VARIABLES["AWS_SECRET_ACCESS_KEY"])
    )


def test_every_line_is_an_export(file: EnvironmentFile) -> None:
    file.write(VARIABLES)

    lines = file.path.read_text().splitlines()
    assert [line.partition("=")[0] for line in lines] == [f"export {name}" for name in VARIABLES]


def test_only_its_owner_may_read_it_and_nothing_lies_beside_it(file: EnvironmentFile) -> None:
    file.write(VARIABLES)

    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert list(file.path.parent.iterdir()) == [file.path]


def test_it_goes_with_its_stack(file: EnvironmentFile) -> None:
    file.write(VARIABLES)

    file.remove()

    assert not file.path.exists()


def test_the_file_of_a_later_stack_stays(file: EnvironmentFile) -> None:
    file.write(VARIABLES)
    later = EnvironmentFile(file.path)
    later.check()
    later.write({"SLUICE_URL": "http://127.0.0.1:9"})

    file.remove()

    assert environment_file.read(file.path) == {"SLUICE_URL": "http://127.0.0.1:9"}


def test_a_stack_that_never_was_ready_removes_nothing(file: EnvironmentFile) -> None:
    file.path.write_text("")

    file.remove()

    assert file.path.exists()


def test_an_empty_file_may_be_replaced(file: EnvironmentFile) -> None:
    file.path.write_text("")

    file.check()


def test_somebody_elses_file_is_never_replaced(file: EnvironmentFile) -> None:
    file.path.write_text("OPENAI_API_KEY=sk-fake-key\n")

    with pytest.raises(UsageError, match="is not of `sluice dev`; name another --env-file"):
        file.check()


def test_a_device_is_never_replaced() -> None:
    with pytest.raises(UsageError, match="name another"):
        EnvironmentFile(Path("/dev/null")).check()


def test_a_missing_folder_is_told_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no folder .*for the env file x\.env; make it first"):
        EnvironmentFile(tmp_path / "nowhere" / "x.env").check()


@pytest.mark.parametrize("text", ["export A=1\nB='two words'\n", "# comment\nexport A=1 B='two words'\n\n"])
def test_a_file_written_by_hand_is_understood(text: str) -> None:
    assert environment_file.parse(text) == {"A": "1", "B": "two words"}


@pytest.mark.parametrize("text", ["unset A\n", "export A\n", "a = 1\n", "export 'A=1\n", "1A=2\n"])
def test_other_text_is_no_env_file(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.env"
    path.write_text(text)

    with pytest.raises(CommandFailed, match="is no env file: its lines must look like export NAME=VALUE"):
        environment_file.read(path)


def test_a_file_that_is_not_there_says_who_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "x.env"

    with pytest.raises(CommandFailed, match="`sluice dev --env-file .*x.env` writes it when the stack is ready"):
        environment_file.read(path)


@pytest.mark.parametrize("written", [None, "", "no export lines", "export SLUICE_URL=http://127.0.0.1:x"])
def test_a_file_of_no_stack_that_runs_is_taken_over(tmp_path: Path, written: str | None) -> None:
    usual = tmp_path / "dev.env"
    if written is not None:
        usual.write_text(written)

    assert EnvironmentFile.beside("http://127.0.0.1:9000", usual).path == usual
