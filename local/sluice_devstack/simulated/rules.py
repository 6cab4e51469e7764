"""What an endpoint asks of a request's JSON: a table of rules, the first broken one is the answer.

Worded as https://platform.openai.com/docs/guides/error-codes/api-errors and recorded refusals word it.
"""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from sluice_devstack.simulated.refusal import NOT_JSON, Refusal, Refused, invalid

Body = dict[str, Any]
Rule = Callable[[Body], Refusal | None]


def parse(payload: bytes, rules: Collection[Rule]) -> Body:
    """The body; raises Refused for what OpenAI answers with 400."""
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise Refused(NOT_JSON) from error
    if not isinstance(body, dict):
        raise Refused(NOT_JSON)
    for rule in rules:
        if refusal := rule(body):
            raise Refused(refusal)
    return body


def when(is_wrong: Callable[[Body], bool], refusal: Refusal) -> Rule:
    return lambda body: refusal if is_wrong(body) else None


def has_model(body: Body) -> Refusal | None:
    is_named = isinstance(body.get("model"), str) and body["model"]
    return None if is_named else invalid(400, "you must provide a model parameter")


def required(name: str) -> Rule:
    refusal = invalid(400, f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
    return when(lambda body: body.get(name) is None, refusal)


def known(names: Collection[str]) -> Rule:
    """Every other name is refused."""

    def rule(body: Body) -> Refusal | None:
        unknown = next((name for name in body if name not in names), None)
        return None if unknown is None else unknown_parameter(unknown)

    return rule


def unknown_parameter(name: str) -> Refusal:
    return invalid(400, f"Unknown parameter: '{name}'.", name, "unknown_parameter")


def typed(name: str, kind: type | tuple[type, ...], expected: str) -> Rule:
    """Null counts as left out, and a boolean is no number."""
    message = f"Invalid type for '{name}': expected {expected}."
    refusal = invalid(400, message, name, "invalid_type")
    return when(lambda body: body.get(name) is not None and not is_a(body[name], kind), refusal)


def is_a(value: Any, kind: type | tuple[type, ...]) -> bool:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def at_least(name: str, least: int) -> Rule:
    def rule(body: Body) -> Refusal | None:
        value = body.get(name)
        if value is None:
            return None
        if not is_a(value, int):
            return invalid(400, f"Invalid type for '{name}': expected an integer.", name, "invalid_type")
        if int(value) >= least:
            return None
        message = (
            f"Invalid '{name}': integer below minimum value. Expected a value >= {least}, but got {value} instead."
        )
        return invalid(400, message, name, "integer_below_min_value")

    return rule


def at_most(name: str, most: int) -> Rule:
    def rule(body: Body) -> Refusal | None:
        value = body.get(name)
        if not isinstance(value, int) or value <= most:
            return None
        message = f"Invalid '{name}': integer above maximum value. Expected a value <= {most}, but got {value} instead."
        return invalid(400, message, name, "integer_above_max_value")

    return rule


def one_of(name: str, values: Collection[str]) -> Rule:
    def rule(body: Body) -> Refusal | None:
        value = body.get(name)
        return None if value is None or value in values else invalid_value(name, value, values)

    return rule


def invalid_value(name: str, value: Any, values: Collection[str]) -> Refusal:
    *others, last = (f"'{one}'" for one in values)
    listed = f"{', '.join(others)} and {last}" if others else last
    message = f"Invalid value: '{value}'. Supported values are: {listed}."
    return invalid(400, message, name, "invalid_value")


def options_only_of_a_stream(names: Collection[str]) -> tuple[Rule, ...]:
    """`stream_options` stands beside `stream: true` only, and holds these names only."""
    refusal = invalid(400, "The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")

    def known_options(body: Body) -> Refusal | None:
        options: Mapping[str, Any] = body.get("stream_options") or {}
        unknown = next((name for name in options if name not in names), None)
        return None if unknown is None else unknown_parameter(f"stream_options.{unknown}")

    return (
        typed("stream_options", dict, "an object"),
        when(lambda body: bool(body.get("stream_options")) and body.get("stream") is not True, refusal),
        known_options,
    )
