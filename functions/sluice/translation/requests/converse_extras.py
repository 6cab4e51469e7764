"""Fields of a request that are Bedrock's own, and those of chat.completions that Converse has nothing for."""

import re
from collections.abc import Callable
from typing import Any

from sluice.domain.errors import InvalidRequest, UnsupportedParameter
from sluice.translation.requests.draft import Draft
from sluice.translation.requests.json_values import Value

PATH_FIELDS = ("model", "stream", "stream_options")  # they choose the path and the answer's form
TRANSLATED = {
    *PATH_FIELDS,
    *("messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "stop"),
    *("tools", "tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort"),
    *("service_tier", "metadata", "requestMetadata", "guardrailConfig", "performanceConfig", "promptVariables"),
    *("additionalModelRequestFields", "additionalModelResponseFieldPaths"),
}
PASSED_OBJECTS = ("performanceConfig", "promptVariables", "additionalModelRequestFields")
TIERS = {"default": "default", "flex": "flex", "priority": "priority", "fast": "priority", "reserved": "reserved"}
STREAM_ONLY = "streamProcessingMode"
MAX_PATHS = 10

# What each of these asks for is the answer's shape: an answer without it would not be what was asked.
REFUSED: dict[str, Callable[[Any], bool]] = {
    "n": lambda value: value != 1 or isinstance(value, bool),
    "logprobs": lambda value: value is not False,
    "top_logprobs": lambda _: True,
    "modalities": lambda value: value != ["text"],
    "audio": lambda _: True,
    "web_search_options": lambda _: True,
    "functions": lambda _: True,
    "function_call": lambda _: True,
}
HARMLESS: dict[str, tuple[Any, ...]] = {
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
    "store": (False,),
}

FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
MAX_UNKNOWN = 16
METADATA_TEXT = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}")
MAX_METADATA = 16


def refuse(draft: Draft) -> None:
    """Raises UnsupportedParameter for what Converse cannot do; names what it merely leaves out."""
    asked = {name: value for name, value in draft.asked.items() if value is not None}
    for name, is_refused in REFUSED.items():
        if name in asked and is_refused(asked[name]):
            raise UnsupportedParameter(f"{name} is not available on Converse; leave it out", param=name)
    left = [name for name in asked if name not in TRANSLATED and name not in REFUSED]
    left = [name for name in left if asked[name] not in HARMLESS.get(name, ())]
    strange = [name for name in left if not FIELD_NAME.fullmatch(name)]
    if strange or len(left) > MAX_UNKNOWN:
        raise InvalidRequest("the body has fields that chat.completions does not know; leave them out")
    for name in left:
        draft.warn(name)


def pass_on(draft: Draft) -> None:
    """Copies Bedrock's own fields from the top level, where the OpenAI SDKs' extra_body puts them."""
    for name in PASSED_OBJECTS:
        if draft.field(name).raw is not None and draft.field(name).object():
            draft.body[name] = dict(draft.field(name).object())
    _guardrail(draft)
    _paths(draft)
    _tier(draft)
    _metadata(draft)


def _guardrail(draft: Draft) -> None:
    asked = draft.field("guardrailConfig")
    if asked.is_absent:
        return
    is_stream = draft.asked.get("stream") is True
    kept = {name: value for name, value in asked.object().items() if is_stream or name != STREAM_ONLY}
    draft.body["guardrailConfig"] = kept


def _paths(draft: Draft) -> None:
    asked = draft.field("additionalModelResponseFieldPaths")
    if asked.is_absent:
        return
    paths = [path.filled_text() for path in asked.items()]
    if len(paths) > MAX_PATHS:
        asked.wrong(f"at most {MAX_PATHS} JSON pointers")
    if paths:
        draft.body["additionalModelResponseFieldPaths"] = paths


def _tier(draft: Draft) -> None:
    asked = draft.field("service_tier")
    if asked.is_absent or asked.text() == "auto":
        return
    if asked.text() in TIERS:
        draft.body["serviceTier"] = {"type": TIERS[asked.text()]}
    else:
        draft.warn("service_tier")


def _metadata(draft: Draft) -> None:
    """Bedrock's own metadata as it came, OpenAI's as far as Bedrock takes it."""
    own = _pairs(draft.field("requestMetadata"))
    asked = _pairs(draft.field("metadata"))
    taken = {name: value for name, value in asked.items() if _is_taken(name, value) and name not in own}
    room = max(0, MAX_METADATA - len(own))
    kept = dict(list(taken.items())[:room])
    if len(kept) < len(asked):
        draft.warn("metadata")
    if kept or own:
        draft.body["requestMetadata"] = {**kept, **own}


def _pairs(asked: Value) -> dict[str, Any]:
    return {} if asked.is_absent else dict(asked.object())


def _is_taken(name: str, value: Any) -> bool:
    return bool(name and METADATA_TEXT.fullmatch(name) and isinstance(value, str) and METADATA_TEXT.fullmatch(value))
