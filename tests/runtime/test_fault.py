"""What is said of an exception, in trailers and in the log."""

import base64
import json

import pytest

from streaming_runtime import fault, wire


def of(name: str, *arguments: object) -> Exception:
    error: Exception = type(name, (Exception,), {})(*arguments)
    return error


@pytest.mark.parametrize(
    ("name", "error_type"),
    [
        ("StreamInterrupted", "Function.StreamInterrupted"),
        ("Provider_2_Failed", "Function.ProviderFailed"),
        ("error", "Function.Error"),
        ("\u00c9chec", "Function.Chec"),
        ("E", "Function.Unknown"),
        ("_", "Function.Unknown"),
    ],
)
def test_the_error_type_is_one_that_lambda_accepts(name: str, error_type: str) -> None:
    assert fault.error_type(of(name)) == error_type


@pytest.mark.parametrize("message", ["", "plain", "two\r\nlines\0", "\u96ea", "lone \ud800", "x" * 1024])
def test_any_message_survives_the_trailers(message: str) -> None:
    trailers = wire.failed_end(of("Broken", message))

    assert trailers.startswith(b"0\r\nLambda-Runtime-Function-Error-Type: Function.Broken\r\n")
    assert trailers.endswith(b"\r\n\r\n")
    assert len(trailers.split(b"\r\n")) == 5
    body = trailers.split(b"\r\n")[2].removeprefix(b"Lambda-Runtime-Function-Error-Body: ")
    assert json.loads(base64.b64decode(body, validate=True)) == {"errorType": "Broken", "errorMessage": message}


def test_a_long_message_is_cut() -> None:
    assert fault.message(of("Broken", "x" * 100_000)) == "x" * 1024


def test_a_message_that_cannot_be_made_is_empty() -> None:
    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    assert json.loads(fault.error_body(Unspeakable())) == {"errorType": "Unspeakable", "errorMessage": ""}


def test_the_log_names_the_innermost_places_of_a_deep_error() -> None:
    def deeper(depth: int) -> None:
        if depth == 0:
            raise LookupError("at the bottom")
        deeper(depth - 1)

    with pytest.raises(LookupError) as caught:
        deeper(100)

    places = fault.log_fields(caught.value)["stackTrace"]
    assert isinstance(places, list)
    assert len(places) == 20
    assert all(place.startswith(f"{__file__}:") and place.endswith(" deeper") for place in places)
