"""What Azure's content filter says of prompts and answers, on its way to a caller."""

import json
from contextlib import suppress

import pytest
from tests import recorded
from tests.splits import event_edges, every_split, splits_near
from tests.unit.providers.azure_wire import (
    ASKED,
    DEPLOYMENT,
    DONE,
    ENDS,
    NOT_CHECKED,
    SAFE,
    SSE,
    STREAMS,
    USAGE,
    USED,
    Repeating,
    gateway,
    pieces,
    read,
    record,
    sha,
)

from sluice.domain.errors import UpstreamTruncated
from sluice.domain.record import Outcome
from sluice.domain.usage import Usage, UsageSource


@pytest.mark.skipif(not recorded.FOLDER.is_dir(), reason=recorded.REASON)
@pytest.mark.parametrize("name", recorded.names("oc_azure_"))
def test_a_recorded_stream_that_is_split_near_its_events_comes_out_as_it_went_in(name: str) -> None:
    """Through the whole gateway. Every split of these recordings is shown by tests/unit/test_passage.py."""
    recording, repeating = recorded.load(name), Repeating()

    for cut in splits_near(recording.body, event_edges(recording.body)):
        made = repeating.when(*cut)
        body = read(made.chat({**recording.request, "model": DEPLOYMENT}))

        assert sha(body) == sha(recording.body)
        assert (record(made).usage_source, record(made).outcome) == (UsageSource.PROVIDER, Outcome.COMPLETE)
        assert record(made).model_answered == "gpt-4o-mini-2024-07-18"  # not the filter's, which names none


@pytest.mark.skipif(not recorded.FOLDER.is_dir(), reason=recorded.REASON)
@pytest.mark.parametrize("name", recorded.names("oc_azure_"))
def test_of_a_recorded_stream_only_the_usage_is_taken_out_where_nobody_asked(name: str) -> None:
    recording = recorded.load(name)
    events = recording.body.split(b"\n\n")
    (usage,) = [one for one in events if b'"usage":{' in one]
    made = gateway(recording.body, headers=SSE)

    body = read(made.chat({**recording.request, "model": DEPLOYMENT, "stream_options": None}))

    assert body == recording.body.replace(usage + b"\n\n", b"")
    assert body.startswith(events[0] + b"\n\n")
    assert b"prompt_filter_results" in events[0]
    assert record(made).usage_source is UsageSource.PROVIDER


@pytest.mark.skipif(not recorded.FOLDER.is_dir(), reason=recorded.REASON)
def test_a_recorded_whole_answer_comes_out_as_it_went_in() -> None:
    recording = recorded.load("oj_azure_basic")
    made = gateway(recording.body, headers=recording.headers)

    answer = made.chat({**recording.request, "model": DEPLOYMENT})

    assert sha(read(answer)) == sha(recording.body)
    assert record(made).usage == Usage(input=8, output=271, reasoning=192)
    assert record(made).model_answered == "gpt-5-nano-2025-08-07"
    assert answer["headers"]["x-ratelimit-remaining-tokens"] == "99998"
    assert answer["headers"]["x-sluice-provider-request-id"] == "8f2cae43-720b-42c3-9ca7-44a99a6ca1b1"


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("wants_usage", [True, False])
def test_what_the_filter_says_passes_byte_for_byte(name: str, wants_usage: bool) -> None:
    stream, options = b"".join(STREAMS[name]), {"stream_options": {"include_usage": True}} if wants_usage else {}
    expected, repeating = stream if wants_usage else stream.replace(USAGE, b""), Repeating()

    for cut in every_split(stream):
        made = repeating.when(*cut)
        body = read(made.chat({"model": DEPLOYMENT, "messages": ASKED, "stream": True, **options}))

        assert body == expected
        assert (record(made).usage, record(made).finish_reason) == (Usage(input=11, output=5), ENDS[name])
        assert record(made).outcome is Outcome.COMPLETE


@pytest.mark.fault("S04")
@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_is_cut_anywhere_ends_truly_or_not_at_all(name: str) -> None:
    """The filter may speak behind the end of the text, and before it without saying any."""
    stream = b"".join(STREAMS[name])
    end = next(place for place, one in enumerate(STREAMS[name]) if f'"finish_reason": "{ENDS[name]}"'.encode() in one)
    finished, repeating = len(b"".join(STREAMS[name][: end + 1])), Repeating()

    for place in range(len(stream)):
        made, body = repeating.when(stream[:place]), b""
        with suppress(UpstreamTruncated):  # which becomes trailers, behind the error that is in the stream
            for piece in pieces(made.chat({"model": DEPLOYMENT, "messages": ASKED, "stream": True})):
                body += piece

        is_whole = body.endswith(DONE)
        assert is_whole or b'"upstream_stream_truncated"' in body
        assert not is_whole or place >= finished
        assert (record(made).outcome is Outcome.COMPLETE) is is_whole


def test_a_filter_that_fails_beside_an_answer_is_no_error_of_it() -> None:
    choice = {"index": 0, "message": {"content": "hi"}, "finish_reason": "stop", "content_filter_results": NOT_CHECKED}
    body = json.dumps({"choices": [choice], "usage": USED}).encode()
    made = gateway(body)

    answer = made.chat({"model": DEPLOYMENT, "messages": ASKED})

    assert (answer["statusCode"], read(answer)) == (200, body)
    assert record(made).outcome is Outcome.COMPLETE


@pytest.mark.parametrize("name", STREAMS)
def test_a_message_becomes_chat_and_the_filters_chunks_leave_no_trace(name: str) -> None:
    stream, bodies, repeating = b"".join(STREAMS[name]), set(), Repeating()
    for cut in every_split(stream):
        made = repeating.when(*cut)
        bodies.add(
            read(made.post("/v1/messages", {"model": DEPLOYMENT, "max_tokens": 9, "messages": ASKED, "stream": True}))
        )

    (body,) = bodies
    found = [json.loads(line[6:]) for line in body.decode().split("\n") if line.startswith("data: ")]
    texts = [one["delta"]["text"] for one in found if one["type"] == "content_block_delta"]
    assert "".join(texts).startswith("Hé")
    assert (found[0]["type"], found[-1]["type"]) == ("message_start", "message_stop")
    assert found[-2]["delta"]["stop_reason"] == ("refusal" if ENDS[name] == "content_filter" else "end_turn")
    assert made.requests[0].url.path == "/openai/deployments/prod-mini/chat/completions"
    assert record(made).usage == Usage(input=11, output=5)


FILTERED = {
    "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
    "type": None,
    "param": "prompt",
    "code": "content_filter",
    "status": 400,
    "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": SAFE},
}


def test_a_prompt_that_the_filter_refuses_is_told_with_all_it_said() -> None:
    body = json.dumps({"error": FILTERED}).encode()
    chat, messages = gateway(body, status=400), gateway(body, status=400)

    answer = chat.chat({"model": DEPLOYMENT, "messages": ASKED, "stream": True})
    translated = messages.post("/v1/messages", {"model": DEPLOYMENT, "max_tokens": 9, "messages": ASKED})

    assert (answer["statusCode"], read(answer)) == (400, body)
    error = json.loads(read(translated))["error"]
    assert (translated["statusCode"], error["message"]) == (400, FILTERED["message"])
