"""Plain text as a dialect: what is written, and that nothing may stand between."""

import pytest

from sluice.codecs.dialects import dialect
from sluice.codecs.text_dialect import TEXT, encode, error_event

ERROR = {"error": {"message": "Too many tokens", "code": "rate_limit_exceeded", "type": "x"}}


def test_text_is_written_as_it_is() -> None:
    assert encode({"text": "Héllo\n日本"}) == "Héllo\n日本".encode()
    assert encode({"text": "\ud800"}) == b"?"


@pytest.mark.parametrize("last", [b"", b"Hello", b"Hello\n"])
def test_a_failure_is_a_line_of_its_own(last: bytes) -> None:
    said = error_event(ERROR, last, False)

    assert said == b"\n[error: Too many tokens (rate_limit_exceeded)]\n"


def test_it_is_known_by_its_name_and_has_no_heartbeat() -> None:
    assert dialect("text") is TEXT
    assert TEXT.framing.content_type == "text/plain; charset=utf-8"
    assert TEXT.framing.heartbeat == b""
    assert TEXT.end == b""
