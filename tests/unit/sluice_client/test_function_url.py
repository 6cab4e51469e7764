"""The signing callable in the clients it is for; requests are caught by mock transports, nothing is sent."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import anthropic
import boto3
import botocore.session
import httpx
import httpx2
import openai
import pytest
from botocore.credentials import Credentials
from botocore.exceptions import UnauthorizedSSOTokenError

from sluice_client import FunctionUrlAuth, SigningError

URL = "https://abcdefghijklmnop.lambda-url.eu-central-1.on.aws/v1/chat/completions"
LIBRARIES = [httpx, httpx2]


class FakeSession:
    """A botocore session as far as signing asks it; each set of credentials is served once, the last one for ever."""

    def __init__(self, *keys: Credentials, region: str | None = None) -> None:
        self.keys = list(keys)
        self.region = region

    def get_credentials(self) -> "FakeSession | None":
        return self if self.keys else None

    def get_frozen_credentials(self) -> Any:
        key = self.keys.pop(0) if len(self.keys) > 1 else self.keys[0]
        return key.get_frozen_credentials()

    def get_config_variable(self, name: str) -> str | None:
        return self.region if name == "region" else None


def auth(**changes: Any) -> FunctionUrlAuth:
    session = FakeSession(Credentials("AKIDEXAMPLE", "fake-secret-key"))
    return FunctionUrlAuth(**{"session": session, "now": lambda: datetime(2026, 11, 20, 12, tzinfo=UTC), **changes})


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.__name__)
def test_a_synchronous_client_sends_signed_requests(library: ModuleType) -> None:
    seen: list[Any] = []
    client = library.Client(auth=auth(), transport=library.MockTransport(catching(library, seen)))

    client.post(URL, json={"model": "x"}, headers={"authorization": "Bearer sk-fake-dummy"})

    assert (
        seen[0]
        .headers["authorization"]
        .startswith(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/eu-central-1/lambda/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date, Signature="
        )
    )
    assert "sk-fake-dummy" not in str(seen[0].headers)


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.__name__)
def test_an_asynchronous_client_sends_the_same_signature_as_a_synchronous_one(library: ModuleType) -> None:
    seen: list[Any] = []
    transport = library.MockTransport(catching(library, seen))

    async def post() -> None:
        async with library.AsyncClient(auth=auth(), transport=transport) as client:
            await client.post(URL, json={"model": "x"})

    asyncio.run(post())
    library.Client(auth=auth(), transport=transport).post(URL, json={"model": "x"})

    assert seen[0].headers["authorization"] == seen[1].headers["authorization"]


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.__name__)
def test_the_openai_sdk_sends_a_signature_in_place_of_its_key(library: ModuleType) -> None:
    seen: list[Any] = []
    http_client = library.Client(auth=auth(), transport=library.MockTransport(catching(library, seen)))
    client = openai.OpenAI(base_url=URL.partition("/chat")[0], api_key="sk-fake-dummy", http_client=http_client)

    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hello"}])

    assert seen[0].headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "sk-fake-dummy" not in str(seen[0].headers.multi_items())


def test_the_anthropic_sdk_sends_a_signature_in_place_of_its_key() -> None:
    seen: list[Any] = []
    http_client = httpx2.Client(auth=auth(), transport=httpx2.MockTransport(catching(httpx2, seen)))
    client = anthropic.Anthropic(base_url=URL.partition("/v1")[0], api_key="sk-fake-dummy", http_client=http_client)

    client.messages.create(model="claude", max_tokens=1, messages=[{"role": "user", "content": "hello"}])

    assert str(seen[0].url).endswith(".on.aws/v1/messages")
    assert seen[0].headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "sk-fake-dummy" not in str(seen[0].headers.multi_items())


def test_temporary_credentials_are_asked_for_anew_at_each_request() -> None:
    keys = [Credentials("ASIAFIRST", "fake", "token-1"), Credentials("ASIASECOND", "fake", "token-2")]
    sign = auth(session=FakeSession(*keys))
    request = httpx.Request("GET", URL)

    first = sign(request).headers["x-amz-security-token"]
    second = sign(request).headers["x-amz-security-token"]

    assert (first, second) == ("token-1", "token-2")
    assert "Credential=ASIASECOND/" in request.headers["authorization"]


def test_a_session_token_of_an_earlier_signature_does_not_survive() -> None:
    request = httpx.Request("GET", URL, headers={"x-amz-security-token": "stale"})

    auth()(request)

    assert "x-amz-security-token" not in request.headers


def test_a_plus_in_the_query_goes_out_as_an_encoded_space() -> None:
    request = httpx.Request("GET", URL + "?q=a+b&q=c%2Bd")

    auth()(request)

    assert request.url.query == b"q=a%20b&q=c%2Bd"


@pytest.mark.parametrize(
    ("given", "url", "of_session", "expected"),
    [
        ("us-west-2", URL, "us-east-1", "us-west-2"),
        (None, URL, "us-east-1", "eu-central-1"),
        (None, "http://127.0.0.1:8787/v1", "us-east-1", "us-east-1"),
        (None, "https://x.lambda-url.eu-central-1.on.aws.example.com/", "us-east-1", "us-east-1"),
    ],
)
def test_the_region_is_the_given_one_then_the_urls_then_the_sessions(
    given: str | None, url: str, of_session: str, expected: str
) -> None:
    session = FakeSession(Credentials("AKIDEXAMPLE", "fake"), region=of_session)

    request = auth(region=given, session=session)(httpx.Request("GET", url))

    assert f"/{expected}/lambda/aws4_request" in request.headers["authorization"]


def test_without_any_region_the_error_says_how_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)

    with pytest.raises(SigningError, match=r"no region to sign for: 127\.0\.0\.1 .* set AWS_REGION or pass"):
        auth()(httpx.Request("GET", "http://127.0.0.1:8787/v1"))


def test_aws_region_is_read_which_botocore_leaves_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")

    request = auth()(httpx.Request("GET", "http://127.0.0.1:8787/v1"))

    assert "/ap-northeast-1/lambda/" in request.headers["authorization"]


def test_without_credentials_construction_fails_and_names_the_ways_to_get_some() -> None:
    with pytest.raises(SigningError, match=r"no AWS credentials found; set AWS_PROFILE"):
        FunctionUrlAuth(session=FakeSession())


def test_credentials_that_cannot_be_refreshed_say_how_to_sign_in_again() -> None:
    class Expired(FakeSession):
        def get_frozen_credentials(self) -> Any:
            raise UnauthorizedSSOTokenError

    sign = auth(session=Expired(Credentials("AKIDEXAMPLE", "fake")))

    with pytest.raises(SigningError, match=r"cannot be refreshed: .*aws sso login"):
        sign(httpx.Request("GET", URL))


def test_a_profile_that_is_not_there_is_named() -> None:
    with pytest.raises(SigningError, match=r"cannot be loaded: .*no-such-profile"):
        FunctionUrlAuth(session=botocore.session.Session(profile="no-such-profile"))


def test_a_boto3_and_a_botocore_session_both_serve() -> None:
    botocore_session = botocore.session.Session()
    botocore_session.set_credentials("AKIDONE", "fake")
    boto3_session = boto3.Session("AKIDTWO", "fake", region_name="eu-west-1")

    of_botocore = FunctionUrlAuth(session=botocore_session)(httpx.Request("GET", URL))
    of_boto3 = FunctionUrlAuth(session=boto3_session)(httpx.Request("GET", "http://127.0.0.1/"))

    assert "Credential=AKIDONE/" in of_botocore.headers["authorization"]
    assert "/eu-west-1/lambda/" in of_boto3.headers["authorization"]


def parts() -> Iterator[bytes]:
    yield b"{}"


async def asynchronous_parts() -> AsyncIterator[bytes]:
    yield b"{}"


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.__name__)
@pytest.mark.parametrize(
    ("content", "headers"),
    [(parts, {}), (asynchronous_parts, {}), (asynchronous_parts, {"content-length": "2"})],
    ids=["iterator", "asynchronous iterator", "asynchronous iterator of known length"],
)
def test_a_streamed_body_is_refused_with_what_would_be_right(
    library: ModuleType, content: Callable[[], Any], headers: dict[str, str]
) -> None:
    request = library.Request("POST", URL, content=content(), headers=headers)

    with pytest.raises(SigningError, match=r"streamed request body cannot be signed.*pass the body as bytes"):
        auth()(request)


def test_a_multipart_body_is_read_and_signed() -> None:
    request = httpx.Request("POST", URL, files={"file": ("a.txt", b"text")})

    auth()(request)

    assert "content-type;host" in request.headers["authorization"]
    assert b"text" in request.content


def catching(library: ModuleType, seen: list[Any]) -> Callable[[Any], Any]:
    def handle(request: Any) -> Any:
        seen.append(request)
        return library.Response(200, json={})

    return handle


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.__name__)
def test_a_virtual_key_in_the_place_of_the_sdks_key_goes_on_in_its_own_header(library: ModuleType) -> None:
    seen: list[Any] = []
    client = library.Client(auth=auth(), transport=library.MockTransport(catching(library, seen)))

    for written in ("Bearer slu_fake_secret", "bearer slu_fake_secret", "Bearer  slu_fake_secret", "slu_fake_secret"):
        client.post(URL, headers={"authorization": written}, content=b"{}")
    client.post(URL, headers={"authorization": "Bearer sk-fake"}, content=b"{}")

    assert [one.headers.get("x-sluice-key") for one in seen] == [*["slu_fake_secret"] * 4, None]
    assert all(one.headers["authorization"].startswith("AWS4-HMAC-SHA256") for one in seen)
