"""Streams of typed events on their way through: unaltered, metered, and never ending falsely."""

import hashlib
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import recorded
from tests.fakes import responses
from tests.fakes.responses import created, data_of, ended, error, event, failed, said
from tests.splits import event_edges, every_split

from sluice.codecs.dialect import Dialect
from sluice.codecs.dialects import DIALECTS, IMAGE, RESPONSES, SPEECH
from sluice.domain.errors import UpstreamProtocol, UpstreamTruncated
from sluice.domain.usage import Usage, UsageSource
from sluice.metering import Meter
from sluice.passage import Passage

KEY = "sk-fake-123"
EDGES = 40  # of a long recording, as many events' ends are cut as this
BEGUN = created() + said("a", 1)


def meter(dialect: Dialect = RESPONSES, choices: int = 1) -> Meter:
    return Meter(lambda: 380, lambda: 0.0, choices, dialect)


def passed(
    *pieces: bytes, dialect: Dialect = RESPONSES, choices: int = 1, **options: Any
) -> tuple[bytes, Meter, Passage]:
    """Everything that came out of a stream that the provider closed, its meter and the passage."""
    metering = meter(dialect, choices)
    passage = Passage(metering, dialect, **options)
    out = b""
    for piece in pieces:
        out += passage.feed(piece)
    out += b"" if passage.is_over else passage.close()
    metering.end()
    return out, metering, passage


