"""The prelude: what reaches Lambda's front end of a status, headers and cookies."""

import enum
import json
from http import HTTPStatus

import pytest

from streaming_runtime.prelude import prelude


class Status(enum.IntEnum):
    TEAPOT = 418


def of(status: object = 200, headers: object = None, cookies: object = None) -> dict[str, object]:
    parsed: dict[str, object] = json.loads(prelude(status, headers, cookies))
    return parsed


@pytest.mark.parametrize(
    ("given", "sent"),
    [(200, 200), ("404", 404), (HTTPStatus.TOO_MANY_REQUESTS, 429), (Status.TEAPOT, 418), (599, 599)],
)
def test_the_status_is_a_plain_number(given: object, sent: int) -> None:
    assert of(status=given)["statusCode"] == sent


@pytest.mark.parametrize("given", [None, "", "OK", 0, 99, 100, 101, 199, 600, True, 200.5, b"200", [200]])
def test_what_is_no_final_status_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match="is not a final HTTP status; expected 200 to 599"):
        prelude(given, None, None)


@pytest.mark.parametrize("headers", [None, {}])
def test_headers_and_cookies_may_be_absent(headers: object) -> None:
    assert of(headers=headers) == {"statusCode": 200, "headers": {}, "cookies": []}


@pytest.mark.parametrize(
    "name",
    ["Content-Length", "content-encoding", "TRANSFER-ENCODING", "connection", "Keep-Alive", "date", "Server"],
)
def test_headers_that_the_front_end_sets_are_left_out(name: str) -> None:
    assert of(headers={name: "12", "x-kept": "yes"})["headers"] == {"x-kept": "yes"}


@pytest.mark.parametrize("name", ["", "two words", "colon:", "x\r\nset-cookie", "x\0", "\u00e9t\u00e9", "\u96ea"])
def test_names_that_are_no_tokens_are_left_out(name: str) -> None:
    assert of(headers={name: "v", "x-kept": "yes"})["headers"] == {"x-kept": "yes"}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("text/event-stream; charset=utf-8", "text/event-stream; charset=utf-8"),
        ("a\r\nset-cookie: b", "a  set-cookie: b"),
        ("nul\0and\x07bell\x7f", "nul and bell "),
        ("tab\tstays", "tab\tstays"),
        ("caf\u00e9", "caf\u00e9"),
        ("\u96ea and \ud800", "? and ?"),
        (7, "7"),
        (["a", "b"], "a, b"),
        ("", ""),
    ],
)
def test_a_value_is_one_line_of_latin_1(given: object, sent: str) -> None:
    assert of(headers={"x": given})["headers"] == {"x": sent}


def test_a_header_without_a_value_is_left_out() -> None:
    assert of(headers={"x": None})["headers"] == {}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (["a=1; Secure", "b=2"], ["a=1; Secure", "b=2"]),
        ("a=1", ["a=1"]),
        (("a=1\r\nx: y",), ["a=1  x: y"]),
        ([], []),
        ("", []),
    ],
)
def test_cookies_travel_as_a_list(given: object, sent: list[str]) -> None:
    assert of(cookies=given)["cookies"] == sent


@pytest.mark.parametrize(("headers", "cookies"), [(["x"], None), ("x: y", None), (None, 7)])
def test_other_shapes_are_refused(headers: object, cookies: object) -> None:
    with pytest.raises(TypeError, match="must be a"):
        prelude(200, headers, cookies)


def test_no_value_can_hold_the_delimiter() -> None:
    assert bytes(8) not in prelude(200, {"x": "\0" * 8}, ["\0" * 8])
