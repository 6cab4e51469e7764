"""A Converse request, read: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html."""

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

from sluice_devstack.simulated.bedrock.model_id import Family, ModelId
from sluice_devstack.simulated.bedrock.question import Chat, Guardrail, Question, prefixes

Body = Mapping[str, Any]
Block = Mapping[str, Any]
CACHE_POINT = "cachePoint"
THOUGHTS_ON = ("enabled", "adaptive")
ALWAYS_THINKING = ("openai.gpt-oss", "deepseek.r1", "deepseek.v3")
CHOICES: dict[str, Any] = {"auto": "auto", "any": "required"}
CITED_CHARACTERS = 100


def question(body: Body, model: ModelId) -> Question:
    """`body` has the published shape."""
    return Question(
        model=model,
        chat=_chat(body, model),
        thinks=thinking(body) is not None or model.base.startswith(ALWAYS_THINKING),
        citation=_citation(body),
        cached=_cached(body),
        guardrail=_guardrail(body.get("guardrailConfig")),
    )


def thinking(body: Body) -> Mapping[str, Any] | None:
    """What switches reasoning on, under any of the names that families have for it."""
    fields = body.get("additionalModelRequestFields") or {}
    for name in ("thinking", "reasoning_config", "reasoningConfig"):
        wanted = fields.get(name) if isinstance(fields, Mapping) else None
        if isinstance(wanted, Mapping) and wanted.get("type") in THOUGHTS_ON:
            return wanted
    return None


def blocks(body: Body) -> Iterator[tuple[int, int, Block]]:
    """Every content block with the numbers of its message and of itself."""
    for number, message in enumerate(body.get("messages") or []):
        for place, block in enumerate(message["content"]):
            yield number, place, block


def _chat(body: Body, model: ModelId) -> Chat:
    inference = body.get("inferenceConfig") or {}
    system = " ".join(block["text"] for block in body.get("system") or [] if "text" in block)
    turns = [turn for message in body.get("messages") or [] for turn in _turns(message)]
    chat: Chat = {"model": model.asked, "messages": [{"role": "system", "content": system}, *turns]}
    given = {
        "max_tokens": inference.get("maxTokens") or inference.get("max_new_tokens"),
        "stop": inference.get("stopSequences"),
        "tools": _tools(body),
        "tool_choice": _choice(body),
        "response_format": _format(body),
        "parallel_tool_calls": False if _wants_one_call(body) else None,
    }
    return chat | {name: value for name, value in given.items() if value is not None}


def _turns(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    parts = [part for block in message["content"] for part in _parts(block)]
    calls = [_call(block["toolUse"]) for block in message["content"] if "toolUse" in block]
    if parts or calls:
        yield {"role": message["role"], "content": parts, **({"tool_calls": calls} if calls else {})}
    for block in message["content"]:
        if result := block.get("toolResult"):
            yield {"role": "tool", "tool_call_id": result["toolUseId"], "content": _result(result)}


def _parts(block: Block) -> Iterator[dict[str, Any]]:
    if "text" in block:
        yield {"type": "text", "text": block["text"]}
    if "image" in block:
        yield {"type": "image_url"}
    for part in (block.get("citationsContent") or {}).get("content", []):
        yield {"type": "text", "text": part.get("text", "")}


def _call(use: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": use["name"], "arguments": json.dumps(use["input"])}
    return {"id": use["toolUseId"], "type": "function", "function": function}


def _result(result: Mapping[str, Any]) -> str:
    return " ".join(part["text"] if "text" in part else json.dumps(part.get("json")) for part in result["content"])


def _tools(body: Body) -> list[dict[str, Any]] | None:
    specs = [tool["toolSpec"] for tool in (body.get("toolConfig") or {}).get("tools", []) if "toolSpec" in tool]
    functions = [{"name": spec["name"], "parameters": spec["inputSchema"]["json"]} for spec in specs]
    return [{"type": "function", "function": function} for function in functions] or None


def _choice(body: Body) -> Any:
    choice = (body.get("toolConfig") or {}).get("toolChoice") or {}
    if "tool" in choice:
        return {"type": "function", "function": {"name": choice["tool"]["name"]}}
    return next((CHOICES[name] for name in choice if name in CHOICES), None)


def _wants_one_call(body: Body) -> bool:
    fields = body.get("additionalModelRequestFields") or {}
    choice = fields.get("tool_choice") if isinstance(fields, Mapping) else None
    return isinstance(choice, Mapping) and choice.get("disable_parallel_tool_use") is True


def _format(body: Body) -> dict[str, Any] | None:
    wanted = (body.get("outputConfig") or {}).get("textFormat")
    if not wanted:
        return None
    schema = json.loads(wanted["structure"]["jsonSchema"]["schema"])
    return {"type": "json_schema", "json_schema": {"schema": schema}}


def _citation(body: Body) -> dict[str, Any] | None:
    documents = [block["document"] for _, _, block in blocks(body) if "document" in block]
    for number, document in enumerate(documents):
        if (document.get("citations") or {}).get("enabled"):
            text = _text(document["source"])[:CITED_CHARACTERS]
            place = {"documentChar": {"documentIndex": number, "start": 0, "end": len(text)}}
            return {"title": document["name"], "sourceContent": [{"text": text}], "location": place}
    return None


def _text(source: Mapping[str, Any]) -> str:
    if "text" in source:
        return str(source["text"])
    return b64decode(source.get("bytes", "")).decode("utf-8", "replace")


def _cached(body: Body) -> tuple[str, ...]:
    tools = (body.get("toolConfig") or {}).get("tools", [])
    items = [*tools, *(body.get("system") or []), *(block for _, _, block in blocks(body))]
    ends = [number for number, item in enumerate(items) if CACHE_POINT in item]
    return prefixes(items, ends, CACHE_POINT)


def _guardrail(config: Mapping[str, Any] | None) -> Guardrail | None:
    if not config or not config.get("guardrailIdentifier"):
        return None
    traces = str(config.get("trace", "disabled")).startswith("enabled")
    return Guardrail(config["guardrailIdentifier"], str(config.get("guardrailVersion", "DRAFT")), traces)


def is_signed(family: Family) -> bool:
    """Whether thoughts come with a signature."""
    return family is Family.CLAUDE
