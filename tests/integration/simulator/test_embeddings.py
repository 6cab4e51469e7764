"""The simulated embeddings as the official SDK sees them, and their refusals."""

import base64
import json
import math
import struct
from typing import Any

import pytest
from tests import recorded
from tests.integration.simulator.rig import Rig


def test_the_sdk_asks_for_base64_and_gets_the_floats(rig: Rig) -> None:
    by_default = rig.sdk.embeddings.create(model="text-embedding-3-small", input="How do I reset my password?")
    floats = rig.sdk.embeddings.create(
        model="text-embedding-3-small", input="How do I reset my password?", encoding_format="float"
    )

    assert by_default.data[0].embedding == floats.data[0].embedding
    assert len(floats.data[0].embedding) == 1536
    assert math.hypot(*floats.data[0].embedding) == pytest.approx(1.0, abs=1e-5)
    assert floats.usage.prompt_tokens == floats.usage.total_tokens == 7


def test_base64_is_little_endian_float32(rig: Rig) -> None:
    request: Any = {"model": "text-embedding-3-small", "input": "x", "dimensions": 4}

    encoded = rig.to("/embeddings", **request, encoding_format="base64").json()["data"][0]["embedding"]

    floats = rig.to("/embeddings", **request).json()["data"][0]["embedding"]
    assert list(struct.unpack("<4f", base64.b64decode(encoded))) == floats


def test_texts_that_share_words_are_nearer(rig: Rig) -> None:
    texts = ["the cat sat on the mat", "the cat sat on the sofa", "interest rates rose again"]

    vectors = [one.embedding for one in rig.sdk.embeddings.create(model="text-embedding-3-large", input=texts).data]

    near, far = (sum(a * b for a, b in zip(vectors[0], other, strict=True)) for other in vectors[1:])
    assert len(vectors[0]) == 3072
    assert near > 0.6 > 0.3 > far


def test_tokens_are_as_good_as_texts_and_dimensions_shorten(rig: Rig) -> None:
    answer = rig.sdk.embeddings.create(model="text-embedding-3-small", input=[[1, 2, 3], [4]], dimensions=256)

    assert [(one.index, len(one.embedding)) for one in answer.data] == [(0, 256), (1, 256)]
    assert math.hypot(*answer.data[0].embedding) == pytest.approx(1.0, abs=1e-5)
    assert answer.usage.prompt_tokens == 4


@pytest.mark.skipif(not recorded.names("oe_"), reason=recorded.REASON)
def test_the_answer_has_the_keys_of_a_recorded_one(rig: Rig) -> None:
    recording = recorded.load("oe_base64")
    original = json.loads(recording.body)

    answer = rig.to("/embeddings", **recording.request).json()

    assert answer.keys() == original.keys()
    assert answer["data"][0].keys() == original["data"][0].keys()
    assert answer["usage"] == original["usage"]
    assert len(answer["data"][0]["embedding"]) == len(original["data"][0]["embedding"])


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"input": 5}, 400, None, "input"),
        ({"input": ""}, 400, None, "input"),
        ({"input": []}, 400, None, "input"),
        ({"input": ["a", ""]}, 400, None, "input"),
        ({"input": ["a"] * 2049}, 400, "array_above_max_length", "input"),
        ({"input": "word " * 9000}, 400, None, None),
        ({"input": None}, 400, "missing_required_parameter", "input"),
        ({"encoding_format": "hex"}, 400, "invalid_value", "encoding_format"),
        ({"dimensions": 0}, 400, "integer_below_min_value", "dimensions"),
        ({"dimensions": 4000}, 400, None, "dimensions"),
        ({"model": "text-embedding-ada-002", "dimensions": 8}, 400, None, "dimensions"),
        ({"stream": True}, 400, "unknown_parameter", "stream"),
        ({"model": "gpt-4o"}, 403, None, None),
        ({"model": "f-429"}, 429, "rate_limit_exceeded", None),
    ],
)
def test_mistakes_are_refused_in_openais_shape(
    rig: Rig, body: dict[str, Any], status: int, code: str | None, param: str | None
) -> None:
    answer = rig.to("/embeddings", **{"model": "text-embedding-3-small", "input": "x", **body})

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
