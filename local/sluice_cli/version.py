"""Which Sluice this is."""

import tomllib
from importlib import metadata
from pathlib import Path

DISTRIBUTION = "sluice-gateway"
ROOT = Path(__file__).resolve().parents[2]


def version(distribution: str = DISTRIBUTION, root: Path = ROOT) -> str:
    """The installed distribution's, else that of the clone it runs from."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return str(project["version"])
