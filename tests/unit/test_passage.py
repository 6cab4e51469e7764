import hashlib
import json

import pytest
from tests import recorded
from tests.splits import event_edges, every_split

from sluice.domain.errors import UpstreamTruncated
from sluice.domain.usage import Usage, UsageSource
from sluice.metering import Meter
from sluice.passage import Passage, failure

CHUNK = {"id": "c", "object": "chat.completion.chunk", "model": "m-1"}


def event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def said(text: str, index: int = 0) -> bytes:
    return event({**CHUNK, "choices": [{"index": index, "delta": {"content": text}, "finish_reason": None}]})


def finished(reason: str = "stop", index: int = 0) -> bytes:
    return event({**CHUNK, "choices": [{"index": index, "delta": {}, "finish_reason": reason}]})


def used(usage: object) -> bytes:
    return event({**CHUNK, "choices": [], "usage": usage})


DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}


def meter(choices: int = 1) -> Meter:
    return Meter(lambda: 380, lambda: 0.0, choices)


def passed(stream: bytes, choices: int = 1, **options: object) -> tuple[bytes, Meter, Passage]:
    metering = meter(choices)
    passage = Passage(metering, **options)  # type: ignore[arg-type]
    out = passage.feed(stream)
    out += b"" if passage.is_over else passage.close()
    metering.end()
    return out, metering, passage


@pytest.mark.skipif(not recorded.FOLDER.is_dir(), reason=recorded.REASON)
@pytest.mark.parametrize("name", recorded.names("oc_"))
def test_every_split_of_a_recording_leaves_unaltered_and_metered(name: str) -> None:
    recording = recorded.load(name)
    digest = hashlib.sha256(recording.body).hexdigest()
    expected, model = recorded_usage(recording.body), recorded_model(recording.body)

    for first, second in every_split(recording.body, event_edges(recording.body)):
        metering = meter()
        passage = Passage(metering, drops_usage=not asks_for_usage(recording))
        out = passage.feed(first) + passage.feed(second)
        metering.end()

        assert passage.is_over
        assert hashlib.sha256(out).hexdigest() == digest
        assert metering.usage_source == (UsageSource.PROVIDER if expected else UsageSource.COUNTED)
        assert expected is None or metering.usage == expected
        assert metering.tally.model == model


def asks_for_usage(recording: recorded.Recording) -> bool:
    return bool((recording.request.get("stream_options") or {}).get("include_usage"))


def recorded_model(body: bytes) -> str | None:
    """The last that a chunk names; those of Azure's filter name none."""
    chunks = [json.loads(line[6:]) for line in body.decode().splitlines() if line.startswith("data: {")]
    return next((chunk["model"] for chunk in reversed(chunks) if chunk.get("model")), None)


def recorded_usage(body: bytes) -> Usage | None:
    """The recording's own usage, read the plain way."""
    for line in reversed(body.decode().splitlines()):
        value = json.loads(line[6:]) if line.startswith("data: {") else {}
        if value.get("usage"):
            usage = value["usage"]
            cached = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
            reasoning = usage.get("completion_tokens_details", {}).get("reasoning_tokens", 0)
            return Usage(usage["prompt_tokens"] - cached, cached, 0, 0, usage["completion_tokens"], reasoning)
    return None


@pytest.mark.fault("S05")
def test_a_stream_that_finished_without_done_is_complete_and_gets_it() -> None:
    out, _, passage = passed(said("a") + finished())

    assert out == said("a") + finished() + DONE
    assert passage.is_over


@pytest.mark.fault("S05")
def test_strict_done_insists_on_it() -> None:
    with pytest.raises(UpstreamTruncated):
        passed(said("a") + finished(), strict_done=True)


@pytest.mark.fault("S04")
@pytest.mark.parametrize(
    "stream",
    [b"", said("a"), said("a", 0) + said("b", 1) + finished(index=0), said("a") + finished() + b"data: {", b": hi\n\n"],
)
def test_a_clean_close_before_every_choice_finished_is_truncated(stream: bytes) -> None:
    with pytest.raises(UpstreamTruncated):
        passed(stream)


@pytest.mark.fault("S17")
def test_nothing_follows_the_first_done() -> None:
    out, _, _ = passed(said("a") + finished() + DONE + said("late") + DONE)

    assert out == said("a") + finished() + DONE


