"""What a family of models refuses by Converse though the service would pass it on: a table of rules as for all models.

Which family takes what: https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html
Where no recorded refusal is known (a format, a block beside a result), the wording is unverified.
"""

import re
from collections.abc import Callable
from typing import Any

from sluice_devstack.simulated.bedrock.converse_request import CACHE_POINT, Body, blocks
from sluice_devstack.simulated.bedrock.exceptions import by_the_model, invalid
from sluice_devstack.simulated.bedrock.model_id import Family, ModelId
from sluice_devstack.simulated.refusal import Refused

Rule = Callable[[Body, ModelId], Refused | None]
CLAUDE_FIELDS = {
    *("anthropic_beta", "context_management", "effort", "mcp_servers", "output_config", "reasoning_config"),
    *("thinking", "tool_choice", "tools", "top_k"),
}
FIELDS = {Family.CLAUDE: CLAUDE_FIELDS, Family.NOVA: {"inferenceConfig", "reasoningConfig"}}
REFUSED_CHOICES = {Family.LLAMA: ("any", "tool"), Family.MISTRAL: ("tool",)}
WITHOUT_TOOLS = (Family.TITAN, Family.CLAUDE_TEXT)
WITHOUT_SYSTEM = (Family.TITAN,)
WITH_CACHE = (Family.CLAUDE, Family.NOVA)
ALONE_WITH_RESULTS = (Family.LLAMA, Family.MISTRAL)
WITHOUT_FORMATS = re.compile(
    r"anthropic\.claude-(?:3|v\d|instant|opus-4-\d{8}|sonnet-4-\d{8})|amazon\.|meta\.|cohere\.|ai21\."
)
ONE_WAY_OF_SAMPLING = re.compile(r"anthropic\.claude-(?:opus|sonnet|haiku)-4-[56]")
ADAPTIVE_ONLY = re.compile(r"anthropic\.claude-(?:opus-4-[7-9]|fable-5|mythos-5)")


def _takes_its_fields(body: Body, model: ModelId) -> Refused | None:
    known, fields = FIELDS.get(model.family), body.get("additionalModelRequestFields") or {}
    unknown = next((name for name in fields if known is not None and name not in known), None)
    if unknown is None:
        return None
    if model.family is Family.CLAUDE:
        return by_the_model(f"{unknown}: Extra inputs are not permitted")
    advice = "please reformat your input and try again."
    return by_the_model(f"Malformed input request: #: extraneous key [{unknown}] is not permitted, {advice}")


def _takes_tools(body: Body, model: ModelId) -> Refused | None:
    if model.family in WITHOUT_TOOLS and body.get("toolConfig"):
        return invalid("This model doesn't support tool use.")
    choice = next(iter((body.get("toolConfig") or {}).get("toolChoice") or {}), "")
    if choice in REFUSED_CHOICES.get(model.family, ()):
        field = f"toolConfig.toolChoice.{choice}"
        return invalid(f"This model doesn't support the {field} field. Remove {field} and try again.")
    return None


def _takes_a_system(body: Body, model: ModelId) -> Refused | None:
    if model.family in WITHOUT_SYSTEM and body.get("system"):
        return invalid(
            "This model doesn't support system messages. Try again without a system message or use a model that "
            "supports system messages."
        )
    return None


def _caches(body: Body, model: ModelId) -> Refused | None:
    tools = (body.get("toolConfig") or {}).get("tools", [])
    items = [*tools, *(body.get("system") or []), *(block for _, _, block in blocks(body))]
    points = sum(CACHE_POINT in item for item in items)
    in_nova_tools = model.family is Family.NOVA and any(CACHE_POINT in tool for tool in tools)
    if points and (model.family not in WITH_CACHE or in_nova_tools):
        return invalid("You invoked an unsupported model or your request did not allow prompt caching.")
    if points > 4:
        return by_the_model(f"A maximum of 4 blocks with cache_control may be provided. Found {points}.")
    return None


def _keeps_results_alone(body: Body, model: ModelId) -> Refused | None:
    for number, message in enumerate(body["messages"]):
        kinds = {next(iter(block)) for block in message["content"]}
        if model.family in ALONE_WITH_RESULTS and "toolResult" in kinds and len(kinds) > 1:
            return invalid(f"This model doesn't support other content beside toolResult blocks at messages.{number}.")
    return None


def _reads_no_bucket(body: Body, model: ModelId) -> Refused | None:
    for _, _, block in blocks(body):
        kind = next(iter(block))
        source: Any = block[kind].get("source") if isinstance(block[kind], dict) else None
        if model.family is Family.CLAUDE and isinstance(source, dict) and "s3Location" in source:
            return invalid(f"This model doesn't support the s3Uri field in the {kind} block. Remove it and try again.")
    return None


def _answers_in_formats(body: Body, model: ModelId) -> Refused | None:
    if (body.get("outputConfig") or {}).get("textFormat") and WITHOUT_FORMATS.match(model.base):
        return invalid("This model doesn't support the outputConfig.textFormat field. Remove it and try again.")
    return None


def _samples_one_way(body: Body, model: ModelId) -> Refused | None:
    if {"temperature", "topP"} <= set(body.get("inferenceConfig") or {}) and ONE_WAY_OF_SAMPLING.match(model.base):
        return by_the_model("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    return None


def _thinks_adaptively(body: Body, model: ModelId) -> Refused | None:
    wanted = ((body.get("additionalModelRequestFields") or {}).get("thinking") or {}).get("type")
    if wanted in ("enabled", "disabled") and ADAPTIVE_ONLY.match(model.base):
        return by_the_model(f'"thinking.type.{wanted}" is not supported for this model. Use "thinking.type.adaptive".')
    return None


FAMILY_RULES: tuple[Rule, ...] = (
    _takes_its_fields,
    _takes_tools,
    _takes_a_system,
    _caches,
    _keeps_results_alone,
    _reads_no_bucket,
    _answers_in_formats,
    _samples_one_way,
    _thinks_adaptively,
)
