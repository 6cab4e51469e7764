"""What Bedrock's errors mean, before an answer and inside one: an exception's name decides.

On Bedrock's own surface an error keeps its status and its name; every other surface gets the status that the same
trouble has there (`translation/bedrock_errors.py`).
"""

import re
from collections.abc import Mapping
from typing import Any

from sluice.codecs.eventstream import EXCEPTION
from sluice.domain.errors import UpstreamError, UpstreamRefused, UpstreamReported
from sluice.providers import openai
from sluice.providers.posting import error_object, key_refused
from sluice.providers.upstream import Upstream
from sluice.translation import bedrock_errors

PASSED_HEADERS = ("retry-after",)  # the function URL has an x-amzn-requestid of its own
PASSED_PREFIX = "x-amzn-bedrock-"
ERROR_TYPE = "x-amzn-errortype"
OUR_FAULT = "provider_authentication_error"
NOT_OURS = "Bedrock refused the function's credentials; look at its role and its clock"
DENIED = "Bedrock does not allow this to the gateway's role; look at the role's policy and the account's model access"
OUR_ROLE = re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::")  # AWS says who was denied: our account, role and session


def passed_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers a caller may see: an allow-list, so that nothing of the account leaks."""
    return {name: value for name, value in headers.items() if name in PASSED_HEADERS or name.startswith(PASSED_PREFIX)}


def refusal(upstream: Upstream, body: bytes) -> UpstreamError:
    """What an answer of 4xx or 5xx means to a caller of another dialect."""
    value = error_object(body)
    name = bedrock_errors.name(upstream.headers.get(ERROR_TYPE), value)
    message = bedrock_errors.message(value)
    meaning = bedrock_errors.meaning(name, message, upstream.status)
    if meaning.code == OUR_FAULT:
        return key_refused(NOT_OURS)
    words = DENIED if _names_role(body) else message or f"Bedrock answered {upstream.status}"
    error = UpstreamRefused(words, headers=passed_headers(upstream.headers))
    if meaning.is_final:
        error.headers["x-should-retry"] = "false"
    error.status, error.dialect, error.exception = meaning.status, "bedrock", upstream.headers.get(ERROR_TYPE)
    error.body = body if value and not _names_role(body) else None
    error.type, error.code, error.param = meaning.type, meaning.code or error.code, meaning.param
    error.told = {"message": error.message, "type": meaning.type, "param": meaning.param, "code": meaning.code}
    return error


def native_refusal(upstream: Upstream, body: bytes) -> UpstreamError:
    """The same on Bedrock's own surface: its status is the caller's too."""
    error = refusal(upstream, body)
    if isinstance(error, UpstreamRefused):
        error.status = upstream.status
    return error


def openai_refusal(upstream: Upstream, body: bytes) -> UpstreamError:
    """Of the endpoint that speaks OpenAI's dialect; who signs wrongly is told in AWS's."""
    is_ours = upstream.status in (401, 403) and "error" not in error_object(body)
    return refusal(upstream, body) if is_ours or _names_role(body) else openai.refusal(upstream, body, None)


def failure(chunk: Mapping[str, Any]) -> UpstreamReported:
    """What an exception frame means to a caller of another dialect."""
    name, message = str(chunk.get(EXCEPTION, "")), str(chunk.get("message", ""))
    meaning = bedrock_errors.meaning(name, message)
    words = DENIED if _names_role(message.encode()) else message
    error = UpstreamReported(words or f"Bedrock ended the stream with {name or 'an error'}")
    if meaning.is_final:
        error.headers["x-should-retry"] = "false"
    error.status, error.type, error.param = meaning.status, meaning.type, meaning.param
    error.code, error.exception = meaning.code or error.code, name[:1].upper() + name[1:]
    return error


def native_failure(chunk: Mapping[str, Any]) -> UpstreamReported:
    """The same on Bedrock's own surface, where the exception keeps its status."""
    error = failure(chunk)
    error.status = bedrock_errors.EXCEPTION_STATUSES.get(str(chunk.get(EXCEPTION, "")), error.status)
    return error


def _names_role(body: bytes) -> bool:
    """Whether an error tells who was denied, which is for the operator only."""
    return OUR_ROLE.search(body.decode("utf-8", "replace")) is not None
