"""What a commit of this repository would hold: its files, its Python syntax trees and what they import."""

import ast
import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MADE = {"build", ".aws-sam", ".git", "__pycache__", "node_modules"}


@functools.cache
def files() -> tuple[Path, ...]:
    """What git tracks or would add; without git, all that is not made here."""
    try:
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        names = [ROOT / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = [path for path in ROOT.rglob("*") if not is_made(path.relative_to(ROOT))]
    return tuple(sorted(path for path in names if path.is_file()))


def is_made(path: Path) -> bool:
    return any(part in MADE or part.startswith(".venv") or part.endswith("_cache") for part in path.parts)


def python_files(*folders: str) -> list[Path]:
    """All of them, or those in the folders; functions/*.py are in `functions`."""
    chosen = [path for path in files() if path.suffix == ".py"]
    if not folders:
        return chosen
    return [path for path in chosen if any(path.is_relative_to(ROOT / folder) for folder in folders)]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), name(path))


def imports(module: ast.Module) -> Iterator[str]:
    """Dotted names of what a module imports anywhere, also through importlib with a constant name."""
    for node in ast.walk(module):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(source), names=names, level=0):
                yield from (f"{source}.{alias.name}" for alias in names)
            case ast.Call(func=ast.Name(id="import_module") | ast.Attribute(attr="import_module"), args=[first, *_]):
                if isinstance(first, ast.Constant):
                    yield str(first.value)


def roots(module: ast.Module) -> set[str]:
    return {imported.partition(".")[0] for imported in imports(module)}