def some(edges: tuple[int, ...]) -> tuple[int, ...]:
    return edges[:: max(1, len(edges) // EDGES)] + edges[-1:]


@pytest.mark.skipif(not responses.RECORDINGS, reason=recorded.REASON)
@pytest.mark.parametrize("name", responses.RECORDINGS)
def test_every_split_of_a_recorded_response_leaves_unaltered_and_metered(name: str) -> None:
    body = responses.recording(name)
    digest = hashlib.sha256(body).hexdigest()
    last = data_of(body[: -len(b"\n\n")].rpartition(b"\n\n")[2])["response"]

    for first, second in every_split(body, some(event_edges(body))):
        metering = meter()
        passage = Passage(metering, RESPONSES)
        out = passage.feed(first) + passage.feed(second)
        metering.end()

        assert passage.is_over
        assert hashlib.sha256(out).hexdigest() == digest
        assert metering.tally.model == last["model"]
        assert_used(metering, last)


def assert_used(metering: Meter, last: dict[str, Any]) -> None:
    """As the last event says, read the plain way."""
    usage, is_kept = last["usage"], last["status"] != "failed"
    assert [one.id for one in metering.tally.stored][:1] == ([last["id"]] if is_kept else [])
    if usage is None:
        assert metering.usage_source is UsageSource.COUNTED
        return
    cached = usage["input_tokens_details"]["cached_tokens"]
    reasoning = usage["output_tokens_details"]["reasoning_tokens"]
    assert metering.usage == Usage(usage["input_tokens"] - cached, cached, 0, 0, usage["output_tokens"], reasoning)
    assert metering.tally.service_tier == last["service_tier"]


@pytest.mark.skipif(not recorded.names("oc_legacy"), reason=recorded.REASON)
def test_every_split_of_a_legacy_completion_leaves_unaltered_and_metered() -> None:
    recording = recorded.load("oc_legacy_completions_usage")

    for first, second in every_split(recording.body, event_edges(recording.body)):
        metering = Meter(lambda: 380, lambda: 0.0)
        passage = Passage(metering)
        out = passage.feed(first) + passage.feed(second)
        metering.end()

        assert passage.is_over
        assert out == recording.body
        assert metering.usage_source is UsageSource.PROVIDER
        assert metering.tally.finish_reason == "length"


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_an_event_leaves_when_its_blank_line_has_come(line_end: str) -> None:
    whole = (created() + said("a", 1)).decode().replace("\n", line_end).encode()
    passage = Passage(meter(), RESPONSES)

    out = [passage.feed(bytes([byte])) for byte in whole]

    first, second = (one.decode().replace("\n", line_end).encode() for one in (created(), said("a", 1)))
    assert [one for one in out if one] == [first, second]
    assert out[len(first) - 1] == first
    assert out[-1] == second


def test_a_stream_with_crlf_is_not_altered_and_ends() -> None:
    stream = (BEGUN + ended("completed", 2)).replace(b"\n", b"\r\n")

    for place in range(len(stream) + 1):
        out, metering, passage = passed(stream[:place], stream[place:])

        assert passage.is_over
        assert out == stream
        assert metering.usage.output == 9


@pytest.mark.parametrize("status", ["completed", "incomplete"])
@pytest.mark.parametrize("late", [said("late", 9), b"data: [DONE]\n\n", b": late\n\n", ended("completed", 9), error(9)])
def test_nothing_follows_the_end_of_a_response(status: str, late: bytes) -> None:
    stream = BEGUN + ended(status, 2)

    together, _, _ = passed(stream + late)
    apart, _, _ = passed(BEGUN, ended(status, 2), late)

    assert together == apart == stream


@pytest.mark.fault("S04")
@pytest.mark.parametrize(
    "stream",
    [
        b"",
        created(),
        BEGUN,
        BEGUN + ended("completed", 2)[:-3],
        BEGUN + ended("in_progress", 2),
        BEGUN + error(2)[:-2],
        BEGUN + said("response.completed", 2),
        BEGUN + event({"type": "response.output_item.done", "item": {"type": "message", "status": "completed"}}),
    ],
)
def test_a_clean_close_before_the_last_event_is_truncated(stream: bytes) -> None:
    with pytest.raises(UpstreamTruncated):
        passed(stream)


def test_an_end_without_its_blank_line_is_an_end() -> None:
    for missing in (b"\n", b"\n\n"):
        out, metering, passage = passed(BEGUN + ended("completed", 2).removesuffix(missing))

        assert passage.is_over
        assert out == BEGUN + ended("completed", 2)
        assert metering.usage.output == 9


def test_a_last_line_that_was_cut_off_is_not_sent() -> None:
    data = ended("completed", 2).split(b"\n")[1]

    out, _, _ = passed(BEGUN + data + b"\nevent: response.comp")

    assert out == BEGUN + data + b"\n\n"


@pytest.mark.fault("S16")
def test_the_end_of_a_failed_response_follows_its_error_and_nothing_else() -> None:
    stream = BEGUN + error(2) + failed(3)

    out, metering, passage = passed(
        BEGUN + error(2) + said("late", 3) + failed(3) + said("late", 4) + ended("completed", 5)
    )

    assert out == stream
    assert passage.reported is not None
    assert metering.tally.stored == ()


@pytest.mark.fault("S16")
@pytest.mark.parametrize(
    "late", [[], [said("late", 3)], [ended("completed", 3)], [b": ping\n\n"], [b"data: [DONE]\n\n"]]
)
def test_behind_an_error_nothing_goes_on(late: list[bytes]) -> None:
    out, _, passage = passed(BEGUN, error(2), *late)

    assert out == BEGUN + error(2)
    assert passage.reported is not None
    assert not passage.is_over


@pytest.mark.fault("S16")
@pytest.mark.parametrize(
    "flat",
    [
        b'event: error\ndata: {"type":"error","sequence_number":2,"code":"x","message":"m","param":null}\n\n',
        b'event: error\ndata: {"message":"no type"}\n\n',
        b'data: {"error":{"message":"as chat has it"}}\n\n',
    ],
)
def test_an_error_of_another_shape_is_the_last_event_too(flat: bytes) -> None:
    out, _, passage = passed(BEGUN, flat + said("late", 3))

    assert out == BEGUN + flat
    assert passage.reported is not None


@pytest.mark.parametrize("text", ["response.completed", '"error"', "[DONE]", "event: error\n\ndata: x", "\u2028"])
def test_text_that_looks_like_a_mark_is_only_text(text: str) -> None:
    stream = created() + said(text, 1) + ended("completed", 2)

    out, _, passage = passed(stream)

    assert out == stream
    assert passage.reported is None


def test_a_done_before_the_end_is_not_sent() -> None:
    stream = BEGUN + b"data: [DONE]\n\n"

    with pytest.raises(UpstreamTruncated):
        passed(stream)
    assert Passage(meter(), RESPONSES).feed(stream) == BEGUN


@pytest.mark.fault("P02")
def test_an_error_that_repeats_the_key_is_replaced_once() -> None:
    out, _, _ = passed(BEGUN + error(2, f"bad {KEY}") + failed(3, f"bad {KEY}"), key=KEY)

    replaced = out.removeprefix(BEGUN)
    assert KEY.encode() not in out
    assert replaced.count(b"event: ") == 1
    assert (data_of(replaced)["sequence_number"], data_of(replaced)["code"]) == (2, "upstream_reported")


@pytest.mark.fault("P02")
def test_a_failed_response_that_repeats_the_key_is_replaced() -> None:
    out, _, passage = passed(BEGUN, failed(2, f"bad {KEY}"), key=KEY)

    assert KEY.encode() not in out
    assert data_of(out.removeprefix(BEGUN))["type"] == "error"
    assert passage.is_over


@pytest.mark.fault("S18")
def test_without_usage_the_text_is_counted() -> None:
    _, metering, _ = passed(created() + said("x" * 38, 1) + ended("completed", 2, usage=None, output=[]))

    assert metering.usage_source is UsageSource.COUNTED
    assert metering.usage == Usage(input=100, output=10)


@pytest.mark.fault("S20")
def test_a_stream_longer_than_the_copy_is_metered_and_stored() -> None:
    texts = [said("x" * 1000, number) for number in range(1, 2000)]

    _, metering, _ = passed(
        created(), *texts, ended("incomplete", 2000, incomplete_details={"reason": "max_output_tokens"})
    )

    assert metering.usage == Usage(input=16, cache_read=4, output=9, reasoning=3)
    assert metering.tally.finish_reason == "max_output_tokens"
    assert metering.tally.stored[0].id == "resp_1"


@pytest.mark.fault("S15")
@pytest.mark.parametrize("late", [b"", b": bye\n\n"])
def test_an_event_larger_than_the_copy_is_metered_once(late: bytes) -> None:
    call = {"type": "image_generation_call", "id": "ig_1", "result": "QUFB" * 500_000}

    out, metering, _ = passed(BEGUN, ended("completed", 2, output=[call]) + late)

    assert len(out) > 2_000_000
    assert metering.usage == Usage(16, 4, 0, 0, 9, 3, is_priced=False)
    assert [one.id for one in metering.tally.stored] == ["resp_1", "ig_1"]


@pytest.mark.fault("S15")
def test_an_event_beyond_the_cap_is_refused() -> None:
    passage = Passage(meter(), RESPONSES)
    passage.feed(created())

    with pytest.raises(UpstreamProtocol):
        for _ in range(300):
            passage.feed(b"x" * 65_536)


IMAGE_EVENT = event({"type": "image_generation.completed", "b64_json": "AA==", "usage": responses.USAGE})


def test_images_are_over_when_the_provider_closes() -> None:
    partial = event({"type": "image_generation.partial_image", "b64_json": "AA=="})

    out, metering, passage = passed(partial + IMAGE_EVENT, dialect=IMAGE)

    assert out == partial + IMAGE_EVENT
    assert passage.is_over
    assert metering.usage_source is UsageSource.PROVIDER


@pytest.mark.fault("S04")
@pytest.mark.parametrize(
    "stream", [b"", IMAGE_EVENT, IMAGE_EVENT + IMAGE_EVENT[:-2], IMAGE_EVENT + b"data: [DONE]\n\n"]
)
def test_a_clean_close_before_every_image_came_is_truncated(stream: bytes) -> None:
    with pytest.raises(UpstreamTruncated):
        passed(stream, dialect=IMAGE, choices=2)


def test_sound_is_over_with_its_last_event() -> None:
    sound = event({"type": "speech.audio.delta", "audio": "AA=="})
    done = event({"type": "speech.audio.done", "usage": responses.USAGE})

    out, metering, passage = passed(sound + done + sound, dialect=SPEECH)

    assert out == sound + done
    assert passage.is_over
    assert metering.usage.output == 9
    with pytest.raises(UpstreamTruncated):
        passed(sound, dialect=SPEECH)


def test_what_cannot_be_parsed_is_forwarded() -> None:
    broken = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"\xff\n\n'

    out, _, _ = passed(BEGUN + broken + ended("completed", 2))

    assert out == BEGUN + broken + ended("completed", 2)


ANY_EVENT = st.sampled_from(
    [
        created(),
        said("a", 1),
        said("response.completed", 2),
        ended("completed", 3),
        ended("incomplete", 3),
        ended("completed", 3).replace(b"\n", b"\r\n"),
        error(4),
        failed(5),
        failed(5, f"bad {KEY}"),
        IMAGE_EVENT,
        b": comment\n\n",
        b"data: [DONE]\n\n",
        b"data: {\n\n",
        b"\n\n",
        b'data: {"error":{"message":"as chat has it"}}\n\n',
        ended("completed", 3)[:-2],
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(ANY_EVENT, max_size=8), st.lists(st.integers(0, 4000), max_size=6), st.sampled_from(sorted(DIALECTS)))
def test_what_comes_out_does_not_depend_on_where_the_network_cut(
    events: list[bytes], places: list[int], name: str
) -> None:
    stream = b"".join(events)
    cuts = sorted({0, len(stream), *(place for place in places if place < len(stream))})
    pieces = [stream[start:end] for start, end in pairwise(cuts)]

    assert outcome(pieces, DIALECTS[name]) == outcome([stream], DIALECTS[name])


def outcome(pieces: list[bytes], dialect: Dialect) -> tuple[Any, ...]:
    """What came out, how it ended, and what was metered."""
    metering = meter(dialect)
    passage = Passage(metering, dialect, key=KEY)
    out, is_truncated = b"".join(map(passage.feed, pieces)), False
    try:
        out += b"" if passage.is_over else passage.close()
    except UpstreamTruncated:
        is_truncated = True
    metering.end()
    assert not (is_truncated and passage.is_over)
    return out, is_truncated, passage.is_over, passage.reported, metering.usage, metering.tally.stored
