import base64
import json
import struct
from typing import Any

import pytest
from tests import recorded
from tests.unit.translation.converse_streams import asked

from sluice.domain.errors import InvalidRequest, UnsupportedParameter, UpstreamProtocol
from sluice.translation.answers.invoke_to_embeddings import whole
from sluice.translation.requests.embeddings_to_invoke import requests

TITAN_V1, TITAN_V2 = "amazon.titan-embed-text-v1", "amazon.titan-embed-text-v2:0"
COHERE_V3, COHERE_V4 = "cohere.embed-multilingual-v3", "us.cohere.embed-v4:0"
NOVA = "amazon.nova-2-multimodal-embeddings-v1:0"
ARN = "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0"


def test_nova_takes_one_text_per_call() -> None:
    calls, warnings = requests({"input": ["a", "b"], "dimensions": 384}, NOVA)

    parameters = [call["singleEmbeddingParams"] for call in calls]
    assert [call["taskType"] for call in calls] == ["SINGLE_EMBEDDING"] * 2
    assert [told["text"] for told in parameters] == [{"truncationMode": "END", "value": text} for text in "ab"]
    assert [told["embeddingDimension"] for told in parameters] == [384, 384]
    assert warnings == ()


def test_cohere_takes_96_texts_per_call_in_order() -> None:
    texts = [f"text {number}" for number in range(200)]

    calls, _ = requests({"input": texts}, COHERE_V3)

    assert [len(call["texts"]) for call in calls] == [96, 96, 8]
    assert [text for call in calls for text in call["texts"]] == texts


def test_cohere_v4_is_asked_for_floats_of_the_wanted_size() -> None:
    ((call,), _) = requests({"input": "a", "dimensions": 512}, COHERE_V4)

    assert call == {
        "texts": ["a"],
        "input_type": "search_document",
        "truncate": "RIGHT",
        "embedding_types": ["float"],
        "output_dimension": 512,
    }


@pytest.mark.parametrize(("model", "only"), [(TITAN_V1, 1536), (COHERE_V3, 1024)])
def test_the_only_size_there_is_may_be_asked_for_and_is_not_sent(model: str, only: int) -> None:
    assert requests({"input": "a", "dimensions": only}, model) == requests({"input": "a"}, model)


SIZES = {
    TITAN_V1: {1536},
    TITAN_V2: {256, 512, 1024},
    COHERE_V3: {1024},
    COHERE_V4: {256, 512, 1024, 1536},
    NOVA: {256, 384, 1024, 3072},
}
TRIED = sorted(size + more for size in set.union(*SIZES.values()) for more in (-1, 0, 1))


def is_taken(model: str, size: int) -> bool:
    try:
        requests({"input": "a", "dimensions": size}, model)
    except InvalidRequest:
        return False
    return True


@pytest.mark.parametrize("model", SIZES)
def test_a_family_takes_its_sizes_and_no_others(model: str) -> None:
    assert {size for size in TRIED if is_taken(model, size)} == SIZES[model]


@pytest.mark.parametrize("model", SIZES)
def test_a_size_that_was_not_asked_for_is_not_sent(model: str) -> None:
    assert "imension" not in json.dumps(requests({"input": "a"}, model))


def test_a_familys_own_fields_pass_and_other_fields_are_named() -> None:
    body = {"model": "m", "input": "q", "input_type": "search_query", "normalize": True, "user": "u", "store": None}

    ((cohere,), named_by_cohere) = requests(body, COHERE_V3)
    ((titan,), named_by_titan) = requests(body, TITAN_V2)

    assert cohere["input_type"] == "search_query"
    assert named_by_cohere == ("normalize", "user")
    assert titan == {"inputText": "q", "normalize": True}
    assert named_by_titan == ("input_type", "user")


REFUSED = [
    ({"input": [1, 2]}, "input"),
    ({"input": [[1, 2], [3]]}, "input"),
    ({"input": []}, "input"),
    ({}, "input"),
    ({"input": {"text": "a"}}, "input"),
    ({"input": ""}, "input"),
    ({"input": ["a", ""]}, "input[1]"),
    ({"input": ["a", None]}, "input[1]"),
    ({"input": ["a"] * 2049}, "input"),
    ({"input": "a", "dimensions": 300}, "dimensions"),
    ({"input": "a", "dimensions": True}, "dimensions"),
    ({"input": "a", "dimensions": "256"}, "dimensions"),
    ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
    ({"input": "a", "encoding_format": []}, "encoding_format"),
]


