"""A limit of the answer's length for a call that names none, where a strict budget has to know it.

| operation | the field |
| --- | --- |
| chat | `max_completion_tokens` at OpenAI and Azure, `max_tokens` elsewhere |
| responses | `max_output_tokens` |
| completions, messages | `max_tokens` |
| converse | `inferenceConfig.maxTokens` |

Bedrock's invoke has another field for each family of models: left alone, the most that the model answers with is
reserved. What answers with no tokens of text has nothing to limit.
https://platform.openai.com/docs/api-reference/chat/create,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InferenceConfiguration.html
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sluice.domain.call import ModelRequest
from sluice.domain.operation import CHAT, COMPLETIONS, CONVERSE, CONVERSE_STREAM, MESSAGES, RESPONSES

OPENAI_KINDS = ("openai", "azure")
FIELDS = {
    CHAT.path: "max_tokens",
    RESPONSES.path: "max_output_tokens",
    COMPLETIONS.path: "max_tokens",
    MESSAGES.path: "max_tokens",
    CONVERSE.path: "inferenceConfig.maxTokens",
    CONVERSE_STREAM.path: "inferenceConfig.maxTokens",
}


def limited(request: ModelRequest, most: int, kind: str) -> tuple[ModelRequest, str | None]:
    """The request with a limit of `most` output tokens, and the name of the field; as it was, and None, where it has a
    limit or there is no such field. `kind` is that of the provider, `most` no more than its model answers with.
    """
    field = _field(request, kind)
    if field is None or (request.max_output_tokens or 0) > 0:
        return request, None
    return replace(request, body=_with(request.body, field.split("."), most)), field


def _field(request: ModelRequest, kind: str) -> str | None:
    path = request.operation.path
    return "max_completion_tokens" if path == CHAT.path and kind in OPENAI_KINDS else FIELDS.get(path)


def _with(body: Mapping[str, Any], names: list[str], value: int) -> dict[str, Any]:
    """A copy with the value in that place; what is on the way and is no object is replaced."""
    first, *rest = names
    inner = body.get(first)
    return {**body, first: _with(inner if isinstance(inner, Mapping) else {}, rest, value) if rest else value}
