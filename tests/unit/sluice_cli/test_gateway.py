import json
from collections.abc import Callable, Iterator

import httpx
import pytest

from sluice_cli.failure import CommandFailed, UsageError
from sluice_cli.gateway import Gateway
from sluice_cli.site import FixedCredentials, Site
from sluice_client import SigningError

URL = "http://127.0.0.1:8787"
BODY = {"model": "mini", "stream": True}
PROVIDED = {"x-sluice-provider": "openai"}
DRY = {"x-sluice-dry-run": "true"}
OURS = {"message": "late", "request_id": "id-1"}
STREAM = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\ndata: [DONE]\n\n'


def gateway(answer: Callable[[httpx.Request], httpx.Response], url: str = URL) -> Gateway:
    return Gateway(url, lambda request: request, httpx.MockTransport(answer))


def failing(error: Exception, url: str = URL) -> Gateway:
    def answer(_request: httpx.Request) -> httpx.Response:
        raise error

    return gateway(answer, url)


def complaint(to: Gateway) -> str:
    with pytest.raises(CommandFailed) as failed, to, to.completion(dict(BODY)) as completion:
        list(completion.texts())
    return str(failed.value)


def test_a_completion_has_its_text_and_its_id() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, headers={"x-request-id": "id-1"}, content=STREAM)

    with gateway(answer) as opened, opened.completion(dict(BODY)) as completion:
        texts = list(completion.texts())

    assert (texts, completion.request_id) == (["hi"], "id-1")
    assert (asked[0].method, asked[0].url.path, json.loads(asked[0].content)) == ("POST", "/v1/chat/completions", BODY)


@pytest.mark.parametrize(
    ("response", "line"),
    [
        (
            httpx.Response(
                404, json={"error": {"message": "unknown model 'x'; routes: a, b", "code": "model_not_found"}}
            ),
            f"{URL} answered 404 model_not_found: unknown model 'x'; routes: a, b",
        ),
        (
            httpx.Response(429, headers=PROVIDED, json={"error": {"message": "slow", "code": "rate_limit_exceeded"}}),
            f"{URL} answered 429 rate_limit_exceeded (the provider's): slow",
        ),
        (
            httpx.Response(504, headers=PROVIDED, json={"error": {**OURS, "code": "upstream_timeout"}}),
            f"{URL} answered 504 upstream_timeout: late",
        ),
        (httpx.Response(403, json={"Message": "Forbidden"}), f"{URL} answered 403 Forbidden"),
        (httpx.Response(502, text="<html>\n bad gateway"), f"{URL} answered 502 <html> bad gateway"),
        (httpx.Response(500), f"{URL} answered 500 without a word"),
        (httpx.Response(500, content=b"[" * 60_000), f"{URL} answered 500 {'[' * 200}"),
    ],
)
def test_a_refusal_is_one_line(response: httpx.Response, line: str) -> None:
    assert complaint(gateway(lambda _: response)) == line


@pytest.mark.parametrize(
    ("error", "url", "line"),
    [
        (
            httpx.ConnectError("[Errno 111] Connection refused"),
            URL,
            f"{URL} cannot be reached (connection refused); is `sluice dev` still running?",
        ),
        (
            httpx.ConnectError("[Errno -2] Name or service not known"),
            "https://x.example",
            "https://x.example cannot be reached (name or service not known); is the URL right?",
        ),
        (httpx.ReadTimeout("timed out"), URL, f"{URL} said nothing for too long (ReadTimeout)"),
        (httpx.ReadError(""), URL, f"the connection to {URL} broke off (ReadError)"),
        (
            httpx.DecodingError("Error -3 while decompressing data"),
            URL,
            f"{URL} answered with bytes that are not what its headers say",
        ),
        (SigningError("no AWS credentials found"), URL, "no AWS credentials found"),
    ],
)
def test_a_failure_on_the_way_is_one_line(error: Exception, url: str, line: str) -> None:
    assert complaint(failing(error, url)) == line


def test_a_connection_that_goes_in_the_middle_is_one_line() -> None:
    def pieces() -> Iterator[bytes]:
        yield STREAM[:20]
        raise httpx.RemoteProtocolError("peer closed connection")

    assert complaint(gateway(lambda _: httpx.Response(200, content=pieces()))).startswith(
        f"the connection to {URL} broke off"
    )


def test_credentials_of_a_site_sign_the_call() -> None:
    site = Site(URL, "us-east-1", credentials=FixedCredentials("AKIDEXAMPLE", "fake-secret"))

    with Gateway.at(site) as opened:
        request = next(opened._client.auth.auth_flow(httpx.Request("POST", URL, json=BODY)))  # type: ignore[union-attr]

    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/us-east-1/lambda/aws4_request" in request.headers["authorization"]


def test_a_site_without_url_is_wrong_usage_before_credentials_are_looked_for() -> None:
    with pytest.raises(UsageError, match="no gateway named"):
        Gateway.at(Site())


def test_models_come_in_the_order_of_the_gateway() -> None:
    with gateway(lambda _: httpx.Response(200, json={"data": [{"id": "b"}, {"id": "a"}]})) as opened:
        assert opened.models() == ["b", "a"]


@pytest.mark.parametrize("content", [b"<html>", b"[]", b'{"data": [1]}', b"[" * 100_000])
def test_what_is_no_list_of_models_is_told_so(content: bytes) -> None:
    with (
        gateway(lambda _: httpx.Response(200, content=content)) as opened,
        pytest.raises(CommandFailed, match="answered with no list of models; is that a gateway?"),
    ):
        opened.models()


def test_a_dry_run_is_marked_as_one_and_its_answer_too() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, headers=DRY, json={"object": "dry_run"})

    with gateway(answer) as opened:
        found = opened.dry_run("/v1/embeddings", BODY)

    assert found == {"object": "dry_run"}
    assert (asked[0].url.path, asked[0].headers["x-sluice-dry-run"]) == ("/v1/embeddings", "true")


@pytest.mark.parametrize(
    ("response", "complaint"),
    [
        (httpx.Response(200, content=STREAM), "knows no dry run, and made the call"),
        (httpx.Response(200, headers=DRY, content=b"<html>"), "with something else than a JSON object"),
        (httpx.Response(200, headers=DRY, json=[]), "with something else than a JSON object"),
        (httpx.Response(403, json={"Message": "Forbidden"}), "answered 403 Forbidden"),
    ],
)
def test_what_is_no_answer_to_a_dry_run_is_told_so(response: httpx.Response, complaint: str) -> None:
    with gateway(lambda _: response) as opened, pytest.raises(CommandFailed, match=complaint):
        opened.dry_run("/v1/chat/completions", BODY)
