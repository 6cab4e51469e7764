"""Real provider traffic, read in place from the folder beside this repository."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "recordings"
REASON = "the recordings folder is not beside this repository"


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded exchange: what was asked, and the answer's status, headers and bytes."""

    name: str
    request: dict[str, Any]
    status: int
    headers: dict[str, str]
    body: bytes


def names(*prefixes: str) -> list[str]:
    """The names of the recordings with these prefixes; empty where the folder is absent."""
    found = (path.stem for path in FOLDER.glob("*.json") if not path.name.endswith(".body.json"))
    return sorted(name for name in found if name.startswith(prefixes) and name not in ("cases", "EXPECTED"))


def load(name: str) -> Recording:
    meta = json.loads((FOLDER / f"{name}.json").read_text())
    response = meta["response"]
    body = (FOLDER / response["body_file"]).read_bytes()
    return Recording(name, meta["request"]["body"], response["status"], response["headers"], body)
