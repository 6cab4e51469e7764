"""Embeddings by InvokeModel: Titan's, Cohere's and Nova's bodies around the vectors of the simulated OpenAI.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html,
https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sluice_devstack.simulated import tokens
from sluice_devstack.simulated.bedrock.exceptions import invalid
from sluice_devstack.simulated.bedrock.model_id import Family, ModelId
from sluice_devstack.simulated.embeddings import vector

Body = Mapping[str, Any]
TITAN_DIMENSIONS = (256, 512, 1024)
TITAN_V1, TITAN_V1_DIMENSIONS = "amazon.titan-embed-text-v1", 1536
COHERE_DIMENSIONS = {"cohere.embed-v4": 1536}
COHERE_V3_DIMENSIONS = 1024
COHERE_MOST_TEXTS = 96
COHERE_INPUTS = ("search_document", "search_query", "classification", "clustering", "image")
NOVA_DIMENSIONS = (256, 384, 1024, 3072)
ADVICE = "please reformat your input and try again."


@dataclass(frozen=True, slots=True)
class Embedded:
    """The answer, and how many tokens went in."""

    document: dict[str, Any]
    input_tokens: int


def _titan(body: Body, model: ModelId) -> Embedded:
    text = _text(body.get("inputText"), "inputText")
    is_first = model.base.startswith(TITAN_V1)
    _refuse_others(body, {"inputText"} if is_first else {"inputText", "dimensions", "normalize", "embeddingTypes"})
    most = TITAN_V1_DIMENSIONS if is_first else TITAN_DIMENSIONS[-1]
    wanted = body.get("dimensions", most)
    if not is_first and wanted not in TITAN_DIMENSIONS:
        raise invalid(f"Malformed input request: #/dimensions: {wanted} is not a valid enum value, {ADVICE}")
    values, count = vector(text, most, wanted), tokens.count(text)
    by_type = {} if is_first else {"embeddingsByType": {"float": values}}
    return Embedded({"embedding": values, **by_type, "inputTextTokenCount": count}, count)


def _cohere(body: Body, model: ModelId) -> Embedded:
    _refuse_others(body, {"texts", "images", "inputs", "input_type", "truncate", "embedding_types", "output_dimension"})
    texts = body.get("texts")
    if not isinstance(texts, list) or not texts or len(texts) > COHERE_MOST_TEXTS:
        raise invalid(f"Malformed input request: #/texts: expected 1 to {COHERE_MOST_TEXTS} texts, {ADVICE}")
    if body.get("input_type") not in COHERE_INPUTS:
        raise invalid(f"Malformed input request: #: required key [input_type] not found, {ADVICE}")
    most = next((most for name, most in COHERE_DIMENSIONS.items() if model.base.startswith(name)), COHERE_V3_DIMENSIONS)
    wanted = body.get("output_dimension", most)
    vectors = [vector(_text(text, "texts"), most, min(wanted, most)) for text in texts]
    is_typed = bool(body.get("embedding_types"))
    answer = {"id": "simulated", "texts": texts, "embeddings": {"float": vectors} if is_typed else vectors}
    count = sum(tokens.count(text) for text in texts)
    return Embedded({**answer, "response_type": "embeddings_by_type" if is_typed else "embeddings_floats"}, count)


def _nova(body: Body, _model: ModelId) -> Embedded:
    asked = body.get("singleEmbeddingParams")
    if not isinstance(asked, Mapping) or not isinstance(asked.get("text"), Mapping):
        raise invalid(f"Malformed input request: #: required key [singleEmbeddingParams] not found, {ADVICE}")
    text, wanted = _text(asked["text"].get("value"), "value"), asked.get("embeddingDimension", NOVA_DIMENSIONS[-1])
    if wanted not in NOVA_DIMENSIONS:
        raise invalid(f"Malformed input request: #/embeddingDimension: {wanted} is not a valid enum value, {ADVICE}")
    values = vector(text, NOVA_DIMENSIONS[-1], wanted)
    return Embedded({"embeddings": [{"embeddingType": "TEXT", "embedding": values}]}, tokens.count(text))


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise invalid(f"Malformed input request: #/{name}: expected minLength: 1, actual: 0, {ADVICE}")
    return value


def _refuse_others(body: Body, known: set[str]) -> None:
    unknown = next((name for name in body if name not in known), None)
    if unknown:
        raise invalid(f"Malformed input request: #: extraneous key [{unknown}] is not permitted, {ADVICE}")


EMBEDDERS: dict[Family, Callable[[Body, ModelId], Embedded]] = {
    Family.TITAN_EMBEDDINGS: _titan,
    Family.COHERE_EMBEDDINGS: _cohere,
    Family.NOVA_EMBEDDINGS: _nova,
}
