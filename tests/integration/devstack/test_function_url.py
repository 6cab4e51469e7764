"""HTTP at the function URL: the event it makes of a request, its limits, and CORS."""

import json
import re
from typing import Any

import pytest
from tests.integration.devstack.caller import DEVELOPER, header, signed_headers
from tests.integration.devstack.conftest import OpenFront
from tests.integration.devstack.front import Front
from tests.integration.devstack.puppet import Handed, Stage, chunk

from sluice_devstack.template import CorsSettings

SIX_MEGABYTES = 6 * 1024 * 1024
CORS = CorsSettings(
    allow_credentials=True,
    allow_headers=("Authorization", "X-Amz-Date"),
    allow_methods=("POST",),
    allow_origins=("https://console.example",),
    expose_headers=("x-request-id",),
    max_age_seconds=600,
)
PREFLIGHT = {
    "origin": "https://console.example",
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization, x-amz-date",
}


def raw(front: Front, *lines: str, body: bytes = b"") -> bytes:
    """Sends exactly these lines and returns everything until the URL closes the connection."""
    with front.caller() as caller:
        caller.socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        received = b""
        while data := caller.socket.recv(65536):
            received += data
        return received


def handed_for(
    front: Front, stage: Stage, method: str, target: str, headers: dict[str, str], body: bytes = b""
) -> Handed:
    with front.caller() as caller:
        caller.send_signed(method, target, headers, body)
        puppet = stage.enter()
        puppet.ask_next()
        handed = puppet.answer(b"ok")
        assert caller.head().status_code == 200
        return handed


def test_a_request_becomes_an_event_of_payload_version_2(front: Front, stage: Stage) -> None:
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "test/1",
        "Cookie": "a=1; b=2",
        "X-Case": "Kept As Sent",
        "X-Forwarded-For": "203.0.113.9",
    }

    handed = handed_for(front, stage, "POST", "/v1/chat?tag=a&tag=b%20c&flag=", headers, '{"text":"é"}'.encode())

    event = handed.event
    signature = {event["headers"].pop(name) for name in ("authorization", "x-amz-date")}
    assert len(signature) == 2
    context = event.pop("requestContext")
    assert event == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/v1/chat",
        "rawQueryString": "tag=a&tag=b%20c&flag=",
        "cookies": ["a=1", "b=2"],
        "headers": {
            "host": front.url.removeprefix("http://"),
            "content-length": "13",
            "content-type": "application/json; charset=utf-8",
            "user-agent": "test/1",
            "x-case": "Kept As Sent",
            "x-amzn-trace-id": handed.headers["lambda-runtime-trace-id"],
            "x-amzn-tls-version": "TLSv1.3",
            "x-amzn-tls-cipher-suite": "TLS_AES_128_GCM_SHA256",
            "x-forwarded-proto": "https",
            "x-forwarded-port": "443",
            "x-forwarded-for": "127.0.0.1",
        },
        "queryStringParameters": {"tag": "a,b c", "flag": ""},
        "body": '{"text":"é"}',
        "isBase64Encoded": False,
    }
    assert_context(context, handed)


def assert_context(context: dict[str, Any], handed: Handed) -> None:
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context.pop("time"))
    assert isinstance(context.pop("timeEpoch"), int)
    assert context.pop("authorizer")["iam"]["userArn"] == DEVELOPER.user_arn
    assert context == {
        "accountId": "123456789012",
        "apiId": "sluicedev",
        "authentication": None,
        "domainName": "sluicedev.lambda-url.us-east-1.on.aws",
        "domainPrefix": "sluicedev",
        "http": {
            "method": "POST",
            "path": "/v1/chat",
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": "test/1",
        },
        "requestId": handed.request_id,
        "routeKey": "$default",
        "stage": "$default",
    }


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("text/plain", b"plain", {"body": "plain", "isBase64Encoded": False}),
        ("application/vnd.a+json", b"{}", {"body": "{}", "isBase64Encoded": False}),
        ("application/xml", b"<a/>", {"body": "<a/>", "isBase64Encoded": False}),
        ("multipart/form-data; boundary=x", b"--x--", {"body": "LS14LS0=", "isBase64Encoded": True}),
        ("application/x-www-form-urlencoded", b"a=1", {"body": "YT0x", "isBase64Encoded": True}),
        ("application/json", b"\xff\x00", {"body": "/wA=", "isBase64Encoded": True}),
        ("application/json", b"", {"isBase64Encoded": False}),
    ],
)
def test_a_body_that_is_not_text_is_base64_and_an_empty_one_absent(
    front: Front, stage: Stage, content_type: str, body: bytes, expected: dict[str, Any]
) -> None:
    event = handed_for(front, stage, "POST", "/", {"content-type": content_type}, body).event

    assert {key: event[key] for key in ("body", "isBase64Encoded") if key in event} == expected


def test_repeated_headers_are_joined_by_commas(open_front: OpenFront, stage: Stage) -> None:
    front = open_front(auth_type="NONE")
    with front.caller() as caller:
        caller.socket.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a: 2\r\nCookie: c=3\r\nCookie: d=4\r\n\r\n")
        puppet = stage.enter()
        puppet.ask_next()

        event = puppet.answer(b"ok").event

        assert (event["headers"]["x-a"], event["cookies"]) == ("1,2", ["c=3", "d=4"])
        assert "queryStringParameters" not in event


@pytest.mark.fault("R01")
def test_a_request_of_six_megabytes_passes(front: Front, stage: Stage) -> None:
    body = b"x" * SIX_MEGABYTES

    event = handed_for(front, stage, "POST", "/", {"content-type": "text/plain"}, body).event

    assert len(event["body"]) == SIX_MEGABYTES


