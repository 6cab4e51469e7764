"""A limit of output tokens, where the call names none: in its dialect's own field, and in a copy."""

from typing import Any

import pytest

from sluice.domain import operation as operations
from sluice.domain.call import ModelRequest
from sluice.domain.operation import Operation
from sluice.policy.strict import limited

CHAT, CONVERSE = operations.CHAT, operations.CONVERSE


@pytest.mark.parametrize(
    ("operation", "kind", "field"),
    [
        (CHAT, "openai", "max_completion_tokens"),
        (CHAT, "azure", "max_completion_tokens"),
        (CHAT, "compatible", "max_tokens"),
        (CHAT, "anthropic", "max_tokens"),
        (CHAT, "bedrock", "max_tokens"),
        (operations.RESPONSES, "openai", "max_output_tokens"),
        (operations.COMPLETIONS, "openai", "max_tokens"),
        (operations.MESSAGES, "bedrock", "max_tokens"),
    ],
)
def test_each_dialect_has_its_field(operation: Operation, kind: str, field: str) -> None:
    asked = ModelRequest({"model": "m"}, operation)

    request, name = limited(asked, 500, kind)

    assert (request.body, name) == ({"model": "m", field: 500}, field)
    assert asked.body == {"model": "m"}
    assert request.max_output_tokens == 500


@pytest.mark.parametrize("operation", [CONVERSE, operations.CONVERSE_STREAM])
@pytest.mark.parametrize("config", [{}, {"inferenceConfig": {"temperature": 0.5}}, {"inferenceConfig": None}])
def test_converse_has_it_one_object_deeper(operation: Operation, config: dict[str, Any]) -> None:
    request, name = limited(ModelRequest(config, operation, named="m"), 500, "bedrock")

    assert name == "inferenceConfig.maxTokens"
    assert request.body["inferenceConfig"] == {**(config.get("inferenceConfig") or {}), "maxTokens": 500}
    assert "maxTokens" not in (config.get("inferenceConfig") or {})


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        (CHAT, {"max_tokens": 7}),
        (CHAT, {"max_completion_tokens": 7}),
        (CHAT, {"max_tokens": 7, "max_completion_tokens": None}),
        (CONVERSE, {"inferenceConfig": {"maxTokens": 7}}),
        *((one, {}) for one in (operations.INVOKE, operations.INVOKE_STREAM, operations.PROMPT)),
        *((one, {}) for one in (operations.EMBEDDINGS, operations.IMAGES, operations.SPEECH)),
        *((one, {}) for one in (operations.COUNT_MESSAGES, operations.COUNT_TOKENS)),
    ],
)
def test_a_limit_that_is_named_stays_and_what_has_none_is_left_alone(
    operation: Operation, body: dict[str, Any]
) -> None:
    asked = ModelRequest(body, operation, named="m")

    request, name = limited(asked, 500, "openai")

    assert (request is asked, name) == (True, None)


def test_no_limit_by_another_name_is_none() -> None:
    assert limited(ModelRequest({"max_completion_tokens": 0}, CHAT), 500, "openai")[1] == "max_completion_tokens"
    assert limited(ModelRequest({"max_tokens": None}, CHAT), 500, "compatible")[0].body == {"max_tokens": 500}
