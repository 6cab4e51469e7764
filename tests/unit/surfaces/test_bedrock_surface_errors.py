"""What Bedrock refuses, as its callers see it: its own words with their status, but never ours to it."""

import json
from typing import Any

import httpx
import pytest
from tests import frames, recorded
from tests.fakes.gateway import Gateway, Pieces

from sluice.domain.call import Target
from sluice.domain.errors import DuplicateCall, LedgerBusy
from sluice.domain.record import Outcome
from sluice.surfaces.bedrock_error import error_name

MODEL = "anthropic.claude-sonnet-4-5-20250929-v1:0"
CONVERSE = f"/model/{MODEL}/converse"
ASKED = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
CHAT = {"model": f"bedrock/{MODEL}", "messages": [{"role": "user", "content": "hi"}]}
MESSAGES = CHAT | {"max_tokens": 5}
DENIED = (
    "User: arn:aws:sts::123456789012:assumed-role/sluice-gateway/session is not authorized to perform: "
    "bedrock:InvokeModel on resource: arn:aws:bedrock:us-east-1::foundation-model/x"
)


def gateway(status: int, body: bytes, name: str | None = None) -> Gateway:
    headers = {"content-type": "application/json", **({"x-amzn-errortype": name} if name else {})}
    return Gateway(lambda _: httpx.Response(status, headers=headers, stream=Pieces([body])), kind="bedrock")


def told(answer: dict[str, Any]) -> tuple[int, str, str]:
    return answer["statusCode"], answer["headers"]["x-amzn-errortype"], json.loads(answer["body"])["message"]


@pytest.mark.skipif(not recorded.FOLDER.is_dir(), reason=recorded.REASON)
@pytest.mark.parametrize("name", ["err_bedrock_400_context_length", "err_bedrock_400_invalid_model"])
@pytest.mark.parametrize("operation", ["converse", "converse-stream", "invoke", "invoke-with-response-stream"])
def test_bedrocks_own_errors_pass_as_they_came(name: str, operation: str) -> None:
    recording = recorded.load(name)
    made = Gateway(
        lambda _: httpx.Response(recording.status, headers=frames.headers(recording), content=recording.body),
        kind="bedrock",
    )

    answer = made.post(f"/model/{MODEL}/{operation}", ASKED)

    assert (answer["statusCode"], answer["body"].encode()) == (recording.status, recording.body)
    assert answer["headers"]["x-amzn-errortype"] == recording.headers["x-amzn-errortype"]
    assert made.ledger.settled[0].outcome is Outcome.FAILED
    assert made.ledger.settled[0].cost == 0


@pytest.mark.fault("B06")
@pytest.mark.parametrize(
    "name",
    [
        "ExpiredTokenException:http://internal.amazon.com/coral/com.amazon.coral.service/",
        "InvalidSignatureException",
        "UnrecognizedClientException",
        "IncompleteSignatureException",
        "MissingAuthenticationTokenException",
        "RequestExpired",
    ],
)
def test_credentials_that_are_refused_are_the_gateways_own_matter(name: str) -> None:
    body = b'{"message":"The security token of account 123456789012 is expired"}'

    for path, asked in ((CONVERSE, ASKED), ("/v1/chat/completions", CHAT), ("/v1/messages", MESSAGES)):
        answer = gateway(403, body, name).post(path, asked)
        assert (answer["statusCode"], answer["headers"]["x-should-retry"]) == (502, "false")
        assert "123456789012" not in answer["body"]
        assert "refused the function's credentials" in answer["body"]


@pytest.mark.parametrize("field", ["message", "Message"])
@pytest.mark.parametrize("partition", ["aws", "aws-us-gov", "aws-cn"])
def test_who_was_denied_is_not_told(field: str, partition: str) -> None:
    body = json.dumps({field: DENIED.replace("arn:aws", f"arn:{partition}")}).encode()

    for path, asked in ((CONVERSE, ASKED), ("/v1/chat/completions", CHAT), ("/v1/messages", MESSAGES)):
        made = gateway(403, body, "AccessDeniedException")
        answer = made.post(path, asked)
        assert answer["statusCode"] == 403
        assert not any(word in answer["body"] for word in ("123456789012", "sluice-gateway", "arn:"))
        assert "look at the role's policy" in answer["body"]
        assert "123456789012" not in str(made.telemetry.calls)


