"""What Converse refuses though its shape is right: a table of rules, the first broken one is the answer.

Worded as in https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-call.html and as callers of the
service have reported its refusals. What only some families refuse is in `family_rules.py`.
"""

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from sluice_devstack.simulated.bedrock.converse_request import Body, blocks, thinking
from sluice_devstack.simulated.bedrock.exceptions import by_the_model, invalid, refused
from sluice_devstack.simulated.bedrock.family_rules import FAMILY_RULES, Rule
from sluice_devstack.simulated.bedrock.model_id import CLAUDES, EMBEDDINGS, Family, ModelId
from sluice_devstack.simulated.refusal import Refused

MAY_REPEAT_A_ROLE = (Family.TITAN,)  # recorded: two turns of the user in a row
MAY_BEGIN_WITH_THE_ASSISTANT = ("anthropic.", "qwen.", "zai.", "moonshot")
LEAST_BUDGET = 1024


def check(body: Body, model: ModelId) -> None:
    """Raises Refused. `body` has the published shape."""
    for rule in (*RULES, *FAMILY_RULES):
        if refused := rule(body, model):
            raise refused


def _answers_in_words(_body: Body, model: ModelId) -> Refused | None:
    return invalid("This action doesn't support the model that you provided.") if model.family in EMBEDDINGS else None


def _has_messages(body: Body, _model: ModelId) -> Refused | None:
    if not body.get("messages"):
        return invalid("The messages field is required and must hold at least one message. Add one and try again.")
    return None


def _begins_right(body: Body, model: ModelId) -> Refused | None:
    if body["messages"][0]["role"] == "user" or model.base.startswith(MAY_BEGIN_WITH_THE_ASSISTANT):
        return None
    return invalid(
        "A conversation must start with a user message. Try again with a conversation that starts with a user message."
    )


def _alternates(body: Body, model: ModelId) -> Refused | None:
    roles = [message["role"] for message in body["messages"] if message["role"] != "system"]
    if model.family in MAY_REPEAT_A_ROLE or all(one != other for one, other in pairwise(roles)):
        return None
    return invalid(
        "A conversation must alternate between user and assistant roles. Make sure the conversation alternates "
        "between user and assistant roles and try again."
    )


def _has_content(body: Body, _model: ModelId) -> Refused | None:
    for number, message in enumerate(body["messages"]):
        if not message["content"]:
            return invalid(
                f"The content field in the Message object at messages.{number} is empty. Add a ContentBlock object to "
                "the content field and try again."
            )
    return None


def _has_words(body: Body, _model: ModelId) -> Refused | None:
    for number, place, block in blocks(body):
        if "text" in block and not block["text"].strip():
            return invalid(
                f"The text field in the ContentBlock object at messages.{number}.content.{place} is blank. Add text "
                "to the text field, and try again."
            )
    return None