@pytest.mark.fault("R01")
def test_a_request_of_one_byte_more_is_too_large(front: Front) -> None:
    body = b"x" * (SIX_MEGABYTES + 1)
    with front.caller() as caller:
        caller.send_signed("POST", "/", {"content-type": "text/plain"}, body)

        head = caller.head()

        assert (head.status_code, header(head, "x-amzn-errortype")) == (413, "RequestTooLargeException")
        assert (front.calls, front.refusals[0].status) == ([], 413)


@pytest.mark.fault("R01")
def test_a_chunked_request_that_grows_too_large_is_refused(front: Front) -> None:
    with front.caller() as caller:
        caller.socket.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(97):
            caller.socket.sendall(chunk(b"x" * 65_536))
        caller.socket.sendall(b"0\r\n\r\n")

        assert caller.socket.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_caller_who_expects_100_continue_is_told_to(front: Front, stage: Stage) -> None:
    body = b'{"a":1}'
    signed = signed_headers(front.url + "/", method="POST", body=body, headers={"content-type": "application/json"})
    lines = [f"{name}: {value}" for name, value in signed.items()]
    with front.caller() as caller:
        head = ["POST / HTTP/1.1", *lines, f"content-length: {len(body)}", "expect: 100-continue", "", ""]
        caller.socket.sendall("\r\n".join(head).encode())

        assert caller.socket.recv(100).startswith(b"HTTP/1.1 100 ")
        caller.socket.sendall(body)
        puppet = stage.enter()
        puppet.ask_next()

        assert puppet.answer(b"ok").event["body"] == body.decode()


@pytest.mark.parametrize(
    "lines",
    [
        ("POST / HTTP/1.1", "Host: a", "Content-Length: 1", "Transfer-Encoding: chunked"),
        ("POST / HTTP/1.1", "Host: a", "Content-Length: 1", "Content-Length: 2"),
        ("GET / HTTP/1.1",),
        ("GET / HTTP/1.1", "Host: a", "X: a\0b"),
        ("GET / HTTP/1.1", "Host: a", "X : a"),
        ("nonsense",),
        ("GET http://elsewhere/ HTTP/1.1", "Host: a"),
        ("GET / HTTP/1.1", "Host: a", "X: " + "x" * 200_000),
    ],
)
def test_what_is_not_proper_http_is_a_400(front: Front, lines: tuple[str, ...]) -> None:
    assert raw(front, *lines).startswith(b"HTTP/1.1 400 ")


def test_a_kept_alive_connection_serves_many_calls(front: Front, stage: Stage) -> None:
    with front.caller() as caller:
        caller.send_signed("GET", "/0")
        puppet = stage.enter()
        puppet.ask_next()
        for number in range(3):
            assert puppet.answer(b"%d" % number).event["rawPath"] == f"/{number}"
            caller.head()
            assert caller.body() == b"%d" % number
            caller.send_signed("GET", f"/{number + 1}")


def test_a_preflight_is_answered_by_the_url_itself(open_front: OpenFront) -> None:
    front = open_front(cors=CORS)
    with front.caller() as caller:
        caller.send("OPTIONS", "/v1", PREFLIGHT)

        head = caller.head()

        assert (head.status_code, caller.body()) == (200, b"")
        assert header(head, "access-control-allow-origin") == "https://console.example"
        assert header(head, "access-control-allow-methods") == "POST"
        assert header(head, "access-control-allow-headers") == "authorization,x-amz-date"
        assert header(head, "access-control-allow-credentials") == "true"
        assert header(head, "access-control-max-age") == "600"
        assert front.calls == []


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "https://evil.example"},
        {"access-control-request-method": "DELETE"},
        {"access-control-request-headers": "x-unlisted"},
    ],
)
def test_a_preflight_that_is_not_allowed_gets_no_cors_headers(open_front: OpenFront, change: dict[str, str]) -> None:
    front = open_front(cors=CORS)
    with front.caller() as caller:
        caller.send("OPTIONS", "/v1", {**PREFLIGHT, **change})

        assert not [name for name, _ in caller.head().headers if name.startswith(b"access-control-")]


def test_without_cors_an_unsigned_preflight_is_forbidden(front: Front) -> None:
    with front.caller() as caller:
        caller.send("OPTIONS", "/v1", PREFLIGHT)

        assert caller.head().status_code == 403


@pytest.mark.parametrize(("origin", "allowed"), [("https://console.example",) * 2, ("https://evil.example", None)])
def test_configured_cors_headers_replace_the_functions_own(
    open_front: OpenFront, stage: Stage, origin: str, allowed: str | None
) -> None:
    front = open_front(cors=CORS)
    prelude = json.dumps({"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}}).encode() + bytes(8)
    with front.caller() as caller:
        caller.send_signed("POST", "/", {"origin": origin})
        puppet = stage.enter()
        puppet.ask_next()
        puppet.begin(puppet.handed())
        puppet.send(chunk(prelude + b"ok"))
        puppet.end()

        head = caller.head()

        assert header(head, "access-control-allow-origin") == allowed
        assert header(head, "access-control-expose-headers") == ("x-request-id" if allowed else None)


def test_a_refusal_carries_the_cors_headers_that_let_a_page_read_it(open_front: OpenFront) -> None:
    front = open_front(cors=CORS)
    with front.caller() as caller:
        caller.send("POST", "/v1", {"origin": "https://console.example"})

        head = caller.head()

        assert (head.status_code, header(head, "access-control-allow-origin")) == (403, "https://console.example")
