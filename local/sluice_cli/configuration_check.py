"""A configuration judged by the gateway's own code, and the file that it is in."""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from sluice_cli import host_build
from sluice_cli.arguments import existing_file
from sluice_cli.configurations import MAX_TEXT_BYTES
from sluice_cli.failure import CommandFailed, UsageError
from sluice_cli.judgement import PLACES, ROOT, Judgement, found_in, judged
from sluice_cli.terminal import Terminal
from sluice_cli.waiting import Waiting


def named_file(word: str | None) -> Path:
    """The file of that name; without one, the configuration of the working folder."""
    try:
        path = existing_file(word) if word else found_in(Path())
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"argument FILE: {error}") from error
    if path is None:
        raise UsageError(f"no {' or '.join(PLACES)} in this folder; name the FILE")
    return path


def checked(path: Path, terminal: Terminal) -> Judgement:
    """What the gateway says of it, good or bad."""
    if not host_build.is_missing(ROOT) and (old := host_build.outdated(ROOT)):
        terminal.error.line(f"{old} is not in build/host as it is now: asking what is there; {host_build.MAKE} again")
    with Waiting(terminal.error, f"starting the gateway with {path}"):
        return judged(path)


def good_content(path: Path, terminal: Terminal) -> tuple[bytes, Judgement]:
    """The file's bytes, once the gateway has started with them. Raises CommandFailed where it would not."""
    content = path.read_bytes()
    if len(content) > MAX_TEXT_BYTES:
        too_large = f"{len(content):,} bytes, and {MAX_TEXT_BYTES:,} are the most that fit an item of the table"
        raise CommandFailed(f"{path} has {too_large}")
    judgement = checked(path, terminal)
    if judgement.error:
        raise CommandFailed(f"{path}: {judgement.error}")
    if path.read_bytes() != content:
        raise CommandFailed(f"{path} was changed while it was checked; do it again")
    return content, judgement


def check_version(number: int, text: str, terminal: Terminal) -> None:
    """Raises CommandFailed where the gateway would not start with that version any more."""
    with TemporaryDirectory(prefix="sluice-") as folder:
        path = Path(folder, f"version-{number}.toml")
        path.write_bytes(text.encode())
        judgement = checked(path, terminal)
    if judgement.error:
        raise CommandFailed(f"version {number} is no good to the gateway of this build: {judgement.error}")