@pytest.mark.parametrize(("body", "param"), REFUSED)
@pytest.mark.parametrize("model", [TITAN_V1, TITAN_V2, COHERE_V3, COHERE_V4, NOVA])
def test_what_cannot_be_embedded_is_refused_with_its_place(model: str, body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        requests(body, model)

    assert (raised.value.status, raised.value.param) == (400, param)


def test_as_many_texts_are_taken_as_openai_takes_or_as_calls_allow() -> None:
    assert len(requests({"input": ["a"] * 2048}, COHERE_V3)[0]) == 22
    assert len(requests({"input": ["a"] * 256}, TITAN_V2)[0]) == 256
    with pytest.raises(InvalidRequest, match="1 text at a time, and one call at most 256"):
        requests({"input": ["a"] * 257}, TITAN_V2)


def test_another_model_is_refused_with_those_that_would_do() -> None:
    with pytest.raises(UnsupportedParameter, match="titan-embed-text-v2:0, cohere.embed-v4:0, ") as raised:
        requests({"input": "a"}, "anthropic.claude-3-haiku-20240307-v1:0")

    assert raised.value.param == "model"


ANSWERS: dict[str, list[dict[str, Any]]] = {
    "titan": [{"embedding": [0.5, 1], "inputTextTokenCount": 3}],
    "titan with types": [{"embedding": [0.5, 1], "embeddingsByType": {"float": [0.5, 1]}}],
    "cohere v3": [{"embeddings": [[0.5, 1]], "response_type": "embeddings_floats"}],
    "cohere v4": [{"embeddings": {"float": [[0.5, 1]]}, "response_type": "embeddings_by_type"}],
    "nova": [{"embeddings": [{"embeddingType": "TEXT", "embedding": [0.5, 1]}]}],
}


@pytest.mark.parametrize("family", ANSWERS)
def test_every_familys_answer_is_openais_list(family: str) -> None:
    assert whole(ANSWERS[family], [3], asked({"input": "a"})) == {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 1]}],
        "model": "haiku",
        "usage": {"prompt_tokens": 3, "total_tokens": 3},
    }


def test_tokens_are_those_of_the_header_or_of_the_body() -> None:
    answers = [{"embedding": [1.0], "inputTextTokenCount": 3}, {"embedding": [1.0], "inputTextTokenCount": 4}]

    usages = [whole(answers, tokens, asked({"input": ["a", "b"]}))["usage"] for tokens in ([None, None], [5, None])]

    assert [usage["total_tokens"] for usage in usages] == [7, 9]


WRONG: list[dict[str, Any]] = [
    {},
    {"embedding": None},
    {"embedding": []},
    {"embedding": [1, "2"]},
    {"embedding": [True]},
    {"embeddings": None},
    {"embeddings": []},
    {"embeddings": {"int8": [[1]]}},
    {"embeddings": [[1.0], [2.0]]},
    {"embeddings": [{"embedding": None}]},
    {"embeddings": [7]},
    {"embedding": [1e300]},
    {"embedding": [10**400]},
    {"embedding": [float("nan"), "x"]},
]


@pytest.mark.parametrize("answer", WRONG)
def test_an_answer_without_the_embeddings_is_none(answer: dict[str, Any]) -> None:
    with pytest.raises(UpstreamProtocol):
        whole([answer], [1], asked({"input": "a", "encoding_format": "base64"}))


@pytest.mark.skipif(not recorded.names("emb_"), reason=recorded.REASON)
@pytest.mark.parametrize("name", recorded.names("emb_"))
def test_recorded_embeddings_keep_their_numbers_and_their_tokens(name: str) -> None:
    recording = recorded.load(name)
    body = json.loads(recording.body)
    texts = recording.request.get("texts") or recording.request["inputText"]
    tokens = int(recording.headers["x-amzn-bedrock-input-token-count"])

    told = whole([body], [tokens], asked({"input": texts, "encoding_format": "base64"}))

    vectors = body.get("embeddings") or [body["embedding"]]
    packed = [base64.b64decode(entry["embedding"]) for entry in told["data"]]
    assert packed == [struct.pack(f"<{len(vector)}f", *vector) for vector in vectors]
    assert told["usage"]["prompt_tokens"] == tokens
