"""Control groups of version 1: a folder in which the kernel holds processes to a limit."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")


class CgroupMissing(Exception):
    """This machine cannot hold a process to the limit; the message says what is needed."""


def need(controller: str, file: str) -> None:
    """Raises CgroupMissing where the controller is not there or may not be written."""
    if os.geteuid() != 0 or not (MOUNT / controller / file).exists():
        raise CgroupMissing(f"this run needs root and cgroup v1's {controller} controller at {MOUNT / controller}")


@contextmanager
def cpu(name: str) -> Iterator[Path]:
    """A group with periods of 20 ms and no quota yet. Its processes have to be gone at the end."""
    folder = MOUNT / "cpu" / name
    folder.mkdir(exist_ok=True)
    try:
        (folder / "cpu.cfs_period_us").write_text("20000")
        yield folder
    finally:
        (folder / "cpu.cfs_quota_us").write_text("-1")
        folder.rmdir()


@contextmanager
def memory(name: str, limit_bytes: int) -> Iterator[Path]:
    """A group that may hold so many bytes, swap counted in where the kernel counts it. Its processes have to be gone
    at the end."""
    folder = MOUNT / "memory" / name
    folder.mkdir(exist_ok=True)
    try:
        (folder / "memory.limit_in_bytes").write_text(str(limit_bytes))
        yield folder
    finally:
        folder.rmdir()
