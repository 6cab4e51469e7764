"""Why a chat completion ended, in Anthropic's words.

https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
"""

from typing import Any

STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


def stop_reason(finish_reason: Any, *, is_tool_called: bool, is_refused: bool) -> str:
    """Some providers say `stop` beside tool calls, and a model that refuses says it in words."""
    found = STOP_REASONS.get(finish_reason, "end_turn") if isinstance(finish_reason, str) else "end_turn"
    if found != "end_turn":
        return found
    if is_refused:
        return "refusal"
    return "tool_use" if is_tool_called else found
