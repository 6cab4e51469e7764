"""The response object itself, as the first and the last events of a stream carry it. Keys as recorded of gpt-5.4."""

from dataclasses import dataclass, replace
from typing import Any

from sluice_devstack.simulated.responses.request import ResponsesRequest

Fields = dict[str, Any]
NO_IMAGE_TOKENS = {"image_tokens": 0, "text_tokens": 0}
TOOL_USAGE = {
    "image_gen": {
        "input_tokens": 0,
        "input_tokens_details": NO_IMAGE_TOKENS,
        "output_tokens": 0,
        "output_tokens_details": NO_IMAGE_TOKENS,
        "total_tokens": 0,
    },
    "web_search": {"num_requests": 0},
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A response at one moment of its life."""

    id: str
    model: str
    created_at: int
    is_reasoning: bool
    request: ResponsesRequest
    status: str = "in_progress"
    completed_at: int | None = None
    output: tuple[Fields, ...] = ()
    usage: Fields | None = None
    incomplete_reason: str | None = None

    def ended(self, now: int, output: list[Fields], usage: Fields, incomplete_reason: str | None) -> "Snapshot":
        return replace(
            self,
            status="incomplete" if incomplete_reason else "completed",
            completed_at=None if incomplete_reason else now,
            output=tuple(output),
            usage=usage,
            incomplete_reason=incomplete_reason,
        )

    def json(self) -> Fields:
        reason = self.incomplete_reason
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created_at,
            "status": self.status,
            "background": False,
            "completed_at": self.completed_at,
            "error": None,
            "frequency_penalty": 0.0,
            "incomplete_details": {"reason": reason} if reason else None,
            **self._asked("instructions", "max_output_tokens", "max_tool_calls"),
            "model": self.model,
            "moderation": None,
            "output": list(self.output),
            "parallel_tool_calls": self.request.body.get("parallel_tool_calls") is not False,
            "presence_penalty": 0.0,
            **self._asked("previous_response_id", "prompt_cache_key", "prompt_cache_retention"),
            "reasoning": self._reasoning(),
            "safety_identifier": self.request.body.get("safety_identifier"),
            "service_tier": "auto" if self.status == "in_progress" else "default",
            "store": self.request.is_stored,
            "temperature": self._or("temperature", 1.0),
            "text": {"format": self._format(), "verbosity": self._text().get("verbosity", "medium")},
            "tool_choice": self._or("tool_choice", "auto"),
            "tool_usage": TOOL_USAGE,
            "tools": [_tool(tool) for tool in self.request.tools],
            "top_logprobs": self._or("top_logprobs", 0),
            "top_p": self._or("top_p", 1.0),
            "truncation": self._or("truncation", "disabled"),
            "usage": self.usage,
            "user": self.request.body.get("user"),
            "metadata": self._or("metadata", {}),
        }

    def _asked(self, *names: str) -> Fields:
        return {name: self.request.body.get(name) for name in names}

    def _or(self, name: str, default: Any) -> Any:
        value = self.request.body.get(name)
        return default if value is None else value

    def _text(self) -> Fields:
        return self.request.body.get("text") or {}

    def _reasoning(self) -> Fields:
        given = self.request.reasoning
        if not self.is_reasoning:
            return {"effort": None, "summary": None}
        effort = given.get("effort") or "medium"
        return {"context": "current_turn", "effort": effort, "mode": "standard", "summary": given.get("summary")}

    def _format(self) -> Fields:
        given = self.request.format
        if given["type"] != "json_schema":
            return {"type": given["type"]}
        strict = given.get("strict") is True
        named = {name: given.get(name) for name in ("description", "name", "schema")}
        return {"type": "json_schema", **named, "strict": strict}


def _tool(tool: Fields) -> Fields:
    strict = tool.get("strict") is not False
    named = {name: tool.get(name) for name in ("description", "name", "parameters")}
    return {"type": "function", **named, "strict": strict}
