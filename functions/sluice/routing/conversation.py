"""What a conversation is known by, so that it stays at one target and its provider's prompt cache keeps hitting."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sluice.domain.call import Call, ModelRequest
from sluice.domain.route import Route, Sticky

# Where callers name a conversation, or whom they speak for: OpenAI's fields, Anthropic's, Bedrock's.
NAMES: tuple[str, ...] = ("prompt_cache_key", "safety_identifier", "user", "metadata.session_id", "metadata.user_id")
NAMES += ("requestMetadata.session_id",)
INSTRUCTIONS = ("system", "instructions", "tools", "toolConfig")
INSTRUCTING = ("system", "developer")


def conversation(route: Route, call: Call, request: ModelRequest) -> str | None:
    """Principal and conversation, None where the route lets none stay, or the caller wants it so.

    By session: the caller's own id of it, else the principal's session; who has neither has no conversation, or all
    calls of a principal would be one. By prefix: what does not change while a conversation grows, which is its
    instructions and its first message.
    """
    if route.sticky is None or not call.wishes.is_sticky:
        return None
    which = _session(call, request.body) if route.sticky is Sticky.SESSION else prefix(request.body)
    return f"{call.principal.id}\n{which}" if which else None


def _session(call: Call, body: Mapping[str, Any]) -> str | None:
    found = call.wishes.session or next(filter(None, (_at(body, name) for name in NAMES)), None)
    return found or call.principal.session


def prefix(body: Mapping[str, Any]) -> str:
    """A digest of how a conversation begins."""
    kept = {name: body[name] for name in INSTRUCTIONS if name in body}
    messages = body.get("messages", body.get("input", body.get("prompt")))
    kept["first"] = _first(messages) if isinstance(messages, list) else messages
    text = json.dumps(kept, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()


def _first(messages: list[Any]) -> list[Any]:
    """Up to the first message that does not instruct, with it."""
    for place, message in enumerate(messages):
        if not (isinstance(message, dict) and message.get("role") in INSTRUCTING):
            return messages[: place + 1]
    return messages


def _at(body: Mapping[str, Any], path: str) -> str | None:
    found: Any = body
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) and found else None
