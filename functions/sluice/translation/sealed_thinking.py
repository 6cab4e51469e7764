"""A model's signed reasoning, as the `encrypted_content` that a caller of the Responses API hands back unread.

Nothing is kept here between calls, so the item carries what the next turn needs: URL-safe base64 of the JSON object
`{"thinking_blocks": [...]}`, each block as the chat dialect has it. It is packed, not encrypted: the caller has read
the text already, and the provider checks its own signature.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from typing import Any

BLOCKS = "thinking_blocks"
# The kinds of block, and the keys without which a provider would refuse them.
NEEDED = {"thinking": ("thinking", "signature"), "redacted_thinking": ("data",)}


def sealed(blocks: Sequence[Mapping[str, Any]]) -> str:
    """Blocks that are whole (`is_whole`), packed; their places in the answer (`index`) are left out."""
    packed = json.dumps({BLOCKS: [_kept(block) for block in blocks]}, separators=(",", ":"))
    return urlsafe_b64encode(packed.encode()).decode()


def unsealed(content: object) -> list[dict[str, Any]] | None:
    """The blocks of content that `sealed` made, None for another's, such as what OpenAI encrypts."""
    try:
        packed = json.loads(urlsafe_b64decode(content)) if isinstance(content, str) else None
    except (NotBase64, ValueError, RecursionError):
        return None
    blocks = packed.get(BLOCKS) if isinstance(packed, dict) else None
    if not isinstance(blocks, list) or not blocks or not all(map(is_whole, blocks)):
        return None
    return [_kept(block) for block in blocks]


def is_whole(block: object) -> bool:
    """A signed thinking block, or a redacted one, with all that it takes to send it back."""
    if not isinstance(block, Mapping) or not isinstance(kind := block.get("type"), str):
        return False
    needed = NEEDED.get(kind, ())
    return bool(needed) and all(isinstance(block.get(key), str) for key in needed)


def _kept(block: Mapping[str, Any]) -> dict[str, Any]:
    return {key: block[key] for key in ("type", *NEEDED[block["type"]])}