def test_who_was_denied_is_not_told_by_the_openai_endpoint_either() -> None:
    targets = {f"bedrock/{MODEL}": Target("bedrock", MODEL, api="openai")}
    body = json.dumps({"error": {"code": "access_denied", "message": DENIED, "type": "permission_error"}}).encode()
    made = Gateway(lambda _: httpx.Response(403, content=body), kind="bedrock", targets=targets)

    answer = made.post("/v1/chat/completions", CHAT)

    assert answer["statusCode"] == 403
    assert "123456789012" not in answer["body"]


def test_access_denied_without_a_name_in_it_passes() -> None:
    body = b'{"message":"You don\'t have access to the model with the specified model ID."}'

    answer = gateway(403, body, "AccessDeniedException").post(CONVERSE, ASKED)

    assert (answer["statusCode"], answer["body"].encode()) == (403, body)


@pytest.mark.fault("U13")
@pytest.mark.parametrize("body", [b"<html>", b"", b'{"message":"\xff"}', b"[]", b"5", b"[" * 5000, b'{"a":' * 2000])
def test_an_error_that_is_none_of_bedrocks_is_told_in_our_words(body: bytes) -> None:
    for path, asked in ((CONVERSE, ASKED), ("/v1/chat/completions", CHAT), ("/v1/messages", MESSAGES)):
        answer = gateway(503, body).post(path, asked)
        assert answer["statusCode"] == 503
        assert "Bedrock answered 503" in answer["body"]
        assert json.loads(answer["body"])


def test_what_passes_keeps_its_status_where_other_surfaces_have_another() -> None:
    """A quota is a 400 at Bedrock, a 429 to OpenAI's clients."""
    body = b'{"message":"Your quota is used up"}'
    made = gateway(400, body, "ServiceQuotaExceededException")

    assert told(made.post(CONVERSE, ASKED)) == (400, "ServiceQuotaExceededException", "Your quota is used up")
    error = made.post("/v1/chat/completions", CHAT)
    assert (error["statusCode"], json.loads(error["body"])["error"]["code"]) == (429, "insufficient_quota")


def test_a_call_delivered_twice_is_told_as_bedrock_does() -> None:
    made = gateway(200, b"{}")
    made.ledger.refusal = DuplicateCall("this call was made before")

    assert told(made.post(CONVERSE, ASKED)) == (409, "ValidationException", "this call was made before")
    assert not made.requests


def test_a_ledger_that_is_down_is_told_as_bedrock_does() -> None:
    made = gateway(200, b"{}")
    made.ledger.refusal = LedgerBusy("the ledger is busy")

    assert told(made.post(CONVERSE, ASKED)) == (503, "ServiceUnavailableException", "the ledger is busy")
    assert not made.requests


@pytest.mark.parametrize("status", [301, 302, 307, 308, 204, 304])
@pytest.mark.fault("U14")
def test_other_statuses_are_not_followed(status: int) -> None:
    made = Gateway(lambda _: httpx.Response(status, headers={"location": "https://evil.invalid/"}), kind="bedrock")

    assert told(made.post(CONVERSE, ASKED))[:2] == (502, "InternalServerException")
    assert len(made.requests) == 1


def test_every_status_has_an_exception_that_boto3_knows() -> None:
    known = {
        "AccessDeniedException",
        "InternalServerException",
        "ModelErrorException",
        "ModelTimeoutException",
        "ResourceNotFoundException",
        "ServiceUnavailableException",
        "ThrottlingException",
        "ValidationException",
    }

    assert {error_name(status) for status in range(400, 600)} == known
