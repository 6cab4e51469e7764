"""A boto3 client that attach() made sign for a function URL; what it would send is caught, nothing is sent."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config

from sluice_client import SigningError, attach
from sluice_devstack.sigv4 import Identity, SignedRequest, Verifier

URL = "https://abcdefghijklmnop.lambda-url.eu-central-1.on.aws"
LOCAL = "http://127.0.0.1:8787"
MESSAGES = [{"role": "user", "content": [{"text": "Hello!"}]}]
ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0"
CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"


class Body:
    """A response body of nothing."""

    def stream(self, *_: Any, **__: Any) -> list[bytes]:
        return []

    def close(self) -> None: ...


def client(service: str = "bedrock-runtime", url: str | None = URL, **settings: Any) -> Any:
    """With obvious credentials, in a session of its own."""
    session = botocore.session.Session()
    session.set_credentials("AKIDEXAMPLE", "fake-secret-key")
    return session.create_client(service, region_name="us-east-1", endpoint_url=url, **settings)


def sent(
    client: Any, call: Callable[[Any], Any] = lambda client: client.converse(modelId=CLAUDE, messages=MESSAGES)
) -> Any:
    """The request that the call would send."""
    caught: list[Any] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        caught.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), Body())

    client.meta.events.register("before-send.bedrock-runtime", answer)
    call(client)
    return caught[0]


def scope(request: Any) -> str:
    """`region/service` that the request is signed for."""
    authorization = request.headers["Authorization"].decode()
    return "/".join(authorization.partition("Credential=AKIDEXAMPLE/")[2].split("/")[1:3])


OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "converse": lambda client: client.converse(modelId=CLAUDE, messages=MESSAGES),
    "converse-stream": lambda client: client.converse_stream(modelId=CLAUDE, messages=MESSAGES),
    "invoke": lambda client: client.invoke_model(modelId=CLAUDE, body=b"{}"),
    "invoke-with-response-stream": lambda client: client.invoke_model_with_response_stream(modelId=CLAUDE, body=b"{}"),
    "count-tokens": lambda client: client.count_tokens(modelId=CLAUDE, input={"converse": {"messages": MESSAGES}}),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_signed_for_the_function_url(name: str) -> None:
    request = sent(attach(client()), OPERATIONS[name])

    assert request.url == f"{URL}/model/anthropic.claude-3-haiku-20240307-v1%3A0/{name}"
    assert scope(request) == "eu-central-1/lambda"


def test_an_arn_is_one_segment_of_the_path() -> None:
    request = sent(attach(client()), lambda client: client.converse(modelId=ARN, messages=MESSAGES))

    name = "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.amazon.nova-lite-v1%3A0"
    assert request.url == f"{URL}/model/{name}/converse"


@pytest.mark.parametrize("model", [CLAUDE, ARN])
def test_the_signature_is_over_the_encoded_path_encoded_once_more(model: str) -> None:
    request = sent(attach(client(url=LOCAL)), lambda client: client.converse(modelId=model, messages=MESSAGES))

    identity = Identity("AKIDEXAMPLE", "fake-secret-key", "arn:aws:iam::123456789012:user/developer")
    headers = [(name.lower(), text(value)) for name, value in request.headers.items()]
    wire = SignedRequest(
        "POST", request.url.removeprefix(LOCAL), "", [("host", "127.0.0.1:8787"), *headers], request.body
    )
    verifier = Verifier({"AKIDEXAMPLE": identity}, "us-east-1", lambda: datetime.now(UTC))
    assert verifier.verify(wire) is identity


def text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def test_a_base_path_stays() -> None:
    request = sent(attach(client(url=f"{URL}/bedrock")))

    assert request.url.startswith(f"{URL}/bedrock/model/anthropic.")


@pytest.mark.parametrize(
    ("url", "given", "expected"),
    [(URL, "us-west-2", "us-west-2"), (URL, None, "eu-central-1"), (LOCAL, None, "us-east-1")],
    ids=["the given one", "the URL's", "the client's"],
)
def test_the_region_is_the_given_one_then_the_urls_then_the_clients(url: str, given: str | None, expected: str) -> None:
    assert scope(sent(attach(client(url=url), given))) == f"{expected}/lambda"


def test_attaching_again_leaves_one_signature_for_the_last_region() -> None:
    attached = client()

    assert attach(attach(attached), "us-west-2") is attached
    assert scope(sent(attached)) == "us-west-2/lambda"


def test_another_client_of_the_session_signs_as_before() -> None:
    session = boto3.Session("AKIDEXAMPLE", "fake-secret-key", region_name="us-east-1")

    attach(session.client("bedrock-runtime", endpoint_url=URL))

    assert scope(sent(session.client("bedrock-runtime", endpoint_url=URL))) == "us-east-1/bedrock"


def test_a_bedrock_api_key_of_the_environment_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "fake-bedrock-api-key")

    stock, attached = sent(client()), sent(attach(client()))

    assert stock.headers["Authorization"] == b"Bearer fake-bedrock-api-key"
    assert scope(attached) == "eu-central-1/lambda"
    assert "fake-bedrock-api-key" not in str(dict(attached.headers))


def test_a_presigned_url_is_for_the_function_url_too() -> None:
    url = attach(client()).generate_presigned_url("converse", {"modelId": CLAUDE, "messages": MESSAGES})

    assert "%2Feu-central-1%2Flambda%2Faws4_request" in url


def test_what_else_was_agreed_about_the_signature_is_kept() -> None:
    attached = client(config=Config(inject_host_prefix=False))
    attached.meta.events.register("before-sign", with_another_key)

    request = sent(attach(attached))

    assert b"Credential=ASIAOTHER/" in request.headers["Authorization"]
    assert b"/eu-central-1/lambda/" in request.headers["Authorization"]


def with_another_key(request: AWSRequest, **_: Any) -> None:
    other = botocore.session.Session()
    other.set_credentials("ASIAOTHER", "fake-secret-key")
    request.context.setdefault("signing", {})["request_credentials"] = other.get_credentials()


@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        (lambda: client("sts"), "attach() takes a boto3 bedrock-runtime client, not one of sts"),
        (lambda: client("bedrock"), "attach() takes a boto3 bedrock-runtime client, not one of bedrock"),
        (lambda: boto3.Session(), "attach() takes a boto3 bedrock-runtime client, not a Session"),
        (lambda: None, "attach() takes a boto3 bedrock-runtime client, not a NoneType"),
        (
            lambda: client(url=None),
            "the client calls bedrock-runtime.us-east-1.amazonaws.com; "
            "make it with endpoint_url= the function URL, then attach it",
        ),
    ],
)
def test_what_cannot_be_attached_is_named_with_what_would_be_right(made: Callable[[], Any], complaint: str) -> None:
    with pytest.raises(SigningError) as raised:
        attach(made())

    assert str(raised.value) == complaint
