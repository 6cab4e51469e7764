"""A chat completion request as OpenAI reads it: accessors over the caller's JSON, and what it asks of it."""

import json
import math
from dataclasses import dataclass
from typing import Any

from sluice_devstack.simulated import tokens
from sluice_devstack.simulated.refusal import invalid
from sluice_devstack.simulated.rules import Rule, has_model, when

MAX_CHOICES = 128
REASONING_TOKENS = {"none": 0, "minimal": 0, "low": 64, "medium": 192, "high": 576, "xhigh": 1152, "max": 2304}


@dataclass(frozen=True, slots=True)
class ChatRequest:
    body: dict[str, Any]

    @property
    def model(self) -> str:
        return str(self.body["model"])

    @property
    def messages(self) -> list[dict[str, Any]]:
        return list(self.body["messages"])

    @property
    def is_stream(self) -> bool:
        return self.body.get("stream") is True

    @property
    def includes_usage(self) -> bool:
        return bool((self.body.get("stream_options") or {}).get("include_usage"))

    @property
    def includes_obfuscation(self) -> bool:
        return bool((self.body.get("stream_options") or {}).get("include_obfuscation", True))

    @property
    def choices(self) -> int:
        return int(self.body.get("n") or 1)

    @property
    def max_tokens(self) -> float:
        """How much one choice may hold, reasoning included; infinite if the request does not say."""
        return self.body.get("max_completion_tokens") or self.body.get("max_tokens") or math.inf

    @property
    def reasoning_tokens(self) -> int:
        return REASONING_TOKENS.get(str(self.body.get("reasoning_effort") or "medium"), 192)

    @property
    def prompt(self) -> str:
        """The text of the last message of the user."""
        texts = [text_of(message) for message in self.messages if message.get("role") == "user"]
        return texts[-1] if texts else text_of(self.messages[-1])

    @property
    def tool_results(self) -> list[str]:
        """What tools answered since the user spoke last."""
        results: list[str] = []
        for message in self.messages:
            results = [*results, text_of(message)] if message.get("role") == "tool" else []
        return results

    @property
    def images(self) -> int:
        parts = [part for message in self.messages for part in _parts(message)]
        return sum(part.get("type") == "image_url" for part in parts)

    @property
    def stops(self) -> list[str]:
        stop = self.body.get("stop") or []
        return [stop] if isinstance(stop, str) else list(stop)

    @property
    def prompt_tokens(self) -> int:
        texts = [text_of(message) + _calls_of(message) for message in self.messages]
        described = json.dumps([self.body[key] for key in ("tools", "response_format") if self.body.get(key)])
        return (
            sum(tokens.count(text) + tokens.TOKENS_PER_MESSAGE for text in texts)
            + tokens.TOKENS_OF_REPLY_PRIMING
            + tokens.TOKENS_PER_IMAGE * self.images
            + (tokens.count(described) if len(described) > 2 else 0)
        )


def text_of(message: dict[str, Any]) -> str:
    return " ".join(str(part.get("text") or "") for part in _parts(message))


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content") or ""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [part for part in content if isinstance(part, dict)]


def _calls_of(message: dict[str, Any]) -> str:
    return json.dumps(message["tool_calls"]) if message.get("tool_calls") else ""


def _wrong_messages(body: dict[str, Any]) -> bool:
    messages = body.get("messages")
    return not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages)


def _speaks_of_json(body: dict[str, Any]) -> bool:
    return any("json" in text_of(message).lower() for message in body["messages"])


def _format(body: dict[str, Any]) -> Any:
    return (body.get("response_format") or {}).get("type")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


RULES: tuple[Rule, ...] = (
    has_model,
    when(
        lambda body: "messages" not in body,
        invalid(400, "Missing required parameter: 'messages'.", "messages", "missing_required_parameter"),
    ),
    when(
        _wrong_messages,
        invalid(400, "Invalid type for 'messages': expected an array of objects.", "messages", "invalid_type"),
    ),
    when(
        lambda body: not body["messages"],
        invalid(
            400, "Invalid 'messages': empty array. Expected an array with minimum length 1.", "messages", "empty_array"
        ),
    ),
    when(
        lambda body: bool(body.get("stream_options")) and body.get("stream") is not True,
        invalid(400, "The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options"),
    ),
    when(
        lambda body: body.get("n") is not None and not (_is_count(body["n"]) and body["n"] <= MAX_CHOICES),
        invalid(400, f"Invalid 'n': expected an integer between 1 and {MAX_CHOICES}.", "n", "invalid_value"),
    ),
    *(
        when(
            lambda body, name=name: body.get(name) is not None and not _is_count(body[name]),  # type: ignore[misc]
            invalid(400, f"Invalid '{name}': expected an integer of at least 1.", name, "integer_below_min_value"),
        )
        for name in ("max_tokens", "max_completion_tokens")
    ),
    when(
        lambda body: bool(body.get("tool_choice")) and body["tool_choice"] != "none" and not body.get("tools"),
        invalid(
            400,
            "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
            "tool_choice",
        ),
    ),
    when(
        lambda body: _format(body) == "json_object" and not _speaks_of_json(body),
        invalid(
            400,
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            "messages",
        ),
    ),
)
