"""A stamp: a small file that remembers from which inputs something was made, so that making it again can be skipped.

Inputs are compared by content, never by time: a fresh clone, a `git switch` and a `touch` all leave a stamp valid.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

IGNORED = frozenset({"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"})


def source_files(folder: Path) -> list[Path]:
    """Every file under the folder, in a fixed order, without what tools leave behind."""
    found = [path for path in folder.rglob("*") if path.is_file() and IGNORED.isdisjoint(path.parts)]
    return sorted(path for path in found if path.suffix != ".pyc")


def digest(root: Path, files: Iterable[Path], *facts: str) -> str:
    """One hash over the facts and over name and content of each file."""
    sha = hashlib.sha256("\n".join(facts).encode())
    for path in files:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        mode = path.stat().st_mode & 0o111
        sha.update(f"\n{path.relative_to(root).as_posix()} {mode} {content}".encode())
    return sha.hexdigest()


@dataclass(frozen=True, slots=True)
class Stamp:
    """What was made is current while the stamp's file holds the digest of its inputs."""

    path: Path

    def holds(self, value: str) -> bool:
        return self.path.is_file() and self.path.read_text() == value

    def write(self, value: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(value)
