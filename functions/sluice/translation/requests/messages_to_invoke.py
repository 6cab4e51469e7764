"""A request of Anthropic's Messages API, as InvokeModel takes it for Claude.

The body stays the caller's. The model is in the path, whether to stream is in the path's operation, and what the API
takes as headers is in the body.
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from sluice.domain.errors import InvalidRequest
from sluice.translation.requests import message_value
from sluice.translation.translation import Translated

VERSION = "bedrock-2023-05-31"
OPERATIONS = {False: "invoke", True: "invoke-with-response-stream"}
IN_PATH = ("model", "stream", "anthropic_version", "anthropic_beta")


def request(body: Mapping[str, Any], model: str, headers: Mapping[str, str]) -> Translated:
    """`headers` are the caller's, of which anthropic-beta counts; `model` goes into the path."""
    del model
    kept = {name: value for name, value in body.items() if name not in IN_PATH}
    betas = list(dict.fromkeys([*asked_betas(headers), *body_betas(body.get("anthropic_beta"))]))
    return Translated({"anthropic_version": VERSION, **({"anthropic_beta": betas} if betas else {}), **kept})


def path(model: str, is_stream: bool) -> str:
    """The path of the call; an ARN's slashes and a version's colon are quoted."""
    return f"/model/{quote(model, safe='')}/{OPERATIONS[is_stream]}"


def asked_betas(headers: Mapping[str, str]) -> list[str]:
    listed = ",".join(value for name, value in headers.items() if name.lower() == "anthropic-beta")
    return [beta.strip() for beta in listed.split(",") if beta.strip()]


def body_betas(given: Any) -> list[str]:
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(beta, str) for beta in given):
        raise InvalidRequest("anthropic_beta must be a list of strings", param="anthropic_beta")
    return [message_value.name(beta, "anthropic_beta") for beta in given]
