import gzip
import json
from importlib import resources
from typing import Any

import pytest
from tests import recorded

from sluice.translation import bedrock_errors
from sluice.translation.bedrock_errors import Meaning, meaning, message, name

NAMES = [
    ("ValidationException", None, "ValidationException"),
    ("ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/", None, "ValidationException"),
    ("com.amazon.coral.service#UnrecognizedClientException", None, "UnrecognizedClientException"),
    ("com.amazon.coral.service#X:http://internal.amazon.com/#y", None, "X"),
    (None, {"__type": "com.amazon.bedrock#ThrottlingException"}, "ThrottlingException"),
    ("ThrottlingException", {"__type": "ValidationException"}, "ThrottlingException"),
    ("", {"__type": "ValidationException"}, "ValidationException"),
    (None, {"__type": 7}, ""),
    (None, {}, ""),
    (None, None, ""),
]


@pytest.mark.parametrize(("header", "body", "expected"), NAMES)
def test_the_name_is_found_in_header_or_body(header: str | None, body: dict[str, Any] | None, expected: str) -> None:
    assert name(header, body) == expected


def test_the_message_has_two_spellings_and_may_be_absent() -> None:
    assert message({"message": "m"}) == message({"Message": "m"}) == message({"message": None, "Message": "m"}) == "m"
    assert message({"message": 7}) == message({}) == message(None) == ""


def test_what_the_model_said_is_added() -> None:
    body = {"message": "failed", "originalStatusCode": 400, "originalMessage": "too hot", "resourceName": "r"}

    assert message(body) == "failed (the model answered: 400 too hot)"
    assert message({"originalMessage": "too hot"}) == "(the model answered: too hot)"


@pytest.mark.parametrize("exception", bedrock_errors.EXCEPTION_STATUSES)
def test_a_streams_exception_means_what_the_same_error_as_an_answer_means(exception: str) -> None:
    spelled = exception[0].upper() + exception[1:]

    assert meaning(exception, "m") == meaning(spelled, "m")
    assert meaning(exception, "m") != bedrock_errors.UNKNOWN


@pytest.mark.parametrize(
    "exception",
    [
        "ExpiredTokenException",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "IncompleteSignature",
        "MissingAuthenticationTokenException",
    ],
)
def test_a_refused_credential_is_the_gateways_fault_and_not_to_be_retried(exception: str) -> None:
    expected = Meaning(502, "server_error", "provider_authentication_error", None, is_final=True)

    assert meaning(exception, "The security token is expired", 403) == expected


def test_a_quota_is_final_and_a_throttle_is_not() -> None:
    assert meaning("ServiceQuotaExceededException", "m", 400).is_final
    assert not meaning("ThrottlingException", "m", 429).is_final


def test_an_unknown_model_is_not_found_by_its_message() -> None:
    expected = Meaning(404, "invalid_request_error", "model_not_found", "model")

    assert meaning("ValidationException", "The provided model identifier is invalid.", 400) == expected


def test_a_model_without_access_is_denied_by_its_message() -> None:
    said = "You don't have access to the model with the specified model ID."

    assert meaning("ValidationException", said, 400).code == "model_access_denied"


def test_only_an_invalid_request_is_read_for_its_message() -> None:
    assert meaning("ThrottlingException", "too many input tokens per minute", 429).code == "rate_limit_exceeded"


STATUSES = [
    (400, 400, "invalid_request_error", None),
    (401, 502, "server_error", "provider_authentication_error"),
    (403, 403, "permission_error", None),
    (408, 504, "server_error", "model_timeout"),
    (413, 413, "invalid_request_error", None),
    (418, 418, "invalid_request_error", None),
    (424, 502, "server_error", "model_error"),
    (429, 429, "rate_limit_error", "rate_limit_exceeded"),
    (499, 499, "invalid_request_error", None),
    (500, 500, "server_error", "internal_error"),
    (502, 502, "server_error", "upstream_error"),
    (503, 503, "server_error", "service_unavailable"),
    (504, 504, "server_error", "model_timeout"),
    (302, 502, "server_error", "upstream_error"),
    (None, 502, "server_error", "upstream_error"),
]


@pytest.mark.parametrize(("status", "ours", "kind", "code"), STATUSES)
def test_an_unknown_name_is_told_by_its_status(status: int | None, ours: int, kind: str, code: str | None) -> None:
    assert meaning("SomethingNewException", "m", status) == Meaning(ours, kind, code, None, code in FINAL)


FINAL = ("provider_authentication_error",)


def service_model() -> dict[str, Any]:
    data = resources.files("botocore") / "data" / "bedrock-runtime" / "2023-09-30" / "service-2.json.gz"
    shapes: dict[str, Any] = json.loads(gzip.decompress(data.read_bytes()))["shapes"]
    return shapes


def test_every_exception_of_a_stream_has_the_status_of_the_service_model() -> None:
    shapes = service_model()
    members = {**shapes["ConverseStreamOutput"]["members"], **shapes["ResponseStream"]["members"]}
    statuses = {
        member: shapes[told["shape"]]["error"]["httpStatusCode"]
        for member, told in members.items()
        if shapes[told["shape"]].get("exception")
    }

    assert statuses == bedrock_errors.EXCEPTION_STATUSES


RECORDED = {
    "err_bedrock_400_context_length": (400, "context_length_exceeded"),
    "err_bedrock_400_invalid_model": (404, "model_not_found"),
    "err_bedrock_403_expired_token": (502, "provider_authentication_error"),
}


@pytest.mark.skipif(not recorded.names("err_bedrock_"), reason=recorded.REASON)
@pytest.mark.parametrize("recording", recorded.names("err_bedrock_"))
def test_a_recorded_error_is_told_by_its_name(recording: str) -> None:
    answer = recorded.load(recording)
    body = json.loads(answer.body)

    found = meaning(name(answer.headers.get("x-amzn-errortype"), body), message(body), answer.status)

    assert (found.status, found.code) == RECORDED[recording]
