"""The scripts behind the Makefile: what makes them start again, and what they believe about a machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import command
import host
import interpreter
import setup
import stamp

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


class TestAStamp:
    def test_holds_until_a_file_changes(self, tmp_path: Path) -> None:
        source = tmp_path / "a.py"
        source.write_text("one = 1\n")
        mark = stamp.Stamp(tmp_path / "out" / "stamp")
        mark.write(stamp.digest(tmp_path, [source]))

        os.utime(source, (1, 1))
        after_a_touch = mark.holds(stamp.digest(tmp_path, [source]))
        source.write_text("one = 2\n")
        after_an_edit = mark.holds(stamp.digest(tmp_path, [source]))

        assert (after_a_touch, after_an_edit) == (True, False)

    def test_knows_another_name_mode_or_fact(self, tmp_path: Path) -> None:
        one, two = tmp_path / "one", tmp_path / "two"
        one.write_text("same")
        two.write_text("same")
        first = stamp.digest(tmp_path, [one])

        renamed, informed = stamp.digest(tmp_path, [two]), stamp.digest(tmp_path, [one], "arm64")
        one.chmod(0o755)

        assert len({first, renamed, informed, stamp.digest(tmp_path, [one])}) == 4

    def test_does_not_see_what_tools_leave_behind(self, tmp_path: Path) -> None:
        for name in ("a.py", "__pycache__/a.pyc", ".ruff_cache/b", "deep/c.toml"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("")

        found = stamp.source_files(tmp_path)

        assert [path.relative_to(tmp_path).as_posix() for path in found] == ["a.py", "deep/c.toml"]


class TestAnInterpreter:
    def test_that_only_says_no_is_passed_over(self, tmp_path: Path) -> None:
        shim = program(tmp_path / f"python{VERSION}", 'echo "pyenv: command not found" >&2; exit 127')

        assert interpreter.answer(shim, VERSION) is None

    def test_is_named_by_the_program_that_answered(self) -> None:
        assert interpreter.answer(Path(sys.executable), VERSION) == Path(sys.executable)

    def test_of_another_version_or_before_its_release_is_not_taken(self, tmp_path: Path) -> None:
        early = program(tmp_path / "early", "echo 3.99 candidate /opt/python3.99")

        assert interpreter.answer(Path(sys.executable), "2.7") is None
        assert interpreter.answer(early, "3.99") is None

    def test_is_found_behind_a_shim_where_pyenv_keeps_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program(tmp_path / "shims" / "python3.99", "exit 127")
        real = program(tmp_path / "pyenv/versions/3.99.1/bin/python3.99", f"echo 3.99 final {tmp_path}/real")
        monkeypatch.setenv("PATH", str(tmp_path / "shims"))
        monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))

        assert real.is_file()
        assert interpreter.find("3.99") == tmp_path / "real"

    def test_that_is_nowhere_is_none(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))

        assert interpreter.find("3.98") is None


class TestACommand:
    def test_that_fails_says_all_it_said(self, tmp_path: Path) -> None:
        broken = program(tmp_path / "broken", "echo out; echo why >&2; exit 3")

        with pytest.raises(command.CommandFailed, match=r"(?s)broken now\nout\nwhy\n\(exit status 3\)"):
            command.run([broken, "now"])

    def test_that_is_missing_is_a_failure_too(self, tmp_path: Path) -> None:
        with pytest.raises(command.CommandFailed, match="No such file"):
            command.run([tmp_path / "nothing"])


class TestAPart:
    def test_is_made_once_and_again_when_its_inputs_change(self, tmp_path: Path) -> None:
        source, made = command.ROOT / "pyproject.toml", []

        def fill(folder: Path) -> None:
            folder.mkdir()
            made.append(folder)

        part = host.Part("part", [source], fill, tmp_path)

        assert [part.refresh("a"), part.refresh("a"), part.refresh("b")] == [True, False, True]
        assert len(made) == 2
        assert part.folder.is_dir()

    def test_that_fails_to_be_made_leaves_the_old_one(self, tmp_path: Path) -> None:
        def fill(folder: Path) -> None:
            folder.mkdir()
            (folder / "half").touch()
            raise command.CommandFailed("no")

        old = host.Part("part", [], lambda folder: folder.mkdir(), tmp_path)
        old.refresh("a")

        with pytest.raises(command.CommandFailed):
            host.Part("part", [], fill, tmp_path).refresh("b")

        assert list(old.folder.iterdir()) == []
        assert old.refresh("a") is False

    def test_joined_folders_overlap_as_layers_do(self, tmp_path: Path) -> None:
        for folder, text in (("first", "1"), ("second", "2")):
            (tmp_path / folder / "python").mkdir(parents=True)
            (tmp_path / folder / "python" / "shared.py").write_text(text)
        (tmp_path / "first" / "bootstrap").write_text("sh")

        host.join([tmp_path / "first", tmp_path / "second"], tmp_path / "opt")

        assert (tmp_path / "opt" / "python" / "shared.py").read_text() == "2"
        assert (tmp_path / "first" / "python" / "shared.py").read_text() == "1"
        assert (tmp_path / "opt" / "bootstrap").is_file()


def test_the_console_script_starts_in_a_folder_with_spaces(tmp_path: Path) -> None:
    folder = tmp_path / "a $HOME `b` folder"
    python = program(folder / "bin" / "python", 'echo "$0|$2|$3"')
    script = folder / "bin" / "sluice"
    script.write_text(setup.CONSOLE_SCRIPT.format(python=setup.shell_quoted(python)))
    script.chmod(0o755)

    said = subprocess.run([script, "demo", "--x"], capture_output=True, text=True, check=True).stdout

    assert said == f"{python}|demo|--x\n"


def test_the_console_script_is_python_too() -> None:
    compile(setup.CONSOLE_SCRIPT.format(python=setup.shell_quoted(Path("python"))), "sluice", "exec")


def test_ctrl_c_in_a_script_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> int:
        raise KeyboardInterrupt

    assert command.ended(main) == 130
    assert capsys.readouterr().err.count("\n") == 1


def test_an_old_python_is_told_before_anything_it_cannot_load() -> None:
    script = (
        "import sys; sys.version_info = (3, 8, 18); sys.version = '3.8.18 (x)'; sys.argv = ['scripts/setup.py'];"
        "sys.path.insert(0, 'scripts'); import command"
    )

    done = subprocess.run([sys.executable, "-c", script], cwd=command.ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr == ("setup: Python 3.8.18 is too old, 3.11 or newer is needed: make PYTHON=python3.11\n")
