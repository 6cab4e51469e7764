"""Whether build/host, which the dev stack runs, is there and holds what the sources say.

Compared by content, as `make host` does it: its copies of our own sources lie in build/host as they are.
"""

from collections.abc import Iterator
from pathlib import Path

COPIES = {"functions": "task", "layers/runtime/streaming_runtime": "opt/python/streaming_runtime"}
SUFFIXES = {".py", ".toml", ".json"}
MAKE = "`make host` builds it"


def is_missing(root: Path) -> bool:
    return not (root / "build" / "host" / "task").is_dir()


def outdated(root: Path) -> str | None:
    """The first source that is not in build/host as it is now; None when all are."""
    for source, copy in _pairs(root):
        if not copy.is_file() or copy.read_bytes() != source.read_bytes():
            return source.relative_to(root).as_posix()
    return None


def _pairs(root: Path) -> Iterator[tuple[Path, Path]]:
    for folder, built in COPIES.items():
        for source in sorted((root / folder).rglob("*")):
            if source.suffix in SUFFIXES and source.is_file():
                yield source, root / "build" / "host" / built / source.relative_to(root / folder)
