"""Handlers that fail, before, during and after their stream."""

import json

import pytest
from tests.runtime.conftest import Start
from tests.runtime.runtime_api import RuntimeApi

SERVING = """
    def handler(event, context):
        return {"statusCode": 200, "body": iter([b"served"])} if event == "next" else failing(event)
"""

BROKEN_BODY = """
    def body(*chunks):
        yield from chunks
        raise LookupError("nothing here")
"""


@pytest.mark.fault("L13")
@pytest.mark.parametrize(
    "failing",
    [
        pytest.param("raise LookupError('nothing here')", id="in the handler"),
        pytest.param("return {'statusCode': 200, 'body': body()}", id="before the first chunk"),
        pytest.param("return {'statusCode': 200, 'body': body(b'')}", id="after an empty chunk"),
    ],
)
def test_an_error_before_the_first_byte_is_an_error_of_the_invocation(
    start: Start, api: RuntimeApi, failing: str
) -> None:
    start(BROKEN_BODY, f"def failing(event):\n    {failing}\n", SERVING)

    error = api.whole(f"/{api.invoke(headers={'Lambda-Runtime-Invocation-Id': 'invocation-9'})}/error")

    assert error["headers"]["lambda-runtime-invocation-id"] == "invocation-9"
    assert json.loads(error["body"])["errorType"] == "LookupError"
    assert json.loads(error["body"])["errorMessage"] == "nothing here"
    assert "head" not in api.kinds()
    assert api.stream(api.invoke("next")).body == [b"served"]


@pytest.mark.fault("L13")
def test_an_error_after_the_first_byte_goes_into_trailers(start: Start, api: RuntimeApi) -> None:
    environment = start(
        """
        class Provider2Failed(Exception):
            pass

        def failing(event):
            def body():
                yield b"one"
                yield b"two"
                raise Provider2Failed("broke after two, with \\N{SNOWMAN} and \\r\\n")
            return {"statusCode": 200, "body": body()}
        """,
        SERVING,
    )

    response = api.stream(api.invoke())

    assert response.body == [b"one", b"two"]
    assert response.error == (
        "Function.ProviderFailed",
        {"errorType": "Provider2Failed", "errorMessage": "broke after two, with \N{SNOWMAN} and \r\n"},
    )
    assert api.stream(api.invoke("next")).body == [b"served"]
    assert "app.py" not in str(response.error)
    (report,) = environment.reports
    assert report["requestId"] == response.request_id
    assert "app.py:9 body" in report["stackTrace"][-1]


@pytest.mark.fault("L13")
def test_text_in_the_place_of_bytes_ends_the_stream_with_a_clear_error(start: Start, api: RuntimeApi) -> None:
    start(
        """
        def failing(event):
            def body():
                try:
                    yield b"bytes"
                    yield "text"
                finally:
                    print("let go")
            return {"statusCode": 200, "body": body()}
        """,
        SERVING,
    )

    response = api.stream(api.invoke())

    assert response.body == [b"bytes"]
    assert response.error[0] == "Function.TypeError"
    assert response.error[1]["errorMessage"] == "a chunk of the body must be bytes, not str"


@pytest.mark.fault("L13")
def test_an_error_in_closing_the_body_is_reported_and_the_next_call_is_served(start: Start, api: RuntimeApi) -> None:
    environment = start(
        """
        class Body:
            def __iter__(self):
                yield b"whole"

            def close(self):
                raise OSError("the ledger is away")

        def failing(event):
            return {"statusCode": 200, "body": Body()}
        """,
        SERVING,
    )

    response = api.stream(api.invoke())

    assert response.body == [b"whole"]
    assert response.trailers == {}
    assert api.stream(api.invoke("next")).body == [b"served"]
    assert [report["errorMessage"] for report in environment.reports] == ["the ledger is away"]


@pytest.mark.fault("L13")
def test_an_error_in_the_finally_of_a_generator_goes_into_trailers(start: Start, api: RuntimeApi) -> None:
    start(
        """
        def failing(event):
            def body():
                try:
                    yield b"whole"
                finally:
                    raise OSError("the ledger is away")
            return {"statusCode": 200, "body": body()}
        """,
        SERVING,
    )

    response = api.stream(api.invoke())

    assert response.body == [b"whole"]
    assert response.error == ("Function.OSError", {"errorType": "OSError", "errorMessage": "the ledger is away"})


def test_headers_beyond_16_kb_are_answered_with_a_500_that_says_so(start: Start, api: RuntimeApi) -> None:
    environment = start(
        """
        def failing(event):
            def body():
                try:
                    yield b"never seen"
                finally:
                    print("let go")
            return {"statusCode": 200, "headers": {"x-large": "x" * 16_384}, "body": body()}
        """,
        SERVING,
    )

    response = api.stream(api.invoke())

    assert response.prelude["statusCode"] == 500
    assert response.prelude["headers"] == {"content-type": "application/json"}
    assert b"bytes as JSON; at most 16376 fit" in b"".join(response.body)
    assert api.stream(api.invoke("next")).body == [b"served"]
    assert "let go" in environment.log


def test_a_result_that_json_cannot_hold_is_an_error_of_the_invocation(start: Start, api: RuntimeApi) -> None:
    start(
        """
        def failing(event):
            return {"plain": object()}
        """,
        SERVING,
    )

    error = api.whole(f"/{api.invoke()}/error")

    assert json.loads(error["body"])["errorType"] == "Runtime.MarshalError"
    assert api.stream(api.invoke("next")).body == [b"served"]
