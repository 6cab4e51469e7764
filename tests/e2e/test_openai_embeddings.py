"""Embeddings through the whole stack, as the official SDK asks for them."""

import base64
import struct
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from tests.e2e.rig import Rig
from tests.e2e.sdk import CLIENTS, Sdk, sdk, simulated

MODEL = "text-embedding-3-small"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with simulated(tmp_path_factory.mktemp("embeddings")) as running:
        yield running


@pytest.fixture(params=CLIENTS)
def caller(request: pytest.FixtureRequest, site: Rig) -> Iterator[Sdk]:
    with sdk(request.param, site) as made:
        yield made


def create(caller: Sdk, model: str = MODEL, **body: Any) -> Any:
    return caller.done(caller.client.embeddings.create(**{"model": caller.model(model), "input": "Hello", **body}))


def test_base64_which_the_sdk_asks_for_and_floats_are_the_same(caller: Sdk) -> None:
    encoded, floats = create(caller), create(caller, encoding_format="float")

    assert encoded.data[0].embedding == floats.data[0].embedding
    assert len(floats.data[0].embedding) == 1536


def test_base64_reaches_those_who_asked_for_it_as_it_was_sent(caller: Sdk) -> None:
    encoded = create(caller, encoding_format="base64", dimensions=8).data[0].embedding

    assert isinstance(encoded, str)
    assert list(struct.unpack("<8f", base64.b64decode(encoded))) == create(caller, dimensions=8).data[0].embedding


def test_several_inputs_and_tokens_are_counted_on_the_ledger(caller: Sdk, site: Rig) -> None:
    asked: Any = {"model": caller.model(MODEL), "input": [[1, 2, 3], [4, 5]], "dimensions": 16}

    raw = caller.done(caller.client.embeddings.with_raw_response.create(**asked))

    answer = raw.parse()
    assert [len(one.embedding) for one in answer.data] == [16, 16]
    assert answer.usage.prompt_tokens == 5
    record = site.record(raw.headers["x-request-id"])
    assert (record["operation"], record["outcome"], record["stream"]) == ("embeddings", "complete", False)
    assert (record["usage_source"], record["usage"]["input"], record["usage"]["output"]) == ("provider", 5, 0)
    assert isinstance(record["cost"], int)


def test_more_embeddings_than_are_held_at_once_come_whole_and_counted(caller: Sdk, site: Rig) -> None:
    asked: Any = {"model": caller.model("text-embedding-3-large"), "input": [f"text {n}" for n in range(100)]}

    raw = caller.done(caller.client.embeddings.with_raw_response.create(**asked))

    answer = raw.parse()
    assert len(raw.content) > 1024 * 1024
    assert [len(one.embedding) for one in answer.data] == [3072] * 100
    record = site.record(raw.headers["x-request-id"])
    assert (record["outcome"], record["usage_source"]) == ("complete", "provider")
    assert (record["usage"]["input"], record["bytes_out"]) == (answer.usage.prompt_tokens, len(raw.content))


@pytest.mark.parametrize(
    ("model", "body", "kind"),
    [
        (MODEL, {"input": []}, openai.BadRequestError),
        (MODEL, {"dimensions": 4000}, openai.BadRequestError),
        ("gpt-4o", {}, openai.PermissionDeniedError),
        ("text-embedding-unheard-of!", {}, openai.NotFoundError),
        ("f-429", {}, openai.RateLimitError),
        ("f-503", {}, openai.InternalServerError),
    ],
)
def test_a_refusal_is_the_sdks_own_exception(
    caller: Sdk, model: str, body: Any, kind: type[openai.APIStatusError]
) -> None:
    with pytest.raises(kind) as raised:
        create(caller, model, **body)

    assert raised.value.request_id


@pytest.mark.parametrize("model", ["f-trunc", "f-rst", "f-chunkcut", "f-badjson"])
def test_an_answer_that_is_not_whole_is_an_error(caller: Sdk, model: str) -> None:
    with pytest.raises(openai.APIError):
        create(caller, model)
