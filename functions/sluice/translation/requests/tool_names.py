"""The name of a tool, as chat.completions and Converse both bound it."""

import re

from sluice.translation.requests.json_values import Value

TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def tool_name(name: Value) -> str:
    """Raises InvalidRequest for what Converse would refuse."""
    if not TOOL_NAME.fullmatch(name.text()):
        name.wrong("1 to 64 letters, digits, _ or -")
    return name.text()
