"""Legacy completions through the whole stack, as the official SDK asks for them."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from tests.e2e.rig import Rig
from tests.e2e.sdk import CLIENTS, Sdk, sdk, simulated

MODEL = "gpt-3.5-turbo-instruct-instant"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with simulated(tmp_path_factory.mktemp("legacy")) as running:
        yield running


@pytest.fixture(params=CLIENTS)
def caller(request: pytest.FixtureRequest, site: Rig) -> Iterator[Sdk]:
    with sdk(request.param, site) as made:
        yield made


def raw(caller: Sdk, model: str = MODEL, **body: Any) -> tuple[Any, str]:
    asked = {"model": caller.model(model), "prompt": "count to 5", "max_tokens": 100, **body}
    answer = caller.done(caller.client.completions.with_raw_response.create(**asked))
    return answer.parse(), answer.headers["x-request-id"]


def text(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)


def test_text_streams_and_ends_with_the_usage_that_was_asked_for(caller: Sdk, site: Rig) -> None:
    stream, request_id = raw(caller, stream=True, stream_options={"include_usage": True})

    chunks = caller.listed(stream)

    assert text(chunks).startswith("1, 2, 3, 4, 5.")
    assert chunks[-2].choices[0].finish_reason == "stop"
    record = site.record(request_id)
    assert (record["operation"], record["finish_reason"], record["outcome"]) == ("text_completion", "stop", "complete")
    assert (record["usage_source"], record["usage"]["output"]) == ("provider", chunks[-1].usage.completion_tokens)


def test_usage_that_nobody_asked_for_is_metered_and_not_shown(caller: Sdk, site: Rig) -> None:
    stream, request_id = raw(caller, stream=True)

    chunks = caller.listed(stream)

    assert all(chunk.choices and chunk.usage is None for chunk in chunks)
    record = site.record(request_id)
    assert record["usage_source"] == "provider"
    assert record["usage"]["output"] == sum(bool(text([chunk])) for chunk in chunks)


def test_every_prompt_gets_its_choices(caller: Sdk, site: Rig) -> None:
    completion, request_id = raw(caller, prompt=["say one", "say two"], n=2)

    texts = [(choice.index, choice.text.split()[0]) for choice in completion.choices]
    assert texts == [(0, "one"), (1, "one"), (2, "two"), (3, "two")]
    assert site.record(request_id)["usage"]["output"] == completion.usage.completion_tokens


def test_a_prompt_of_tokens_is_a_prompt(caller: Sdk) -> None:
    completion, _ = raw(caller, prompt=[1, 2, 3], max_tokens=3)

    assert completion.usage.prompt_tokens == 3
    assert completion.choices[0].finish_reason == "length"


@pytest.mark.parametrize("model", ["f-trunc", "f-rst", "f-chunkcut", "f-errevent"])
def test_a_stream_that_goes_wrong_raises_where_it_does(caller: Sdk, model: str) -> None:
    chunks: list[Any] = []
    stream, _ = raw(caller, model, stream=True)

    with pytest.raises(openai.APIError) as raised:
        caller.gathered(stream, chunks)

    assert raised.value.code == ("server_error" if model == "f-errevent" else "upstream_stream_truncated")
    assert text(chunks) == "héllo wörld 日本語"


@pytest.mark.parametrize(
    ("model", "body", "kind"),
    [
        (MODEL, {"prompt": {}}, openai.BadRequestError),
        (MODEL, {"best_of": 1, "n": 2}, openai.BadRequestError),
        ("gpt-4o", {}, openai.NotFoundError),
        ("f-429", {}, openai.RateLimitError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_is_the_sdks_own_exception(
    caller: Sdk, stream: bool, model: str, body: Any, kind: type[openai.APIStatusError]
) -> None:
    with pytest.raises(kind) as raised:
        raw(caller, model, stream=stream, **body)

    assert raised.value.request_id
