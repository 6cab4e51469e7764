"""The simulated legacy completions as the official SDK sees them, and their refusals."""

import json
from typing import Any

import pytest
from tests import recorded
from tests.integration.simulator.rig import Rig

MODEL = "gpt-3.5-turbo-instruct"


def test_text_streams_with_the_usage_that_was_asked_for(rig: Rig) -> None:
    chunks = list(
        rig.sdk.completions.create(
            model=MODEL, prompt="count to 5", max_tokens=200, stream=True, stream_options={"include_usage": True}
        )
    )

    assert "".join(chunk.choices[0].text for chunk in chunks[:-1]).startswith("1, 2, 3, 4, 5.")
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == sum(bool(chunk.choices[0].text) for chunk in chunks[:-1])


def test_sixteen_tokens_are_the_default(rig: Rig) -> None:
    completion = rig.sdk.completions.create(model=MODEL, prompt="write 100 words")

    assert completion.choices[0].finish_reason == "length"
    assert completion.choices[0].logprobs is None
    assert completion.usage is not None
    assert completion.usage.completion_tokens == 16


def test_every_prompt_gets_its_choices(rig: Rig) -> None:
    completion = rig.sdk.completions.create(model=MODEL, prompt=["say one", "say two"], n=2)

    texts = [(choice.index, choice.text.split()[0]) for choice in completion.choices]
    assert texts == [(0, "one"), (1, "one"), (2, "two"), (3, "two")]


def test_an_echo_is_in_the_text_and_not_in_the_output_tokens(rig: Rig) -> None:
    plain = rig.sdk.completions.create(model=MODEL, prompt="say one")
    echoed = rig.sdk.completions.create(model=MODEL, prompt="say one", echo=True)

    assert echoed.choices[0].text == f"say one{plain.choices[0].text}"
    assert echoed.usage == plain.usage


def test_a_prompt_can_be_echoed_with_nothing_after_it(rig: Rig) -> None:
    completion = rig.sdk.completions.create(model=MODEL, prompt="say one", echo=True, max_tokens=0)

    assert (completion.choices[0].text, completion.choices[0].finish_reason) == ("say one", "length")
    assert completion.usage is not None
    assert completion.usage.completion_tokens == 0


@pytest.mark.skipif(not recorded.names("oc_legacy"), reason=recorded.REASON)
def test_chunks_have_the_keys_of_recorded_ones_in_their_order(rig: Rig) -> None:
    recording = recorded.load("oc_legacy_completions_usage")

    body = rig.to("/completions", **recording.request).content

    originals, made = ([json.loads(one[6:]) for one in chunks(text)] for text in (recording.body, body))
    for place in (0, -2, -1):
        assert list(made[place]) == list(originals[place])
    assert list(made[0]["choices"][0]) == list(originals[0]["choices"][0])
    assert list(made[-1]["usage"]) == list(originals[-1]["usage"])
    assert made[-2]["choices"][0]["finish_reason"] == originals[-2]["choices"][0]["finish_reason"]


def chunks(body: bytes) -> list[bytes]:
    return [one for one in body.split(b"\n\n") if one.startswith(b"data: {")]


@pytest.mark.parametrize(("model", "events"), [("ok", 6), ("f-trunc", 3), ("f-errevent", 4), ("f-empty", 0)])
def test_a_stream_goes_wrong_as_the_name_says(rig: Rig, model: str, events: int) -> None:
    body = rig.to("/completions", model=model, prompt="x", stream=True).content

    assert len(chunks(body)) == events
    assert (b'"error"' in body) is (model == "f-errevent")


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"prompt": 5}, 400, "invalid_type", "prompt"),
        ({"prompt": []}, 400, "invalid_type", "prompt"),
        ({"n": 0}, 400, "integer_below_min_value", "n"),
        ({"n": 200}, 400, "integer_above_max_value", "n"),
        ({"best_of": 2, "stream": True}, 400, None, "best_of"),
        ({"best_of": 1, "n": 2}, 400, None, "best_of"),
        ({"stream_options": {"include_usage": True}}, 400, None, "stream_options"),
        ({"messages": []}, 400, "unknown_parameter", "messages"),
        ({"model": "gpt-4o"}, 404, None, "model"),
        ({"model": "f-500once-legacy"}, 500, None, None),
    ],
)
def test_mistakes_are_refused_in_openais_shape(
    rig: Rig, body: dict[str, Any], status: int, code: str | None, param: str | None
) -> None:
    answer = rig.to("/completions", **{"model": MODEL, "prompt": "x", **body})

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
