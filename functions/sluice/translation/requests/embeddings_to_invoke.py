"""OpenAI's embeddings request as the InvokeModel bodies of the embedding families of Bedrock.

Titan and Nova take one text per call, Cohere up to 96.
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html
https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sluice.domain.errors import InvalidRequest, UnsupportedParameter

Json = dict[str, Any]

MAX_CALLS = 256  # one after the other, and their answers are held together: 43 KB each from Titan v2, as recorded
MAX_TEXTS = 2048  # https://platform.openai.com/docs/api-reference/embeddings/create
READ = frozenset({"model", "input", "dimensions", "encoding_format"})
ENCODINGS = ("float", "base64")


class Family(NamedTuple):
    """`marks` are parts of its model ids, `ids` its models; `extras` the family's own fields that a caller may set
    beside OpenAI's.

    `body` makes a call's body of its texts and of the dimensions that were asked for. A family with one size only has
    no field for it, and may be asked for that size.
    """

    name: str
    marks: tuple[str, ...]
    ids: tuple[str, ...]
    dimensions: tuple[int, ...]
    body: Callable[[Sequence[str], int | None], Json]
    batch: int = 1
    extras: frozenset[str] = frozenset()


def _titan_v1(texts: Sequence[str], _: int | None) -> Json:
    return {"inputText": texts[0]}


def _titan(texts: Sequence[str], dimensions: int | None) -> Json:
    return {"inputText": texts[0], **_given("dimensions", dimensions)}


def _cohere(texts: Sequence[str], _: int | None) -> Json:
    return {"texts": list(texts), "input_type": "search_document", "truncate": "END"}


def _cohere_v4(texts: Sequence[str], dimensions: int | None) -> Json:
    """Its ends of a text are called LEFT and RIGHT."""
    body = {"texts": list(texts), "input_type": "search_document", "truncate": "RIGHT", "embedding_types": ["float"]}
    return {**body, **_given("output_dimension", dimensions)}


def _nova(texts: Sequence[str], dimensions: int | None) -> Json:
    text = {"truncationMode": "END", "value": texts[0]}
    sized = _given("embeddingDimension", dimensions)
    return {
        "taskType": "SINGLE_EMBEDDING",
        "singleEmbeddingParams": {"embeddingPurpose": "GENERIC_INDEX", **sized, "text": text},
    }


def _given(field: str, value: int | None) -> Json:
    return {} if value is None else {field: value}


COHERES_OWN = frozenset({"input_type", "truncate"})
# https://docs.aws.amazon.com/bedrock/latest/userguide/models-supported.html
FAMILIES = (
    Family(
        "Titan v1",
        ("amazon.titan-embed-text-v1", "amazon.titan-embed-g1-text"),
        ("amazon.titan-embed-text-v1",),
        (1536,),
        _titan_v1,
    ),
    Family(
        "Titan v2",
        ("amazon.titan-embed-text-v2",),
        ("amazon.titan-embed-text-v2:0",),
        (256, 512, 1024),
        _titan,
        extras=frozenset({"normalize"}),
    ),
    Family(
        "Cohere v4",
        ("cohere.embed-v4",),
        ("cohere.embed-v4:0",),
        (256, 512, 1024, 1536),
        _cohere_v4,
        batch=96,
        extras=COHERES_OWN,
    ),
    Family(
        "Cohere v3",
        ("cohere.embed-english-v3", "cohere.embed-multilingual-v3"),
        ("cohere.embed-english-v3", "cohere.embed-multilingual-v3"),
        (1024,),
        _cohere,
        batch=96,
        extras=COHERES_OWN,
    ),
    Family(
        "Nova",
        ("amazon.nova-2-multimodal-embeddings",),
        ("amazon.nova-2-multimodal-embeddings-v1:0",),
        (256, 384, 1024, 3072),
        _nova,
    ),
)


def requests(body: Mapping[str, Any], model: str) -> tuple[list[Json], tuple[str, ...]]:
    """The bodies of the calls, in the order of their texts, and the names of the fields that none of them carries."""
    family = _family(model)
    texts, dimensions = _texts(body.get("input")), _dimensions(body.get("dimensions"), family)
    _refuse_unknown_encoding(body.get("encoding_format"))
    extras = {name: body[name] for name in sorted(family.extras) if body.get(name) is not None}
    batches = [texts[start : start + family.batch] for start in range(0, len(texts), family.batch)]
    if len(batches) > MAX_CALLS:
        words = f"{family.name} takes {family.batch} text at a time, and one call at most {MAX_CALLS}; send fewer texts"
        raise InvalidRequest(words, param="input")
    return [{**family.body(batch, dimensions), **extras} for batch in batches], _dropped(body, family)


def _found(model: str) -> Family | None:
    return next((family for family in FAMILIES if any(mark in model for mark in family.marks)), None)


def _family(model: str) -> Family:
    family = _found(model)
    if family is None:
        known = ", ".join(model for each in FAMILIES for model in each.ids)
        raise UnsupportedParameter(f"the model makes no embeddings; these do: {known}", param="model")
    return family


def _texts(given: Any) -> list[str]:
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        raise InvalidRequest("input must be a text or a list of texts", param="input")
    if len(texts) > MAX_TEXTS:
        raise InvalidRequest(f"input has {len(texts)} texts; at most {MAX_TEXTS} are allowed", param="input")
    for index, text in enumerate(texts):
        _check(text, "input" if isinstance(given, str) else f"input[{index}]")
    return texts


def _check(text: Any, place: str) -> None:
    if isinstance(text, int | list):
        raise InvalidRequest("tokens cannot be embedded by this model; send the text itself", param="input")
    if not isinstance(text, str):
        raise InvalidRequest(f"{place} must be a text", param=place)
    if not text:
        raise InvalidRequest(f"{place} is empty; an embedding needs a text", param=place)


def _dimensions(given: Any, family: Family) -> int | None:
    """None where the caller leaves them to the model."""
    if given is None:
        return None
    if not isinstance(given, int) or isinstance(given, bool) or given not in family.dimensions:
        allowed = ", ".join(str(number) for number in family.dimensions)
        raise InvalidRequest(f"dimensions of {family.name} can be: {allowed}", param="dimensions")
    return given


def _refuse_unknown_encoding(given: Any) -> None:
    if given is not None and given not in ENCODINGS:
        raise InvalidRequest(f"encoding_format can be: {', '.join(ENCODINGS)}", param="encoding_format")


def _dropped(body: Mapping[str, Any], family: Family) -> tuple[str, ...]:
    return tuple(name for name in body if name not in READ | family.extras and body[name] is not None)
