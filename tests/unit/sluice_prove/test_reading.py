"""What a client makes of an answer."""

import pytest
from tests.unit.sluice_prove.answers import EVENT_STREAM, answered, document

from sluice_prove.answer import Answer, End
from sluice_prove.reading import Outcome, read
from sluice_prove.sentence import BEGUN, DELTAS, DONE, STREAM, TEXT, USAGE, completion, event

ERROR = event({"error": {"message": "gone", "code": "upstream_lost"}})
COUNTS = tuple(USAGE.values())


def test_a_whole_stream_is_read_to_its_usage() -> None:
    reading = read(answered(*STREAM))

    assert (reading.outcome, reading.text, reading.finish_reasons) == (Outcome.WHOLE, TEXT, ("stop",))
    assert (reading.is_done, reading.usage, reading.errors) == (True, COUNTS, ())


def test_a_document_is_read_as_a_stream_is() -> None:
    reading = read(document(200, completion()))

    assert (reading.outcome, reading.text, reading.finish_reasons) == (Outcome.WHOLE, TEXT, ("stop",))
    assert (reading.is_done, reading.usage) == (False, COUNTS)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (answered(*BEGUN), Outcome.WHOLE),
        (answered(*BEGUN, end=End.CUT), Outcome.FAILED),
        (answered(*BEGUN, end=End.NEVER), Outcome.PENDING),
        (answered(*BEGUN, ERROR), Outcome.FAILED),
        (answered(*BEGUN, b"event: error\ndata: gone\n\n"), Outcome.FAILED),
        (answered(*BEGUN, b'event: error\ndata: {"message": "gone"}\n\n'), Outcome.FAILED),
        (answered(*BEGUN, b'data: {"cut\n\n'), Outcome.FAILED),
        (document(502, b'{"error": {"message": "gone"}}'), Outcome.FAILED),
        (document(307, b""), Outcome.FAILED),
        (document(200, b'{"error": {"message": "gone"}}'), Outcome.WHOLE),
        (answered(b"<html>", headers=(("content-type", "text/html"),)), Outcome.WHOLE),
        (answered(status=0, headers=(), end=End.CUT), Outcome.FAILED),
    ],
)
def test_what_a_caller_has_to_believe(answer: Answer, outcome: Outcome) -> None:
    assert read(answer).outcome is outcome


def test_an_error_has_a_name_and_what_follows_it_is_seen() -> None:
    ended, went_on = read(answered(*BEGUN, ERROR)), read(answered(*BEGUN, ERROR, DONE))

    assert (ended.errors, ended.went_on) == (("upstream_lost",), False)
    assert (went_on.errors, went_on.went_on) == (("upstream_lost",), True)


def test_an_event_that_has_not_arrived_whole_is_not_read() -> None:
    assert read(answered(*BEGUN, STREAM[len(BEGUN)][:-1])).text == "".join(DELTAS[: len(BEGUN)])


@pytest.mark.parametrize("value", [b"null", b"[]", b"3", b'{"choices": 3}', b'{"choices": [3]}', b'{"usage": 3}'])
def test_json_of_another_shape_says_nothing(value: bytes) -> None:
    reading = read(answered(b"data: " + value + b"\n\n", headers=(EVENT_STREAM,)))

    assert (reading.text, reading.finish_reasons, reading.usage, reading.errors) == ("", (), None, ())