@pytest.mark.fault("S16")
@pytest.mark.parametrize(
    "error",
    [
        b'data: {"error":{"message":"x"}}\n\n',
        b'data: { "error" : {"message":"x"}}\n\n',
        b'event: error\ndata: {"message":"x"}\n\n',
    ],
)
def test_nothing_follows_an_error_event(error: bytes) -> None:
    out, _, passage = passed(said("a") + error + said("late") + DONE)

    assert out == said("a") + error
    assert passage.reported is not None
    assert failure(passage.reported).code == "upstream_reported"


@pytest.mark.parametrize("text", ['{"error": "no"}', "[DONE]", '"usage":{', "event: error"])
def test_text_that_looks_like_a_mark_is_only_text(text: str) -> None:
    stream = said("start") + said(text) + finished() + DONE

    out, _, passage = passed(stream, drops_usage=True)

    assert out == stream
    assert passage.reported is None


def test_an_error_that_is_null_is_no_error() -> None:
    chunk = event(
        {"error": None, **CHUNK, "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}
    )

    out, _, passage = passed(chunk + DONE)

    assert out == chunk + DONE
    assert passage.reported is None


@pytest.mark.fault("P02")
def test_an_error_event_that_repeats_the_key_is_replaced() -> None:
    error = b'data: {"error":{"message":"bad key sk-fake-123"}}\n\n'

    out, _, _ = passed(said("a") + error, key="sk-fake-123")

    assert b"sk-fake-123" not in out
    assert b"upstream_reported" in out


def test_the_usage_nobody_asked_for_is_taken_out_and_metered() -> None:
    nothing = event({**CHUNK, "choices": [{"index": 0, "delta": {"content": "a"}}], "usage": None})

    out, metering, _ = passed(nothing + finished() + used(USAGE) + DONE, drops_usage=True)

    assert out == nothing + finished() + DONE
    assert metering.usage == Usage(input=11, output=5)
    assert metering.usage_source is UsageSource.PROVIDER


def test_usage_beside_a_choice_is_never_taken_out() -> None:
    both = event({**CHUNK, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USAGE})

    out, metering, _ = passed(said("a") + both + DONE, drops_usage=True)

    assert out == said("a") + both + DONE
    assert metering.usage == Usage(input=11, output=5)


@pytest.mark.fault("S18")
@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        "many",
        {"prompt_tokens": -1},
        {"prompt_tokens": 1.5},
        {"prompt_tokens": 2**63},
        {"prompt_tokens": True},
    ],
)
def test_usage_that_cannot_be_believed_is_counted(usage: object) -> None:
    _, metering, _ = passed(said("x" * 38) + finished() + used(usage) + DONE)

    assert metering.usage_source is UsageSource.COUNTED
    assert metering.usage == Usage(input=100, output=10)


@pytest.mark.fault("S18")
def test_the_last_usage_that_can_be_believed_wins() -> None:
    later = {"prompt_tokens": 12, "completion_tokens": 6}

    _, metering, _ = passed(said("a") + used(USAGE) + used(later) + used({"prompt_tokens": -1}) + DONE)

    assert metering.usage == Usage(input=12, output=6)


@pytest.mark.fault("S20")
def test_a_stream_longer_than_the_copy_is_counted_whole() -> None:
    metering = meter()
    passage = Passage(metering)
    for _ in range(20_000):
        passage.feed(said("x" * 38))
    passage.feed(finished() + DONE)
    metering.end()

    assert metering.usage.output == 200_000
    assert metering.tally.finish_reason == "stop"


def test_finish_reasons_of_all_choices_are_told() -> None:
    stream = said("a") + said("b", 1) + finished("length", 1) + finished("stop", 0) + used(USAGE) + DONE

    _, metering, _ = passed(stream, choices=2)

    assert metering.tally.finish_reason == "stop,length"


@pytest.mark.fault("S07")
@pytest.mark.fault("S10")
def test_what_cannot_be_parsed_is_forwarded_and_not_counted() -> None:
    broken = b'data: {"choices":[{"delta":{"content":"\xff\xfe"}}\n\n'

    out, metering, _ = passed(said("a") + broken + finished() + DONE)

    assert out == said("a") + broken + finished() + DONE
    assert metering.usage_source is UsageSource.COUNTED
