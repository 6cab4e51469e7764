"""What the official OpenAI SDK raises where Bedrock fails: before the answer, with its first frame, inside it."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from tests.e2e.bedrock_sdk import simulated_bedrock
from tests.e2e.matrix_openai import client
from tests.e2e.rig import Rig

HELLO: Any = [{"role": "user", "content": "Hello!"}]
FAILS = "bedrock/anthropic.claude-haiku-4-5-{}"
REFUSED: dict[str, tuple[type[openai.APIStatusError], int]] = {
    "f-throttled": (openai.RateLimitError, 429),
    "f-invalid": (openai.BadRequestError, 400),
    "f-toolong": (openai.BadRequestError, 400),
    "f-accessdenied": (openai.PermissionDeniedError, 403),
    "f-notfound": (openai.NotFoundError, 404),
    "f-internal": (openai.InternalServerError, 500),
    "f-unavailable": (openai.InternalServerError, 503),
}
FIRST: dict[str, tuple[type[openai.APIStatusError], int]] = {
    "f-firstthrottled": (openai.RateLimitError, 429),
    "f-firstinvalid": (openai.BadRequestError, 400),
    "f-firstunavailable": (openai.InternalServerError, 503),
}
MIDWAY = ("f-midthrottled", "f-midmodel", "f-crc", "f-edge", "f-nostop", "f-rst")
UNTRANSLATABLE: dict[str, tuple[dict[str, Any], str]] = {
    "two choices": ({"n": 2}, "n"),
    "log probabilities": ({"logprobs": True}, "logprobs"),
    "an image by its URL": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}],
                }
            ]
        },
        "messages[0].content[0].image_url.url",
    ),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with simulated_bedrock(tmp_path_factory.mktemp("openai-errors")) as running:
        yield running


@pytest.fixture
def sdk(site: Rig) -> Iterator[openai.OpenAI]:
    with client(site) as made:
        yield made


def chat(sdk: openai.OpenAI, model: str, **more: Any) -> Any:
    return sdk.chat.completions.create(**{"model": model, "messages": HELLO, **more})


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", REFUSED)
def test_a_refusal_has_its_class_and_status(fault: str, is_stream: bool, sdk: openai.OpenAI) -> None:
    kind, status = REFUSED[fault]

    with pytest.raises(kind) as raised:
        chat(sdk, FAILS.format(fault), stream=is_stream)

    assert raised.value.status_code == status
    assert raised.value.request_id


@pytest.mark.parametrize("fault", FIRST)
def test_an_exception_as_the_first_frame_is_a_status_of_its_own(fault: str, sdk: openai.OpenAI) -> None:
    kind, status = FIRST[fault]

    with pytest.raises(kind) as raised:
        chat(sdk, FAILS.format(fault), stream=True)

    assert raised.value.status_code == status


@pytest.mark.parametrize("fault", MIDWAY)
def test_a_stream_that_fails_says_so_after_what_it_had_said(fault: str, sdk: openai.OpenAI, site: Rig) -> None:
    raw = sdk.chat.completions.with_raw_response.create(model=FAILS.format(fault), messages=HELLO, stream=True)
    chunks: list[Any] = []

    with pytest.raises(openai.APIError) as raised:
        chunks.extend(raw.parse())

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert "héllo wörld 日本語 😀 end.".startswith(text)
    assert text
    record = site.record(raw.headers["x-request-id"])
    assert (record["outcome"], record["error_code"]) == ("incomplete", raised.value.code)


@pytest.mark.parametrize("name", UNTRANSLATABLE)
def test_what_cannot_be_translated_is_refused_with_its_param(name: str, sdk: openai.OpenAI) -> None:
    changes, param = UNTRANSLATABLE[name]

    with pytest.raises(openai.BadRequestError) as raised:
        chat(sdk, "bedrock/amazon.nova-lite-v1:0", **changes)

    assert raised.value.param == param


def test_a_call_that_was_throttled_once_is_tried_again_by_the_sdk(sdk: openai.OpenAI) -> None:
    answer = chat(sdk.with_options(max_retries=2), FAILS.format("f-throttledonce"))

    assert answer.choices[0].message.content == "héllo wörld 日本語 😀 end."
