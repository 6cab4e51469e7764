"""A process that finds the artifact at the paths that it has on Lambda.

A mount namespace of its own has the layers at /opt, the function at /var/task, the interpreter at /var/lang and the
SDK at /var/runtime, all read-only; the machine's own /opt and /var stay as they are. A process namespace ends all when
its first process does. Linux only; root is not needed where user namespaces are allowed.
"""

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from tests.integration.rie.artifact import Artifact, emulator

NAMESPACES = ("--mount", "--pid", "--fork", "--kill-child")
STOP_SECONDS = 5.0
MOUNT = """
set -e
mount -t tmpfs tmpfs "$STAGE"
mkdir "$STAGE/task" "$STAGE/lang" "$STAGE/runtime" "$STAGE/rapid"
touch "$STAGE/rapid/aws-lambda-rie"
show() { mount --bind "$1" "$2"; mount -o remount,bind,ro "$2"; }
show "$TASK" "$STAGE/task"
show "$LANG_PREFIX" "$STAGE/lang"
show "$SDK" "$STAGE/runtime"
show "$RIE" "$STAGE/rapid/aws-lambda-rie"
show "$OPT" /opt
mount --rbind "$STAGE" /var
cd /var/task
exec env -i "$@"
"""


def namespaces() -> list[str] | None:
    """How to get a mount namespace here: as root, else as root of a user namespace; None where neither works."""
    for words in (["unshare", *NAMESPACES], ["unshare", "--user", "--map-root-user", *NAMESPACES]):
        try:
            subprocess.run(
                [*words, "mount", "-t", "tmpfs", "tmpfs", "/var"], capture_output=True, check=True, timeout=20
            )
        except (OSError, subprocess.SubprocessError):
            continue
        return words
    return None


class NoNamespace(Exception):
    """This machine gives no mount namespace."""


class Placed:
    """A context manager. Paths in `command` are Lambda's; it gets `variables` and no others."""

    def __init__(self, artifact: Artifact, function: str, command: Sequence[str], variables: Mapping[str, str]) -> None:
        self._artifact, self._function = artifact, function
        self._words = [*(f"{name}={value}" for name, value in variables.items()), *command]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as this object)
        self._stage = tempfile.TemporaryDirectory()

    def __enter__(self) -> "Placed":
        prefix = namespaces()
        if prefix is None:
            raise NoNamespace("unshare gives no mount namespace here")
        self._process = subprocess.Popen(
            [*prefix, "sh", "-c", MOUNT, "sh", *self._words],
            env={**os.environ, **self._mounts()},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the first process of the namespace, and with it all others; unshare reaps it and ends too."""
        with contextlib.suppress(ProcessLookupError):
            for child in self.children:
                os.kill(child, signal.SIGKILL)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        self._stage.cleanup()

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def children(self) -> list[int]:
        """The first process of the namespace, by the number that it has outside; empty when it has ended."""
        try:
            return [int(pid) for pid in _children(self._process.pid).split()]
        except FileNotFoundError:
            return []

    @property
    def said(self) -> str:
        """The end of both its outputs."""
        self._log.seek(0)
        return self._log.read()[-3000:].decode(errors="replace")

    def _mounts(self) -> dict[str, str]:
        artifact = self._artifact
        folders = {
            "STAGE": self._stage.name,
            "TASK": artifact.tasks[self._function],
            "LANG_PREFIX": artifact.python.resolve().parents[1],
            "SDK": artifact.sdk,
            "RIE": emulator(),
            "OPT": artifact.opt,
        }
        return {name: str(path) for name, path in folders.items()}


def _children(pid: int) -> str:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text()


def interpreter_on_lambda(artifact: Artifact) -> str:
    return f"/var/lang/bin/{artifact.python.resolve().name}"
