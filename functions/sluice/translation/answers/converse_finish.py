"""Converse's stop reasons as OpenAI's finish reasons.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_MessageStopEvent.html
"""

from typing import Any

from sluice.domain.errors import UpstreamReported

FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "stop",  # of a tool that the provider ran itself; a caller's tool is told apart below
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
MALFORMED = {
    "malformed_model_output": "the provider could not parse what the model wrote; the same request may succeed",
    "malformed_tool_use": "the provider could not parse the model's tool call; the same request may succeed",
}


def finish_reason(stop_reason: Any, is_tool_called: bool) -> str:
    """Raises UpstreamReported for a stop reason that tells of a failure; an unknown one is a normal end."""
    stop = stop_reason if isinstance(stop_reason, str) else ""
    if stop in MALFORMED:
        raise _malformed(stop)
    reason = FINISH_REASONS.get(stop, "stop")
    return "tool_calls" if is_tool_called and reason == "stop" else reason


def _malformed(stop_reason: str) -> UpstreamReported:
    error = UpstreamReported(MALFORMED[stop_reason])
    error.status, error.type, error.code = 502, "server_error", stop_reason
    return error
