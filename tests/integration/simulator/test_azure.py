"""The simulated Azure OpenAI as OpenAI's SDK sees it at either address, and what it refuses."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from tests import recorded
from tests.integration.simulator.azure_rig import HELLO, KEY, TOKEN, VERSION, Rig

from sluice_devstack.event_loop import EventLoopThread

MODEL = "gpt-4o-mini-instant"
CLASSIC = f"/openai/deployments/{{}}/chat/completions?api-version={VERSION}"
V1 = "/openai/v1/chat/completions"


@pytest.fixture(scope="module")
def azure(loop: EventLoopThread) -> Iterator[Rig]:
    rig = Rig(loop)
    yield rig
    rig.close()


@pytest.fixture(params=["classic", "v1"])
def sdk(request: pytest.FixtureRequest, azure: Rig) -> Any:
    return getattr(azure, request.param)


def chunks(azure: Rig, model: str = MODEL, **body: Any) -> list[dict[str, Any]]:
    """The events of a stream, [DONE] left out."""
    answer = azure.post(V1, model=model, stream=True, **body)
    lines = answer.text.removesuffix("data: [DONE]\n\n").split("\n\n")
    return [json.loads(line.removeprefix("data: ")) for line in lines if line]


def test_the_sdk_streams_text_behind_the_filters_word_on_the_prompt(sdk: Any) -> None:
    first, *rest = sdk.chat.completions.create(
        model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True}
    )

    texts = [one.choices[0].delta.content or "" for one in rest if one.choices]
    assert (first.choices, first.model) == ([], "")
    assert first.prompt_filter_results[0]["content_filter_results"]["jailbreak"]["detected"] is False
    assert "".join(texts).startswith("Hello! Lovely to hear from you.")
    assert rest[0].model == "gpt-4o-mini-2024-07-18"
    assert rest[-1].usage.completion_tokens == sum(map(bool, texts))


def test_the_sdk_reads_whole_answers_of_every_operation(sdk: Any) -> None:
    chat = sdk.chat.completions.create(model=MODEL, messages=HELLO)
    legacy = sdk.completions.create(model="gpt-3.5-turbo-instruct-instant", prompt="Hello!")
    vectors = sdk.embeddings.create(model="text-embedding-3-small-instant", input="Hello!")
    sound = sdk.audio.speech.create(model="gpt-4o-mini-tts-instant", voice="alloy", input="Hi", response_format="pcm")

    assert chat.choices[0].content_filter_results["hate"] == {"filtered": False, "severity": "safe"}
    assert legacy.choices[0].text
    assert legacy.prompt_filter_results
    assert len(vectors.data[0].embedding) == 1536
    assert sound.content


def test_responses_are_at_the_v1_api(azure: Rig) -> None:
    response = azure.v1.responses.create(model=MODEL, input="Hello!")

    assert response.output_text.startswith("Hello! Lovely")


@pytest.mark.skipif(not recorded.FOLDER.is_dir(), reason=recorded.REASON)
def test_chunks_have_the_fields_of_recorded_ones_in_their_order(azure: Rig) -> None:
    recording = recorded.load("oc_azure_text")
    lines = recording.body.decode().removesuffix("data: [DONE]\n\n").split("\n\n")
    theirs = [json.loads(line.removeprefix("data: ")) for line in lines if line]

    ours = chunks(azure, stream_options={"include_usage": True})

    for place in (0, 1, 2, -2, -1):
        assert list(ours[place]) == list(theirs[place])
        assert [list(one) for one in ours[place]["choices"]] == [list(one) for one in theirs[place]["choices"]]
    headers = azure.post(V1, model=MODEL, stream=True).headers.keys()
    assert recording.headers.keys() <= headers


def test_a_filter_that_runs_beside_the_model_speaks_late_and_without_deltas(azure: Rig) -> None:
    found = chunks(azure, f"{MODEL}-async")

    assert "content_filter_results" not in found[2]["choices"][0]
    assert found[-2]["choices"][0]["finish_reason"] == "stop"
    assert found[-1]["choices"][0]["content_filter_offsets"]["check_offset"] == 44
    assert "delta" not in found[-1]["choices"][0]


@pytest.mark.parametrize("path", [CLASSIC, V1])
def test_a_deployment_may_have_a_name_of_its_own(azure: Rig, path: str) -> None:
    served = azure.post(path.format("prod-mini"), model="prod-mini")
    unknown = azure.post(path.format("prod-maxi"), model="prod-maxi")

    assert (served.status_code, served.json()["model"]) == (200, "gpt-4o-mini-2024-07-18")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "DeploymentNotFound")


@pytest.mark.skipif(not recorded.FOLDER.is_dir(), reason=recorded.REASON)
def test_a_missing_deployment_is_told_as_recorded(azure: Rig) -> None:
    recording = recorded.load("err_azure_404_deployment")

    assert azure.post(CLASSIC.format("none")).json() == json.loads(recording.body)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"api-key": KEY}, 200),
        ({"api-key": "", "authorization": f"Bearer {TOKEN}"}, 200),
        ({"api-key": "", "authorization": f"Bearer {KEY}"}, 200),
        ({"api-key": TOKEN}, 401),
        ({"api-key": "sk-fake-other"}, 401),
        ({"api-key": "", "authorization": "Bearer eyJ.fake.old"}, 401),
        ({"api-key": ""}, 401),
    ],
)
def test_a_key_has_its_own_header_and_a_token_the_bearers(azure: Rig, headers: dict[str, str], status: int) -> None:
    answer = azure.post(V1, headers, model=MODEL)

    assert answer.status_code == status
    assert status == 200 or answer.json()["error"]["code"] == "401"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (CLASSIC.format(MODEL).partition("?")[0], 404, "404"),
        (CLASSIC.format(MODEL).replace(VERSION, "2024-13"), 400, "BadRequest"),
        (CLASSIC.format(MODEL).replace(VERSION, "2024-10-22"), 400, "BadRequest"),
        (f"{V1}?api-version={VERSION}", 400, "BadRequest"),
        (f"/openai/deployments/{MODEL}/responses?api-version={VERSION}", 404, "404"),
        (f"/openai/deployments/{MODEL}/files?api-version={VERSION}", 404, "404"),
        ("/v1/chat/completions", 404, "404"),
    ],
)
def test_another_address_or_version_is_refused(azure: Rig, path: str, status: int, code: str) -> None:
    answer = azure.post(path, model=MODEL)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(("version", "status"), [("2024-06-01", 400), ("2024-09-01-preview", 200), (VERSION, 200)])
@pytest.mark.parametrize(
    "newer", [{"stream": True, "stream_options": {"include_usage": True}}, {"max_completion_tokens": 9}]
)
def test_older_versions_refuse_fields_that_came_later(
    azure: Rig, newer: dict[str, Any], version: str, status: int
) -> None:
    answer = azure.post(CLASSIC.format(MODEL).replace(VERSION, version), **newer)

    assert answer.status_code == status


def test_a_prompt_that_the_filter_refuses_raises_in_the_sdk(sdk: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.chat.completions.create(model="f-filter", messages=HELLO)

    inner = caught.value.body["innererror"]  # type: ignore[index]
    assert (caught.value.code, caught.value.param) == ("content_filter", "prompt")
    assert inner["content_filter_result"]["violence"] == {"filtered": True, "severity": "medium"}


@pytest.mark.parametrize(("fault", "statuses"), [("f-500once-azure", [500, 200]), ("f-429-azure", [429, 429])])
def test_a_deployments_name_picks_a_fault(azure: Rig, fault: str, statuses: list[int]) -> None:
    assert [azure.post(CLASSIC.format(fault)).status_code for _ in statuses] == statuses


def test_a_stream_that_is_cut_has_begun_behind_the_filters_word(azure: Rig) -> None:
    found = chunks(azure, "f-trunc")

    assert found[0]["choices"] == []
    assert len(found) == 5
