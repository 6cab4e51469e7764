"""A request of Anthropic's Messages API, as a chat completion's.

What a chat cannot say is refused with `param` where the answer would be another without it, and else left out and
named in the warnings. The result is the hub's: it goes to OpenAI as it is, or on to Converse.
https://platform.claude.com/docs/en/api/messages
"""

import re
from collections.abc import Mapping
from typing import Any

from sluice.domain.errors import InvalidRequest, UnsupportedParameter
from sluice.translation.requests import message_effort, message_tools, message_value, messages_places
from sluice.translation.requests.message_history import History
from sluice.translation.translation import Translated

REFUSED = {
    "container": "runs with Anthropic alone",
    "mcp_servers": "are called by Anthropic alone",
    "context_management": "is done by Anthropic alone",
    "inference_geo": "is a promise of Anthropic's alone",
}
READ = {
    "model",
    "messages",
    "system",
    "max_tokens",
    "stream",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "output_format",
    "metadata",
    "service_tier",
    "stop_sequences",
    "temperature",
    "top_p",
    "top_k",
    "anthropic_version",
    *REFUSED,
}
TIERS = {"auto": "auto", "standard_only": "default"}
# What a caller of Messages calls a field that a translation behind this one drops or blames (`param`).
CALLERS_NAMES = {
    "max_completion_tokens": "max_tokens",
    "stop": "stop_sequences",
    "reasoning_effort": "thinking",
    "response_format": "output_config",
    "parallel_tool_calls": "tool_choice",
    "user": "metadata",
    "detail": "messages",
    "thinking_blocks": "messages.thinking",
}
# Models of OpenAI's that answer 400 to reasoning_effort, as they do not reason.
# https://platform.openai.com/docs/api-reference/chat/create, https://platform.openai.com/docs/models
UNREASONING = re.compile(r"(ft:)?(gpt-3|gpt-4|chatgpt-4)")
USER_LENGTH = 64  # OpenAI's limit on `user`; Claude Code's ids are longer


def request(body: Mapping[str, Any], model: str, *, extras: bool = False) -> Translated:
    """`extras` says that the chat goes on to Converse, which understands what OpenAI refuses: cache_control, top_k,
    thinking_blocks and images that tools returned."""
    refuse(body)
    history = History(extras=extras)
    chat: dict[str, Any] = {"model": model, "messages": messages(body, history)}
    warnings = [*history.warnings, *message_effort.warnings(body)]
    is_unreasoning = not extras and UNREASONING.match(model) is not None
    if body.get("tools"):
        chat["tools"], of_tools = message_tools.tools(body["tools"], extras=extras)
        warnings += of_tools
    for part in (limits, choice, sampling, reasoning, identity, streaming):
        chat.update(part(body))
    if is_unreasoning and chat.pop("reasoning_effort", None) is not None:
        warnings += message_effort.said_in(body)
    if extras and body.get("top_k") is not None:
        chat["top_k"] = message_value.count(body["top_k"], "top_k")
    warnings += dropped(body, extras=extras)
    return Translated(chat, tuple(dict.fromkeys(warnings)))


def callers_name(name: str) -> str:
    """What the caller calls a field of the chat that a translation behind this one drops."""
    return CALLERS_NAMES.get(name.partition(".")[0].partition("[")[0], name)


def callers_place(path: str, body: Mapping[str, Any]) -> str:
    """Where in the caller's `body` is what a translation behind this one blames (`param`)."""
    return callers_name(messages_places.place(path, body))


def refuse(body: Mapping[str, Any]) -> None:
    for name, reason in REFUSED.items():
        if not message_value.is_nothing(body.get(name)):
            raise UnsupportedParameter(f"{name} {reason}; leave it out for this model", param=name)


def messages(body: Mapping[str, Any], history: History) -> list[dict[str, Any]]:
    turns = message_value.items(body.get("messages"), "messages")
    system = [] if body.get("system") is None else history.system(body["system"])
    found = history.messages(turns)
    if not turns:
        raise InvalidRequest("messages must hold at least one message", param="messages")
    if not found:
        raise InvalidRequest("messages[0].content is empty; say something in it", param="messages[0].content")
    return system + found


def limits(body: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"max_completion_tokens": message_value.count(body.get("max_tokens"), "max_tokens")}
    stops = message_value.items(body.get("stop_sequences") or [], "stop_sequences")
    if stops:
        found["stop"] = [message_value.text(each, f"stop_sequences[{index}]") for index, each in enumerate(stops)]
    return found


def choice(body: Mapping[str, Any]) -> dict[str, Any]:
    return {} if body.get("tool_choice") is None else message_tools.choice(body["tool_choice"])


def sampling(body: Mapping[str, Any]) -> dict[str, Any]:
    names = [name for name in ("temperature", "top_p") if body.get(name) is not None]
    return {name: message_value.number(body[name], name) for name in names}


def reasoning(body: Mapping[str, Any]) -> dict[str, Any]:
    found = {"reasoning_effort": message_effort.effort(body), "response_format": message_effort.response_format(body)}
    return {name: value for name, value in found.items() if value is not None}


def identity(body: Mapping[str, Any]) -> dict[str, Any]:
    """Whose call it is, and how it is served. An id that is too long for OpenAI stays one id, hashed."""
    found: dict[str, Any] = {}
    metadata = body.get("metadata")
    user = message_value.mapping(metadata, "metadata").get("user_id") if metadata is not None else None
    if user is not None:
        named = message_value.text(user, "metadata.user_id")
        found["user"] = named if len(named) <= USER_LENGTH else message_value.opaque(named)
    if isinstance(body.get("service_tier"), str) and body["service_tier"] in TIERS:
        found["service_tier"] = TIERS[body["service_tier"]]
    return found


def streaming(body: Mapping[str, Any]) -> dict[str, Any]:
    return {"stream": True, "stream_options": {"include_usage": True}} if body.get("stream") is True else {}


def dropped(body: Mapping[str, Any], *, extras: bool) -> list[str]:
    unread = [name for name, value in body.items() if name not in READ and value is not None]
    metadata = body.get("metadata")
    if isinstance(metadata, Mapping) and metadata.keys() - {"user_id"}:
        unread.append("metadata")
    tier = body.get("service_tier")
    if tier is not None and not (isinstance(tier, str) and tier in TIERS):
        unread.append("service_tier")
    return unread if extras or body.get("top_k") is None else [*unread, "top_k"]
