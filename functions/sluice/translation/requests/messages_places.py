"""Where in a Messages request something stands that a translation behind the hub blames, told by its path there.

A turn can become several messages of a chat, and a block no part or several. A path is as exact as the two agree:
where they do not, it ends at the turn's content.
"""

import re
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from sluice.translation.requests.message_history import History
from sluice.translation.requests.message_parts import block_parts

OF_MESSAGE = re.compile(r"messages\[(\d+)\](.*)")
OF_PART = re.compile(r"\.content\[(\d+)\](.*)")
CONTENT = ".content"
UNSAID = ("thinking", "redacted_thinking", "tool_use")  # blocks that no part of a content is made of
# What stands within a part, in the words of its kind of block: the longest first.
WITHIN_BLOCK = {
    "image": {".image_url.url": ".source", ".image_url": ".source"},
    "document": {".file.file_data": ".source.data", ".file.filename": ".title", ".file": ".source"},
}
WITHIN_TOOL = {".function.parameters": ".input_schema", ".function": ""}


def place(path: str, body: Mapping[str, Any]) -> str:
    """The caller's path to what the chat made of `body`, for Converse, has at `path`."""
    if path.startswith(("tools[", "tool_choice.")):
        return renamed(path, WITHIN_TOOL)
    found = OF_MESSAGE.fullmatch(path)
    return path if found is None else _in_messages(int(found[1]), found[2], body)


def renamed(path: str, names: Mapping[str, str]) -> str:
    known = next((name for name in names if name in path), None)
    return path if known is None else path.replace(known, names[known], 1)


def _in_messages(number: int, rest: str, body: Mapping[str, Any]) -> str:
    system = [] if body.get("system") is None else History(extras=True).system(body["system"])
    if number < len(system):
        return "system"
    first = len(system)
    for index, turn in enumerate(body["messages"]):
        made = History(extras=True).messages([turn])
        if number < first + len(made):
            return f"messages[{index}]{_in_turn(rest, turn['content'], made)}"
        first += len(made)
    return "messages"


def _in_turn(rest: str, content: Any, made: list[dict[str, Any]]) -> str:
    part = OF_PART.fullmatch(rest)
    if part is None:
        return rest if rest in ("", ".role") else CONTENT
    if len(made) > 1 or made[0]["role"] == "tool" or not isinstance(content, list):
        return CONTENT
    index = _block_of(int(part[1]), content)
    return f"{CONTENT}[{index}]{_in_block(part[2], content[index]['type'])}"


def _block_of(part: int, content: list[Mapping[str, Any]]) -> int:
    """The index of the block that a part was made of."""
    counts = (0 if block["type"] in UNSAID else len(block_parts(block, "")) for block in content)
    return next(index for index, end in enumerate(accumulate(counts)) if part < end)


def _in_block(rest: str, kind: str) -> str:
    """What is the same in both keeps its name; what only the part has is told as the block."""
    known = renamed(rest, WITHIN_BLOCK.get(kind, {}))
    return known if known != rest or rest.startswith(".cache_control") else ""
