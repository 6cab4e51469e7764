"""Bytes that are no text and events that are no JSON (S07, S10): through where nothing is read, one error where it is."""

import json

import pytest
from tests.faults.streams import DONE, END, chunks, message_events, passed, text, translated_to_the_end
from tests.splits import every_split

from sluice.domain.errors import UpstreamProtocol
from sluice.domain.usage import Usage

NO_TEXT = {
    "no byte of UTF-8": b'"\xff\xfe"',
    "overlong": b'"\xc0\xaf"',
    "half a character": b'"\xe6\x97"',
}
NO_JSON = {
    "cut": b'"cut',
    "bare": b"word",
    "a control character": b'"a\x00b"',
}


@pytest.mark.fault("S07")
@pytest.mark.fault("S10")
@pytest.mark.parametrize("written", (NO_TEXT | NO_JSON).values(), ids=NO_TEXT | NO_JSON)
def test_what_nobody_can_read_passes_as_it_came_and_the_figures_are_right(written: bytes) -> None:
    stream = b'data: {"choices":[{"index":0,"delta":{"content":%b}}]}\n\n' % written + END

    for cut in every_split(stream):
        out = passed(cut)

        assert (out.body, out.usage) == (stream, Usage(input=11, output=5))


@pytest.mark.fault("S07")
@pytest.mark.fault("S10")
@pytest.mark.parametrize("written", (NO_TEXT | NO_JSON).values(), ids=NO_TEXT | NO_JSON)
def test_what_cannot_be_translated_is_an_error_and_never_left_out(written: bytes) -> None:
    stream = message_events(b'"Hello"', written, b'" there"')

    for cut in every_split(stream):
        body, broken = translated_to_the_end(cut)

        assert text(body) == "Hello"
        assert DONE not in body
        assert isinstance(broken, UpstreamProtocol)


@pytest.mark.fault("S10")
@pytest.mark.parametrize("written", [b'"a\\ud800b"', b'"a\\udc00b"', b'"a\\ude00\\ud83db"', b'"a\xed\xa0\x80b"'])
def test_half_a_pair_becomes_a_character_that_can_be_sent(written: bytes) -> None:
    body, broken = translated_to_the_end((message_events(written),))

    assert broken is None
    assert body.endswith(DONE)
    assert text(body).encode().startswith(b"a")
    assert json.dumps([*chunks(body)], ensure_ascii=False).encode().isascii()
