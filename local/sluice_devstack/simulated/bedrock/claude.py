"""Claude by InvokeModel: the Messages API's bodies, whole and as events in chunks.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html
"""

import json
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from sluice_devstack.simulated.bedrock.exceptions import invalid
from sluice_devstack.simulated.bedrock.model_id import ModelId
from sluice_devstack.simulated.bedrock.question import Chat, Question, prefixes
from sluice_devstack.simulated.bedrock.said import Block, Reasoning, Said, Text, ToolUse
from sluice_devstack.simulated.refusal import Refused
from sluice_devstack.simulated.reply import letters

Body = Mapping[str, Any]
REQUIRED = ("anthropic_version", "max_tokens", "messages")
KNOWN = {
    *("anthropic_beta", "anthropic_version", "context_management", "max_tokens", "mcp_servers", "messages"),
    *("metadata", "output_config", "output_format", "stop_sequences", "system", "temperature", "thinking"),
    *("tool_choice", "tools", "top_k", "top_p"),
}
# https://github.com/router-for-me/CLIProxyAPI/issues/4750, https://github.com/anthropics/claude-code/issues/30926
UNKNOWN_BETAS = (
    *("advanced-tool-use-2025-11-20", "advisor-tool-2026-03-01", "fast-mode-2026-02-01", "files-api-2025-04-14"),
    *("mcp-servers-2025-12-04", "oauth-2025-04-20", "prompt-caching-scope-2026-01-05", "redact-thinking-2026-02-12"),
    "token-efficient-tools-2026-03-28",
)
TOOL_SEARCH = "tool-search-tool-2025-10-19"
CHOICES = {"auto": "auto", "any": "required", "none": "none"}
CACHE_CONTROL = "cache_control"
STOP_REASONS = {"guardrail_intervened": "end_turn"}


def check(body: Body) -> None:
    """Raises Refused for the first thing the model would not take."""
    if refused := next(_complaints(body), None):
        raise refused


def question(body: Body, model: ModelId) -> Question:
    """Of a body that `check` has let pass."""
    return Question(
        model=model,
        chat=_chat(body, model),
        thinks=(body.get("thinking") or {}).get("type") in ("enabled", "adaptive"),
        citation=_citation(body),
        cached=_cached(body),
    )


def document(said: Said, model: ModelId, random: Random) -> dict[str, Any]:
    content = [_block(block) for block in said.blocks]
    used = {**_input_usage(said), "output_tokens": said.usage.output_tokens}
    return {**_opening(model, random), "content": content, **_stopped(said), "usage": used}


def events(said: Said, model: ModelId, random: Random) -> Iterator[dict[str, Any]]:
    """In order; those that cost the model a token are deltas."""
    opening = {**_opening(model, random), "content": [], "stop_reason": None, "stop_sequence": None}
    yield {"type": "message_start", "message": {**opening, "usage": {**_input_usage(said), "output_tokens": 1}}}
    for number, block in enumerate(said.blocks):
        yield {"type": "content_block_start", "index": number, "content_block": _empty(block)}
        for delta in _deltas(block):
            yield {"type": "content_block_delta", "index": number, "delta": delta}
        yield {"type": "content_block_stop", "index": number}
    yield {"type": "message_delta", "delta": _stopped(said), "usage": {"output_tokens": said.usage.output_tokens}}
    yield {"type": "message_stop"}


def _complaints(body: Body) -> Iterator[Refused]:
    yield from (invalid(f"{name}: Field required") for name in REQUIRED if name not in body)
    yield from (invalid(f"{name}: Extra inputs are not permitted") for name in body if name not in KNOWN)
    yield from _complaints_of_betas(body)
    if not isinstance(body["messages"], list) or not body["messages"]:
        yield invalid("messages: at least one message is required")
    for number, message in enumerate(body["messages"]):
        yield from _complaints_of(message, number)
    wanted = body.get("thinking") or {}
    if wanted.get("type") == "enabled" and wanted.get("budget_tokens", 0) >= body["max_tokens"]:
        yield invalid("`max_tokens` must be greater than `thinking.budget_tokens`.")


def _complaints_of_betas(body: Body) -> Iterator[Refused]:
    betas = body.get("anthropic_beta") or []
    if any(beta in UNKNOWN_BETAS for beta in betas):
        yield invalid("invalid beta flag")
    for number, tool in enumerate(body.get("tools") or []):
        if "defer_loading" in tool and TOOL_SEARCH not in betas:
            yield invalid(f"tools.{number}.custom.defer_loading: Extra inputs are not permitted")


def _complaints_of(message: Any, number: int) -> Iterator[Refused]:
    if not isinstance(message, dict) or message.get("role") not in ("user", "assistant"):
        yield invalid(f"messages.{number}.role: Input should be 'user' or 'assistant'")
    elif not message.get("content"):
        yield invalid(f"messages.{number}: all messages must have non-empty content")
    elif any(part.get("type") == "text" and not part.get("text") for part in _parts(message["content"])):
        yield invalid("messages: text content blocks must be non-empty")


