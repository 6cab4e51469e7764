"""What of a chat's request cannot become one of the Messages API."""

from typing import Any

import pytest

from sluice.domain.errors import InvalidImageUrl, InvalidRequest, UnsupportedImage, UnsupportedParameter
from sluice.translation.requests.chat_to_messages import request
from sluice.translation.translation import Translated

CALL = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}


def ask(*messages: dict[str, Any], **fields: Any) -> Translated:
    return request({"messages": list(messages or ({"role": "user", "content": "q"},)), **fields}, "claude-sonnet-4-5")


@pytest.mark.parametrize(
    ("error", "fields", "param"),
    [
        (UnsupportedParameter, {"n": 2}, "n"),
        (UnsupportedParameter, {"logprobs": True}, "logprobs"),
        (UnsupportedParameter, {"modalities": ["text", "audio"]}, "modalities"),
        (UnsupportedParameter, {"functions": [{}]}, "functions"),
        (UnsupportedParameter, {"web_search_options": {"a": 1}}, "web_search_options"),
        (UnsupportedParameter, {"tools": [{"type": "custom"}]}, "tools[0].type"),
        (InvalidRequest, {"reasoning_effort": "some"}, "reasoning_effort"),
        (InvalidRequest, {"tool_choice": "any"}, "tool_choice"),
        (InvalidRequest, {"response_format": {"type": "xml"}}, "response_format.type"),
        (InvalidRequest, {"stop": [1]}, "stop[0]"),
        (InvalidRequest, {"top_p": True}, "top_p"),
        (InvalidRequest, {"max_tokens": 0}, "max_tokens"),
    ],
)
def test_a_field_that_cannot_be_served_is_refused_by_name(
    error: type[InvalidRequest], fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(error) as refused:
        ask(**fields)

    assert refused.value.param == param


def of_user(part: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": [part]}


def image(url: str) -> dict[str, Any]:
    return of_user({"type": "image_url", "image_url": {"url": url}})


def calling(**fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "f", **fields}}]}


@pytest.mark.parametrize(
    ("error", "message", "param"),
    [
        (InvalidRequest, {"role": "robot"}, "messages[0].role"),
        (UnsupportedParameter, {"role": "function", "name": "f"}, "messages[0].role"),
        (UnsupportedImage, image("data:image/tiff;base64,QUJD"), "messages[0].content[0].image_url.url"),
        (InvalidImageUrl, image("http://example.com/a.png"), "messages[0].content[0].image_url.url"),
        (InvalidImageUrl, image("s3://bucket/a.png"), "messages[0].content[0].image_url.url"),
        (UnsupportedParameter, of_user({"type": "input_audio"}), "messages[0].content[0].type"),
        (
            UnsupportedParameter,
            of_user({"type": "file", "file": {"file_id": "f"}}),
            "messages[0].content[0].file.file_id",
        ),
        (InvalidRequest, calling(arguments="{"), "messages[0].tool_calls[0].function.arguments"),
        (InvalidRequest, calling(arguments='{"a":NaN}'), "messages[0].tool_calls[0].function.arguments"),
        (InvalidRequest, calling(arguments="[1]"), "messages[0].tool_calls[0].function.arguments"),
        (InvalidRequest, {"role": "tool", "content": "x"}, "messages[0].tool_call_id"),
        (InvalidRequest, {"role": "system", "content": "x"}, "messages"),
    ],
)
def test_a_message_that_cannot_be_served_is_refused_by_place(
    error: type[InvalidRequest], message: dict[str, Any], param: str
) -> None:
    with pytest.raises(error) as refused:
        ask(message)

    assert refused.value.param == param
