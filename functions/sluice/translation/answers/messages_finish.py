"""Why Claude stopped, in OpenAI's words.

https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
"""

from typing import Any

FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}


def finish_reason(stop_reason: Any, is_tool_called: bool) -> str:
    """`is_tool_called` says that the caller was given a call; without one there is nothing for him to do."""
    found = FINISH_REASONS.get(stop_reason, "stop") if isinstance(stop_reason, str) else "stop"
    return "tool_calls" if found == "stop" and is_tool_called else found
