"""A chat completion's request, as one of Anthropic's Messages API.

What the API cannot do is refused with `param` where the answer would be another without it, and else left out and
named in the warnings.
https://platform.claude.com/docs/en/api/messages
"""

import re
from collections.abc import Mapping
from typing import Any

from sluice.domain.errors import InvalidRequest, UnsupportedParameter
from sluice.translation.families import family as family_of
from sluice.translation.family import Family, JsonSchema, Reasoning, Sampling, TopK
from sluice.translation.requests import chat_thinking, chat_tools, message_value
from sluice.translation.requests.chat_turns import Turns
from sluice.translation.structured import JSON_TOOL, strict
from sluice.translation.translation import Translated

REFUSED = ("logprobs", "top_logprobs", "audio", "web_search_options", "functions", "function_call")
READ = {
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning_effort",
    "thinking",
    "response_format",
    "temperature",
    "top_p",
    "top_k",
    "stop",
    "user",
    "n",
    "modalities",
    "service_tier",
    *REFUSED,
}
TIERS = {"auto": "auto", "priority": "auto", "default": "standard_only"}
OPAQUE = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9_-]{1,256}")  # what passes for no name, address or number of a person


def request(body: Mapping[str, Any], model: str) -> Translated:
    return Draft(body, model).translated()


class Draft:
    """The request while it is written; `warnings` names the caller's fields that it does not follow."""

    def __init__(self, body: Mapping[str, Any], model: str) -> None:
        self._body = body
        self._family = family_of(model)
        self._draft: dict[str, Any] = {"model": model, "max_tokens": chat_thinking.max_tokens(body, model)}
        self._warnings = [name for name, value in body.items() if name not in READ and value is not None]

    def translated(self) -> Translated:
        refuse(self._body)
        tools = chat_tools.tools(self._body.get("tools"), self._family)
        self._warnings += chat_tools.warnings(self._body.get("tools"), self._family)
        turns = self._messages(has_tools=bool(tools))
        self._think(turns)
        self._choose(tools)
        self._shape()
        self._sample()
        self._serve()
        return Translated(self._draft, tuple(dict.fromkeys([*self._warnings, *turns.warnings])))

    def _messages(self, *, has_tools: bool) -> Turns:
        turns = Turns(has_tools=has_tools)
        turns.take(self._body.get("messages"))
        if not turns.turns:
            raise InvalidRequest("messages must hold a message of the user", param="messages")
        if turns.system:
            self._draft["system"] = turns.system
        self._draft["messages"] = turns.turns
        return turns

    def _think(self, turns: Turns) -> None:
        """Thinking by budget cannot begin between a call and its result: the API wants the thinking before the call."""
        found = chat_thinking.thinking(self._body, self._family, self._draft["max_tokens"])
        is_late = chat_thinking.is_budgeted(found) and not turns.thinks_between_tools
        if not is_late:
            self._draft.update(found)
        has_own = self._body.get("thinking") is not None
        effort = chat_thinking.asked(self._body)
        if effort is not None and (is_late or has_own or not chat_thinking.is_followed(effort, found, self._family)):
            self._warnings.append("reasoning_effort")
        if is_late and has_own:
            self._warnings.append("thinking")

    def _choose(self, tools: list[chat_tools.Tool]) -> None:
        choice = chat_tools.choice(self._body)
        if not tools:
            self._warnings += ["tool_choice"] if chat_tools.is_forced(choice) else []
            return
        self._draft["tools"] = tools
        if chat_tools.is_forced(choice) and not self._can_force(choice):
            self._warnings.append("tool_choice")
            choice = chat_tools.relaxed(choice)
        if choice:
            self._draft["tool_choice"] = choice

    def _can_force(self, choice: Mapping[str, Any]) -> bool:
        return not chat_thinking.is_on(self._draft) and choice["type"] in self._family.choices

    def _shape(self) -> None:
        schema = self._schema()
        if schema is None:
            return
        if has_native_schema(self._family):
            found = strict(schema, is_claude=True)
            self._warnings += ["response_format"] if found.has_lost else []
            wanted = {"type": "json_schema", "schema": found.schema}
            self._draft["output_config"] = {**self._draft.get("output_config", {}), "format": wanted}
        else:
            self._force(schema)

    def _schema(self) -> Mapping[str, Any] | None:
        given = self._body.get("response_format")
        asked = {} if given is None else message_value.mapping(given, "response_format")
        if asked.get("type", "text") not in ("text", "json_object", "json_schema"):
            known = "text, json_object or json_schema"
            raise InvalidRequest(f"response_format.type must be {known}", param="response_format.type")
        if asked.get("type") == "json_object":
            self._warnings.append("response_format")
        if asked.get("type") != "json_schema":
            return None
        named = message_value.mapping(asked.get("json_schema"), "response_format.json_schema")
        return message_value.mapping(named.get("schema"), "response_format.json_schema.schema")

    def _force(self, schema: Mapping[str, Any]) -> None:
        """A generation without structured output is given a tool whose input is the answer."""
        tool = {"name": JSON_TOOL, "description": "Gives the answer.", "input_schema": {"type": "object", **schema}}
        others, before = self._draft.get("tools", []), self._draft.get("tool_choice", {})
        is_alone = not others or before.get("type") == "none"
        choice = {"type": "tool", "name": JSON_TOOL} if is_alone else {"type": "any"}
        if not self._can_force(choice):
            self._warnings.append("response_format")
            choice = {"type": "auto"}
        self._draft["tools"] = [*others, tool]
        self._draft["tool_choice"] = {**choice, **chat_tools.one_at_a_time(before)}

    def _sample(self) -> None:
        """The API's temperature ends at 1, and leaves the rest to models that think or choose for themselves."""
        given = {name: message_value.number(self._body[name], name) for name in SAMPLING if self._is_given(name)}
        kept = {name: value for name, value in given.items() if name in self._sampled(given)}
        if kept.get("temperature", 0) > 1:
            kept["temperature"] = 1
        self._warnings += [name for name, value in given.items() if kept.get(name) != value]
        self._draft.update(kept)

    def _sampled(self, given: Mapping[str, Any]) -> set[str]:
        if chat_thinking.is_on(self._draft) or self._family.sampling is Sampling.NONE:
            return set()
        kept = set(SAMPLING) if self._family.top_k is not TopK.NONE else set(SAMPLING) - {"top_k"}
        is_either = self._family.sampling is Sampling.EITHER and "temperature" in given
        return kept - {"top_p"} if is_either else kept

    def _is_given(self, name: str) -> bool:
        return self._body.get(name) is not None

    def _serve(self) -> None:
        stops = stop_sequences(self._body.get("stop"))
        fit = [stop for stop in stops if stop.strip()]
        self._warnings += ["stop"] if fit != [stop for stop in stops if stop] else []
        if fit:
            self._draft["stop_sequences"] = fit
        if self._is_given("user"):
            self._draft["metadata"] = {"user_id": user_id(message_value.text(self._body["user"], "user"))}
        self._draft.update(self._tier())
        if self._body.get("stream") is True:
            self._draft["stream"] = True

    def _tier(self) -> dict[str, Any]:
        tier = self._body.get("service_tier")
        if isinstance(tier, str) and tier in TIERS:
            return {"service_tier": TIERS[tier]}
        self._warnings += [] if tier is None else ["service_tier"]
        return {}


