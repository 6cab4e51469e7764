"""Bedrock's exceptions: their statuses, their wording, and the answer that tells of one before a stream has begun.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors
"""

import json
from collections.abc import Mapping
from typing import Any

from sluice_devstack.simulated.refusal import Refusal, Refused

STATUSES = {
    "AccessDeniedException": 403,
    "ExpiredTokenException": 403,
    "InternalServerException": 500,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "ModelErrorException": 424,
    "ModelNotReadyException": 429,
    "ModelStreamErrorException": 424,
    "ModelTimeoutException": 408,
    "ResourceNotFoundException": 404,
    "ServiceQuotaExceededException": 400,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 429,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
    "ValidationException": 400,
}
ERROR_TYPE = "x-amzn-errortype"
PLACE = "http://internal.amazon.com/coral/com.amazon.bedrock/"

INVALID_MODEL = "The provided model identifier is invalid."


def refusal(name: str, message: str, extra: Mapping[str, Any] | None = None) -> Refusal:
    body = json.dumps({"message": message, **(extra or {})})
    return Refusal(STATUSES.get(name, 400), body, {ERROR_TYPE: f"{name}:{PLACE}"})


def refused(name: str, message: str) -> Refused:
    return Refused(refusal(name, message))


def invalid(message: str) -> Refused:
    return refused("ValidationException", message)


def by_the_model(message: str) -> Refused:
    """What the model itself refuses, as Bedrock passes it on."""
    return invalid(f"The model returned the following errors: {message}")
