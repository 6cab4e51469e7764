"""The guardrail that a caller names: in `guardrailConfig`, or in the headers that InvokeModel has for it.

Whichever way a call takes to Bedrock, it is applied there or the call is refused: a guardrail that is left out is worse
than none that was ever asked for.
https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use.html
"""

from collections.abc import Mapping
from typing import Any

from sluice.domain.call import ModelRequest
from sluice.domain.errors import InvalidRequest, UnsupportedParameter

FIELD = "guardrailConfig"
HEADERS = {
    "guardrailIdentifier": "x-amzn-bedrock-guardrailidentifier",
    "guardrailVersion": "x-amzn-bedrock-guardrailversion",
    "trace": "x-amzn-bedrock-trace",
}
NEEDED = ("guardrailIdentifier", "guardrailVersion")
ONLY_STREAMED = "streamProcessingMode"


def config(request: ModelRequest) -> dict[str, Any] | None:
    """What was asked for, as Converse has it; None where nothing was. Raises InvalidRequest for half of it."""
    told = request.body.get(FIELD)
    if told is None:
        told = {name: request.headers[header] for name, header in HEADERS.items() if header in request.headers}
        told |= {"trace": told["trace"].lower()} if "trace" in told else {}
        if not told:
            return None
    if not isinstance(told, dict) or not all(isinstance(told.get(name), str) and told[name] for name in NEEDED):
        raise InvalidRequest(f"{FIELD}: want an object with {' and '.join(NEEDED)}", param=FIELD)
    return {name: value for name, value in told.items() if request.is_stream or name != ONLY_STREAMED}


def headers(found: Mapping[str, Any]) -> dict[str, str]:
    """The same as InvokeModel and the endpoint in OpenAI's dialect have it."""
    told = {HEADERS[name]: str(found[name]) for name in HEADERS if name in found}
    return told | ({HEADERS["trace"]: told[HEADERS["trace"]].upper()} if HEADERS["trace"] in told else {})


def refuse(request: ModelRequest) -> None:
    """Raises UnsupportedParameter: to be called by providers that have no guardrails."""
    if request.body.get(FIELD) is not None or any(name in request.headers for name in HEADERS.values()):
        words = "guardrails are Bedrock's; this model is not there, so none would be applied"
        raise UnsupportedParameter(words, param=FIELD)
