"""A request of Anthropic's Messages API, as InvokeModel takes it for Claude.

The body stays the caller's, but for what Bedrock would refuse all of it for (message_betas.py). The model is in the
path, whether to stream is in the path's operation, and what the API takes as headers is in the body.
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
"""

from collections.abc import Mapping
from typing import Any

from sluice.translation.requests import message_betas
from sluice.translation.translation import Translated

VERSION = "bedrock-2023-05-31"
IN_PATH = ("model", "stream", "anthropic_version", "anthropic_beta")


def request(body: Mapping[str, Any], model: str, headers: Mapping[str, str]) -> Translated:
    """`headers` are the caller's, of which anthropic-beta counts; `model` goes into the path."""
    del model
    asked = message_betas.asked(headers, body)
    betas = message_betas.taken(asked)
    kept = {name: value for name, value in body.items() if name not in IN_PATH}
    warnings = [message_betas.HEADER] if len(betas) < len(asked) else []
    if "tools" in kept:
        kept["tools"] = message_betas.without_deferral(body["tools"], betas)
        warnings += ["tools"] if kept["tools"] != body["tools"] else []
    made = {"anthropic_version": VERSION, **({message_betas.FIELD: betas} if betas else {}), **kept}
    return Translated(made, tuple(warnings))
