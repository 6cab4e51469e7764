"""The fields of a chat message that no translation reads, to be named in the warnings.

OpenAI's SDK sends an answer back with all its fields, most of them null.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

READ = frozenset(
    {
        *("role", "content", "refusal", "tool_calls", "tool_call_id", "cache_control"),
        *("function_call", "audio"),  # refused
        *("thinking_blocks", "reasoning_content"),
    }
)
NOTHING: tuple[Any, ...] = (None, "", [], {})
FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


def unread(message: Mapping[str, Any]) -> Iterator[str]:
    """Names of fields that say something; `messages` for one that cannot stand in a header."""
    for name, value in message.items():
        if name not in READ and value not in NOTHING:
            yield name if FIELD_NAME.fullmatch(name) else "messages"
