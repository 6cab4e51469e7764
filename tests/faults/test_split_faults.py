"""Text that the network cuts anywhere, exhaustively: the answer may not depend on where (S08, S09, S12, S13, S20)."""

import hashlib
import json

import pytest
from tests.faults.streams import (
    DONE,
    END,
    STOP,
    USED,
    Passed,
    chat_event,
    every_two_cuts,
    message_events,
    passed,
    single_bytes,
    text,
    translated,
)
from tests.splits import every_split

from sluice.domain.usage import Usage

BOM = b"\xef\xbb\xbf"
REPORTED = Usage(input=11, output=5)
FAMILY, FLAG, ACCENT = "\U0001f469\u200d\U0001f469\u200d\U0001f466", "\U0001f1ea\U0001f1fa", "e\u0301"
HARD = f"日本語 😀 {FAMILY}{FLAG}{ACCENT}\u2028\u2029\u0085\u00a0\ufeff\u200b."
EVENTS = 100_000
READ_BYTES = 65_536


def whole(stream: bytes) -> Passed:
    return Passed(stream, REPORTED, True)


@pytest.mark.fault("S08")
@pytest.mark.parametrize(
    "stream",
    [
        chat_event("one") + END,
        (chat_event("one") + END).replace(b"\n", b"\r\n"),
        b": hi\n\nevent: x\nid: 7\n" + chat_event("a") + USED + DONE,
    ],
    ids=["LF", "CRLF", "fields"],
)
def test_no_two_cuts_change_a_byte_or_a_figure(stream: bytes) -> None:
    assert {passed(cut) for cut in every_two_cuts(stream)} == {whole(stream)}


@pytest.mark.fault("S08")
@pytest.mark.fault("S09")
def test_bytes_that_come_one_by_one_are_the_same_answer() -> None:
    stream = b"".join(map(chat_event, HARD)) + END

    assert passed(single_bytes(stream)) == whole(stream)
    assert text(translated(single_bytes(message_events(*map(quoted, HARD))))) == HARD


def quoted(content: str) -> bytes:
    """As JSON with nothing escaped."""
    return json.dumps(content, ensure_ascii=False).encode()


@pytest.mark.fault("S09")
def test_a_character_may_be_cut_anywhere_and_twice() -> None:
    stream = chat_event(HARD) + DONE
    begin, end = stream.index(HARD[0].encode()), stream.index(DONE)

    for head, middle, tail in every_two_cuts(stream[begin:end]):
        out = passed((stream[:begin] + head, middle, tail + stream[end:]))

        assert out.body == stream
        assert text(out.body) == HARD


@pytest.mark.fault("S09")
@pytest.mark.parametrize("written", [quoted(HARD), json.dumps(HARD).encode()], ids=["plain", "escaped"])
def test_a_character_that_is_cut_is_translated_whole(written: bytes) -> None:
    stream = message_events(written)
    expected = translated((stream,))

    assert text(expected) == HARD
    assert expected.endswith(DONE)
    assert {translated(cut) for cut in every_split(stream)} == {expected}


@pytest.mark.fault("S12")
def test_a_byte_order_mark_passes_and_hides_nothing() -> None:
    stream = BOM + USED + chat_event("one") + STOP + DONE
    head, rest = stream[:16], stream[16:]

    assert {passed((*cut, rest)) for cut in every_two_cuts(head)} == {whole(stream)}
    assert {passed(cut) for cut in every_split(stream)} == {whole(stream)}


@pytest.mark.fault("S12")
def test_a_byte_order_mark_further_on_passes_too() -> None:
    stream = chat_event("one") + BOM + chat_event("two") + END

    assert {passed(cut) for cut in every_split(stream)} == {whole(stream)}


@pytest.mark.fault("S12")
def test_a_byte_order_mark_is_no_part_of_what_is_translated() -> None:
    stream = message_events(quoted("Hello"))

    assert {translated(cut) for cut in every_split(BOM + stream)} == {translated((stream,))}


COMMENTED = (
    b": 1\n\n:\n\n"
    b'data: {"choices":[],\n: data: [DONE]\ndata: "usage":{"prompt_tokens":11,"completion_tokens":5}}\n:\n\n'
    b": [DONE]\n\n" + DONE
)


@pytest.mark.fault("S13")
def test_comments_between_and_inside_events_change_nothing() -> None:
    stream = chat_event("two").replace(b',"delta"', b',\n: inside\ndata: "delta"') + COMMENTED

    assert {passed(cut) for cut in every_two_cuts(stream)} == {whole(stream)}


@pytest.mark.fault("S13")
def test_comments_are_no_part_of_what_is_translated() -> None:
    plain = message_events(quoted("Hello"), quoted(" there"))
    stream = plain.replace(b"\ndata:", b"\n: ping\ndata:").replace(b"\n\n", b"\n\n: ping - 2\n\n")

    assert {translated(cut) for cut in every_split(stream)} == {translated((plain,))}


@pytest.mark.fault("S20")
def test_a_hundred_thousand_events_come_in_order_and_are_counted() -> None:
    stream = b"".join(chat_event(f"{number} ") for number in range(EVENTS)) + END
    reads = [stream[place : place + READ_BYTES] for place in range(0, len(stream), READ_BYTES)]

    out = passed(reads)

    assert hashlib.sha256(out.body).digest() == hashlib.sha256(stream).digest()
    assert text(out.body) == "".join(f"{number} " for number in range(EVENTS))
    assert out.usage == REPORTED