SAMPLING = ("temperature", "top_p", "top_k")


def has_native_schema(family: Family) -> bool:
    """Anthropic's own API holds every generation since 4.5 to a schema, whatever Bedrock does."""
    return family.json_schema in (JsonSchema.NATIVE, JsonSchema.THINKING) or family.reasoning is Reasoning.ADAPTIVE


def refuse(body: Mapping[str, Any]) -> None:
    for name in REFUSED:
        if body.get(name) not in (None, False, 0, [], {}):
            raise UnsupportedParameter(f"{name} is not supported by this model; leave it out", param=name)
    if body.get("n") not in (None, 1):
        raise UnsupportedParameter("n must be 1 for this model", param="n")
    if body.get("modalities") not in (None, [], ["text"]):
        raise UnsupportedParameter('modalities must be ["text"] for this model', param="modalities")


def stop_sequences(given: Any) -> list[str]:
    if given is None or isinstance(given, str):
        return [given] if given else []
    listed = message_value.items(given, "stop")
    return [message_value.text(stop, f"stop[{index}]") for index, stop in enumerate(listed)]


def user_id(user: str) -> str:
    """Anthropic refuses what looks like a person's name, address or number; such an id stays one id, hashed."""
    return user if OPAQUE.fullmatch(user) else message_value.opaque(user)
