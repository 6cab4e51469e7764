"""Our errors as the Bedrock runtime tells its own: {"message"} under `x-amzn-errortype`, or an exception frame.

https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html. The SDKs choose their exception by that
header, else by the body's `__type`, and without both name the status.
"""

import json

from sluice.domain.errors import BudgetExceeded, GatewayError, UpstreamError, UpstreamRefused
from sluice.surfaces.request import JSON, Errors, Reply

DIALECT = "bedrock"
ERROR_TYPE = "x-amzn-errortype"
NAMES = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    413: "ValidationException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
    504: "ModelTimeoutException",
}
# What AWS's SDKs do not try again, though the status of other surfaces for it is one that they do.
BY_CODE = {BudgetExceeded.code: ("ServiceQuotaExceededException", 400)}
# Those that a stream may end with: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html
IN_STREAM = {
    400: "validationException",
    424: "modelStreamErrorException",
    429: "throttlingException",
    503: "serviceUnavailableException",
}


def error_name(status: int) -> str:
    """The exception's name for a status."""
    return NAMES.get(status, "ValidationException" if 400 <= status < 500 else "InternalServerException")


def error_body(error: GatewayError, request_id: str) -> dict[str, object]:
    """What an exception frame says: its type under `__type`, and its message."""
    name = IN_STREAM.get(error.status, "internalServerException")
    return {"__type": name, "message": f"{error.message} ({error.code}, request {request_id})"}


def reply(error: GatewayError, request_id: str) -> Reply:  # noqa: ARG001 it is in the headers
    """An error as an answer: Bedrock's own as it came, with its own status, else ours."""
    told = error.exception if isinstance(error, UpstreamError) else None
    name, status = BY_CODE.get(error.code, (told or error_name(error.status), error.status))
    if isinstance(error, UpstreamRefused) and error.body and error.dialect == DIALECT:
        return Reply({ERROR_TYPE: name, **error.headers, "content-type": JSON}, error.body, error.status)
    headers = {ERROR_TYPE: name, **error.headers, "content-type": JSON}
    body = json.dumps({"__type": name, "message": error.message}, separators=(",", ":")).encode()
    return Reply(headers, body, status)


BEDROCK_ERRORS = Errors(error_body, reply)