def _configures_tools(body: Body, _model: ModelId) -> Refused | None:
    used = any("toolUse" in block or "toolResult" in block for _, _, block in blocks(body))
    if used and not body.get("toolConfig"):
        return invalid("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
    return None


def _results_fit(body: Body, _model: ModelId) -> Refused | None:
    asked: list[str] = []
    for number, message in enumerate(body["messages"]):
        answered = _ids(message, "toolResult")
        if len(answered) > len(asked) or len(set(answered)) < len(answered) or not set(answered) <= set(asked):
            return invalid(
                f"The number of toolResult blocks at messages.{number}.content exceeds the number of toolUse blocks "
                "of previous turn."
            )
        missing = [one for one in asked if one not in answered]
        if missing:
            place = f"messages.{number}.content"
            return invalid(f"Expected toolResult blocks at {place} for the following Ids: {', '.join(missing)}")
        asked = _ids(message, "toolUse")
    return None


def _ids(message: Mapping[str, Any], kind: str) -> list[str]:
    return [block[kind]["toolUseId"] for block in message["content"] if kind in block]


def _names_tools_once(body: Body, _model: ModelId) -> Refused | None:
    specs = [tool["toolSpec"]["name"] for tool in (body.get("toolConfig") or {}).get("tools", []) if "toolSpec" in tool]
    twice = next((name for number, name in enumerate(specs) if name in specs[:number]), None)
    return invalid(f"The tool {twice} is already defined at toolConfig.tools.{specs.index(twice)}.") if twice else None


def _chosen_tool_exists(body: Body, _model: ModelId) -> Refused | None:
    config = body.get("toolConfig") or {}
    chosen = ((config.get("toolChoice") or {}).get("tool") or {}).get("name")
    names = {tool["toolSpec"]["name"] for tool in config.get("tools", []) if "toolSpec" in tool}
    if chosen and chosen not in names:
        return invalid(f"The toolChoice names the tool {chosen}, which toolConfig.tools does not define.")
    return None


def _documents(body: Body, _model: ModelId) -> Refused | None:
    names = [block["document"]["name"] for _, _, block in blocks(body) if "document" in block]
    if len(set(names)) < len(names):
        return invalid("Messages can not contain duplicate document names.")
    for number, message in enumerate(body["messages"]):
        kinds = [next(iter(block)) for block in message["content"]]
        if "document" in kinds and "text" not in kinds:
            return invalid(
                f"The content at messages.{number} holds a document without a text block. Add a text block to the "
                "message and try again."
            )
    return None


def _media_is_base64(body: Body, _model: ModelId) -> Refused | None:
    for _, _, block in blocks(body):
        for kind in ("image", "document", "video", "audio"):
            data = (block.get(kind) or {}).get("source", {}).get("bytes")
            if isinstance(data, str) and not _is_base64(data):
                return refused("SerializationException", f"The bytes of a block of kind {kind} are not base64.")
    return None


def _is_base64(text: str) -> bool:
    try:
        b64decode(text, validate=True)
    except ValueError:
        return False
    return bool(text)


def _thinks_within_limits(body: Body, model: ModelId) -> Refused | None:
    wanted = thinking(body)
    if wanted is None or model.family is not Family.CLAUDE or wanted.get("type") != "enabled":
        return None
    budget, inference = wanted.get("budget_tokens", 0), body.get("inferenceConfig") or {}
    if budget < LEAST_BUDGET:
        return by_the_model(f"thinking.enabled.budget_tokens: Input should be greater than or equal to {LEAST_BUDGET}")
    if budget >= inference.get("maxTokens", budget + 1):
        return by_the_model("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if inference.get("temperature", 1) != 1:
        return by_the_model("`temperature` may only be set to 1 when thinking is enabled.")
    if {"any", "tool"} & set((body.get("toolConfig") or {}).get("toolChoice") or {}):
        return by_the_model("Thinking may not be enabled when tool_choice forces tool use.")
    return None


def _ends_without_space(body: Body, model: ModelId) -> Refused | None:
    last = body["messages"][-1]
    text = last["content"][-1].get("text", "")
    if model.family in CLAUDES and last["role"] == "assistant" and text != text.rstrip():
        return by_the_model("messages: final assistant content cannot end with trailing whitespace")
    return None


def _format_is_strict(body: Body, model: ModelId) -> Refused | None:
    wanted = (body.get("outputConfig") or {}).get("textFormat")
    if not wanted:
        return None
    try:
        schema = json.loads(wanted["structure"]["jsonSchema"]["schema"])
    except (ValueError, LookupError):
        return invalid("The schema field in the JsonSchemaDefinition object is not valid JSON.")
    if model.family is Family.CLAUDE and any(one.get("additionalProperties") is not False for one in _objects(schema)):
        return by_the_model(
            "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
        )
    return None


def _objects(schema: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(schema, list):
        for one in schema:
            yield from _objects(one)
    if isinstance(schema, Mapping):
        if schema.get("type") == "object":
            yield schema
        for one in schema.values():
            yield from _objects(one)


RULES: tuple[Rule, ...] = (
    _answers_in_words,
    _has_messages,
    _begins_right,
    _alternates,
    _has_content,
    _has_words,
    _configures_tools,
    _results_fit,
    _names_tools_once,
    _chosen_tool_exists,
    _documents,
    _media_is_base64,
    _thinks_within_limits,
    _ends_without_space,
    _format_is_strict,
)
