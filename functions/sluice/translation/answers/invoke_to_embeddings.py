"""The InvokeModel answers of Bedrock's embedding families as OpenAI's list of embeddings.

Titan: {embedding, inputTextTokenCount}. Cohere v3: {embeddings: [..]}, v4: {embeddings: {float: [..]}}.
Nova: {embeddings: [{embeddingType, embedding}]}. The tokens of a call are in a header of its answer.
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html
"""

import base64
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from sluice.domain.errors import UpstreamProtocol
from sluice.translation.answers.json_value import Json, count, mapping
from sluice.translation.translation import Asked

Vector = list[float]


def whole(answers: Sequence[Mapping[str, Any]], tokens: Sequence[int | None], asked: Asked) -> Json:
    """`answers` in the order of their calls, `tokens` the x-amzn-bedrock-input-token-count of each.

    Raises UpstreamProtocol for an answer without vectors, or with another number of them than texts were sent.
    """
    vectors = [vector for answer in answers for vector in _vectors(answer)]
    _check_number(vectors, asked.body.get("input"))
    used = sum(_tokens(answer, told) for answer, told in zip(answers, tokens, strict=True))
    is_base64 = asked.body.get("encoding_format") == "base64"
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _packed(vector) if is_base64 else vector}
            for index, vector in enumerate(vectors)
        ],
        "model": asked.model,
        "usage": {"prompt_tokens": used, "total_tokens": used},
    }


def _vectors(answer: Mapping[str, Any]) -> list[Vector]:
    told = mapping(answer)
    if "embedding" in told:
        return [_vector(told["embedding"])]
    found = told.get("embeddings")
    rows = found.get("float") if isinstance(found, dict) else found
    if not isinstance(rows, list):
        raise UpstreamProtocol("the provider answered 200 without embeddings")
    return [_vector(row.get("embedding") if isinstance(row, dict) else row) for row in rows]


def _vector(given: Any) -> Vector:
    if not isinstance(given, list) or not given or not all(type(number) in (int, float) for number in given):
        raise UpstreamProtocol("the provider answered an embedding that is no list of numbers")
    return given


def _check_number(vectors: Sequence[Vector], texts: Any) -> None:
    expected = len(texts) if isinstance(texts, list) else 1
    if len(vectors) != expected:
        raise UpstreamProtocol(f"the provider answered {len(vectors)} embeddings to {expected} texts")


def _tokens(answer: Mapping[str, Any], told: int | None) -> int:
    return count(answer.get("inputTextTokenCount") if told is None else told)


def _packed(vector: Vector) -> str:
    """Little-endian 32-bit floats, as OpenAI's SDKs unpack them."""
    try:
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")
    except (OverflowError, struct.error) as error:
        raise UpstreamProtocol("the provider answered a number that no 32-bit float can hold") from error