def _parts(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _chat(body: Body, model: ModelId) -> Chat:
    system = " ".join(part["text"] for part in _parts(body.get("system") or []))
    turns = [turn for message in body["messages"] for turn in _turns(message)]
    chat: Chat = {"model": model.asked, "messages": [{"role": "system", "content": system}, *turns]}
    choice = body.get("tool_choice") or {}
    given = {
        "max_tokens": body["max_tokens"],
        "stop": body.get("stop_sequences"),
        "tools": _tools(body),
        "tool_choice": _choice(choice),
        "response_format": _format(body),
        "parallel_tool_calls": False if choice.get("disable_parallel_tool_use") else None,
    }
    return chat | {name: value for name, value in given.items() if value is not None}


def _turns(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    parts = _parts(message["content"])
    said = [{"type": KINDS[part["type"]], "text": part.get("text")} for part in parts if part["type"] in KINDS]
    calls = [_call(part) for part in parts if part["type"] == "tool_use"]
    if said or calls:
        yield {"role": message["role"], "content": said, **({"tool_calls": calls} if calls else {})}
    for part in parts:
        if part["type"] == "tool_result":
            results = _parts(part.get("content") or "")
            yield {"role": "tool", "content": " ".join(str(one.get("text") or "") for one in results)}


KINDS = {"text": "text", "image": "image_url"}


def _call(part: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": part["name"], "arguments": json.dumps(part["input"])}
    return {"id": part["id"], "type": "function", "function": function}


def _tools(body: Body) -> list[dict[str, Any]] | None:
    tools = [tool for tool in body.get("tools") or [] if "input_schema" in tool]
    functions = [{"name": tool["name"], "parameters": tool["input_schema"]} for tool in tools]
    return [{"type": "function", "function": function} for function in functions] or None


def _choice(choice: Mapping[str, Any]) -> Any:
    if choice.get("type") == "tool":
        return {"type": "function", "function": {"name": choice["name"]}}
    return CHOICES.get(str(choice.get("type")))


def _format(body: Body) -> dict[str, Any] | None:
    wanted = (body.get("output_config") or {}).get("format") or body.get("output_format")
    return {"type": "json_schema", "json_schema": {"schema": wanted["schema"]}} if wanted else None


def _citation(body: Body) -> dict[str, Any] | None:
    parts = [part for message in body["messages"] for part in _parts(message["content"]) if part["type"] == "document"]
    for number, part in enumerate(parts):
        if (part.get("citations") or {}).get("enabled"):
            text = str((part.get("source") or {}).get("data", ""))[:100]
            place = {"document_index": number, "document_title": part.get("title")}
            return {
                "type": "char_location",
                "cited_text": text,
                **place,
                "start_char_index": 0,
                "end_char_index": len(text),
            }
    return None


def _cached(body: Body) -> tuple[str, ...]:
    turns = [part for message in body["messages"] for part in _parts(message["content"])]
    items = [*(body.get("tools") or []), *_parts(body.get("system") or []), *turns]
    ends = [number + 1 for number, item in enumerate(items) if item.get(CACHE_CONTROL)]
    return prefixes(items, ends, CACHE_CONTROL)


def _opening(model: ModelId, random: Random) -> dict[str, Any]:
    name = model.base.removeprefix("anthropic.")
    return {"id": f"msg_bdrk_01{letters(random, 22)}", "type": "message", "role": "assistant", "model": name}


def _input_usage(said: Said) -> dict[str, Any]:
    used = said.usage
    cache = {"cache_creation_input_tokens": used.cache_write, "cache_read_input_tokens": used.cache_read}
    return {"input_tokens": used.input_tokens, **cache}


def _stopped(said: Said) -> dict[str, Any]:
    reason = STOP_REASONS.get(said.stop_reason, said.stop_reason)
    return {"stop_reason": reason, "stop_sequence": said.stop_sequence}


def _block(block: Block) -> dict[str, Any]:
    if isinstance(block, Reasoning):
        return {"type": "thinking", "thinking": block.text, "signature": block.signature or ""}
    if isinstance(block, ToolUse):
        return {**_empty(block), "input": json.loads(block.input or "{}")}
    return {"type": "text", "text": block.text, **({"citations": [block.citation]} if block.citation else {})}


def _empty(block: Block) -> dict[str, Any]:
    if isinstance(block, Reasoning):
        return {"type": "thinking", "thinking": "", "signature": ""}
    if isinstance(block, ToolUse):
        return {"type": "tool_use", "id": f"toolu_bdrk_01{block.id}", "name": block.call.name, "input": {}}
    return {"type": "text", "text": "", **({"citations": []} if block.citation else {})}


def _deltas(block: Block) -> Iterator[dict[str, Any]]:
    if isinstance(block, Reasoning):
        yield from ({"type": "thinking_delta", "thinking": piece} for piece in block.pieces)
        yield {"type": "signature_delta", "signature": block.signature or ""}
    elif isinstance(block, ToolUse):
        pieces = ("",) if block.input == "{}" else ("", *block.call.pieces)
        yield from ({"type": "input_json_delta", "partial_json": piece} for piece in pieces)
    else:
        yield from _words(block)


def _words(block: Text) -> Iterator[dict[str, Any]]:
    if block.citation:
        yield {"type": "citations_delta", "citation": block.citation}
    yield from ({"type": "text_delta", "text": piece} for piece in block.pieces)
