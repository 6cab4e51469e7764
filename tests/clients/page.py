"""The programs that docs/clients.md shows, as its readers copy them.

A block belongs to a client by the comment above it: `<!-- recipe: curl -->`, or `<!-- recipe: labels after python -->`
for one that goes on where another ends.
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "clients.md"
BLOCK = re.compile(r"^<!-- recipe: ([\w-]+)(?: after ([\w-]+))? -->\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
ANY_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks() -> dict[str, str]:
    """The text of each block, what it continues not included."""
    return {name: text for name, _, text in BLOCK.findall(PAGE.read_text(encoding="utf-8"))}


def program(name: str) -> str:
    """What a reader has who copied the block, and before it the one it continues."""
    found = {name: (after, text) for name, after, text in BLOCK.findall(PAGE.read_text(encoding="utf-8"))}
    after, text = found[name]
    return f"{program(after)}\n{text}" if after else text
