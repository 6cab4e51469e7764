"""Images, files, sound and cache points within messages."""

from typing import Any

import pytest

from sluice.domain.errors import GatewayError, InvalidImageUrl, InvalidRequest, UnsupportedImage, UnsupportedParameter
from sluice.translation.requests.chat_to_converse import request
from sluice.translation.translation import Translated

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-lite-v1:0"
OSS = "openai.gpt-oss-120b-1:0"
WORD_FILE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def made(*parts: Any, model: str = CLAUDE, **body: Any) -> Translated:
    return request({"messages": [{"role": "user", "content": list(parts)}], **body}, model)


def content(*parts: Any, model: str = CLAUDE) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = made(*parts, model=model).body["messages"][0]["content"]
    return found


def image(url: Any, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def file(**fields: Any) -> dict[str, Any]:
    return {"type": "file", "file": fields}


@pytest.mark.parametrize(
    ("kind", "expected"), [("png", "png"), ("jpeg", "jpeg"), ("JPG", "jpeg"), ("gif", "gif"), ("webp", "webp")]
)
def test_an_image_in_a_data_url_is_a_block(kind: str, expected: str) -> None:
    block = {"image": {"format": expected, "source": {"bytes": "QUJD"}}}

    assert content(image(f"data:image/{kind};base64,QUJD")) == [block]
    assert content(image(f"data:image/{kind};name=a;base64,QU\nJD")) == [block]


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("data:image/svg+xml;base64,QUJD", UnsupportedImage),
        ("data:text/plain;base64,QUJD", UnsupportedImage),
        ("data:image/png,abc", InvalidImageUrl),
        ("data:image/png;base64,", InvalidImageUrl),
        ("data:image/png;base64,***", InvalidImageUrl),
        ("http://example.com/a.png", InvalidImageUrl),
        ("HTTPS://169.254.169.254/latest", InvalidImageUrl),
        ("file:///etc/passwd", InvalidImageUrl),
        ("", InvalidImageUrl),
        (5, InvalidRequest),
    ],
)
def test_no_other_image_is_taken_and_nothing_is_fetched(url: Any, error: type[GatewayError]) -> None:
    with pytest.raises(error) as refusal:
        made({"type": "text", "text": "see"}, image(url))

    assert refusal.value.param == "messages[0].content[1].image_url.url"


def test_an_image_of_s3_is_for_families_that_read_there() -> None:
    uri = "s3://my-bucket/folder/a.JPG"

    assert content(image(uri), model=NOVA) == [{"image": {"format": "jpeg", "source": {"s3Location": {"uri": uri}}}}]
    with pytest.raises(InvalidImageUrl):
        content(image(uri))


@pytest.mark.parametrize(
    ("uri", "error"), [("s3://b/a.png", InvalidImageUrl), ("s3://bucket/a.tiff", UnsupportedImage)]
)
def test_an_address_in_s3_names_bucket_and_image(uri: str, error: type[GatewayError]) -> None:
    with pytest.raises(error):
        content(image(uri), model=NOVA)


def test_a_family_without_eyes_refuses_images() -> None:
    with pytest.raises(UnsupportedImage) as refusal:
        content(image("data:image/png;base64,QUJD"), model=OSS)

    assert refusal.value.param == "messages[0].content[0].image_url.url"


def test_the_detail_of_an_image_is_left_out_by_name() -> None:
    assert made(image("data:image/png;base64,QUJD", detail="high")).warnings == ("detail",)
    assert made(image("data:image/png;base64,QUJD", detail="auto")).warnings == ()


@pytest.mark.parametrize("model", ["openai.gpt-6-sol", "qwen.qwen3-vl-235b-a22b"])
def test_images_of_tools_are_refused_where_only_users_show_them(model: str) -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    messages = [
        {"role": "user", "content": [image("data:image/png;base64,QUJD")]},
        {"role": "tool", "tool_call_id": "t", "content": [image("data:image/png;base64,QUJD")]},
    ]

    with pytest.raises(UnsupportedImage) as refusal:
        request({"messages": messages, "tools": tools}, model)

    assert refusal.value.param == "messages[1].content[0]"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"file_data": "data:application/pdf;base64,QUJD"}, "pdf"),
        ({"file_data": f"data:{WORD_FILE};base64,QUJD"}, "docx"),
        ({"file_data": "data:text/markdown;charset=utf-8;base64,QUJD"}, "md"),
        ({"file_data": "data:application/octet-stream;base64,QUJD", "filename": "a.XLSX"}, "xlsx"),
        ({"file_data": "QUJD", "filename": "a.htm"}, "html"),
    ],
)
def test_a_file_is_a_document_that_does_not_bear_its_name(fields: dict[str, Any], expected: str) -> None:
    document = {"format": expected, "name": "document-1", "source": {"bytes": "QUJD"}}

    assert content({"type": "text", "text": "see"}, file(**fields)) == [{"text": "see"}, {"document": document}]


def test_documents_are_numbered_and_have_a_text_beside_them() -> None:
    pdf = file(file_data="data:application/pdf;base64,QUJD")

    translated = made(pdf, pdf)

    blocks = translated.body["messages"][0]["content"]
    assert [block["document"]["name"] for block in blocks[:2]] == ["document-1", "document-2"]
    assert blocks[2:] == [{"text": "."}]
    assert translated.warnings == ("messages",)


@pytest.mark.parametrize(
    ("fields", "error", "param"),
    [
        ({"file_id": "file-1"}, UnsupportedParameter, "file.file_id"),
        ({}, InvalidRequest, "file.file_data"),
        ({"file_data": "data:video/mp4;base64,QUJD"}, InvalidRequest, "file.file_data"),
        ({"file_data": "QUJD"}, InvalidRequest, "file.file_data"),
        ({"file_data": "!", "filename": "a.pdf"}, InvalidRequest, "file.file_data"),
        ({"file_data": "QUJD", "filename": 5}, InvalidRequest, "file.filename"),
    ],
)
def test_a_file_that_is_not_in_the_request_or_of_no_kind_is_refused(
    fields: dict[str, Any], error: type[GatewayError], param: str
) -> None:
    with pytest.raises(error) as refusal:
        content(file(**fields))

    assert refusal.value.param == f"messages[0].content[0].{param}"


def test_sound_is_for_families_that_hear() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}
    block = {"audio": {"format": "wav", "source": {"bytes": "QUJD"}}}

    assert content(sound, model="mistral.voxtral-mini-3b-2507") == [block]
    assert content(sound, model="arn:aws:bedrock:us-east-1:1:application-inference-profile/abc") == [block]
    with pytest.raises(UnsupportedParameter) as refusal:
        content(sound)
    assert refusal.value.param == "messages[0].content[0].input_audio"


@pytest.mark.parametrize(("field", "value"), [("format", "midi"), ("data", "!"), ("data", None)])
def test_sound_has_a_known_format_and_bytes(field: str, value: Any) -> None:
    sound = {"data": "QUJD", "format": "wav", field: value}

    with pytest.raises(InvalidRequest) as refusal:
        content({"type": "input_audio", "input_audio": sound}, model="mistral.voxtral-mini-3b-2507")

    assert refusal.value.param == f"messages[0].content[0].input_audio.{field}"


CACHED = {"type": "text", "text": "t", "cache_control": {"type": "ephemeral"}}
HOUR = {"type": "text", "text": "t", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
POINT = {"cachePoint": {"type": "default"}}


def test_a_cache_point_stands_behind_its_part_or_its_message() -> None:
    messages = [{"role": "user", "content": "a", "cache_control": {"type": "ephemeral", "ttl": "5m"}}]

    assert content(CACHED, {"type": "text", "text": "u"}) == [{"text": "t"}, POINT, {"text": "u"}]
    assert request({"messages": messages}, CLAUDE).body["messages"][0]["content"] == [
        {"text": "a"},
        {"cachePoint": {"type": "default", "ttl": "5m"}},
    ]


@pytest.mark.parametrize(
    ("answer", "result"),
    [({"cache_control": {"type": "ephemeral"}}, {"content": [CACHED]}), ({}, {"content": "r", "cache_control": {}})],
)
def test_a_call_and_a_result_have_their_cache_point_behind_them(answer: dict[str, Any], result: dict[str, Any]) -> None:
    calls = [{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    messages = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "tool_calls": calls, **answer},
        {"role": "tool", "tool_call_id": "t", **result},
        {"role": "user", "content": "and?"},
    ]

    turns = request({"messages": messages, "tools": [{"type": "function", "function": {"name": "f"}}]}, CLAUDE)

    _, called, told = ([next(iter(block)) for block in turn["content"]] for turn in turns.body["messages"])
    assert called == (["toolUse", "cachePoint"] if answer else ["toolUse"])
    assert told == ["toolResult", "cachePoint", "text"]


def test_an_hour_is_for_families_that_keep_one() -> None:
    translated = made(HOUR, model="anthropic.claude-3-7-sonnet-20250219-v1:0")

    assert translated.body["messages"][0]["content"] == [{"text": "t"}, POINT]
    assert translated.warnings == ("cache_control",)
    assert content(HOUR)[1] == {"cachePoint": {"type": "default", "ttl": "1h"}}


@pytest.mark.parametrize("model", [OSS, "anthropic.claude-v2", "anthropic.claude-3-haiku-20240307-v1:0"])
def test_a_family_without_a_cache_says_so(model: str) -> None:
    translated = made(CACHED, model=model)

    assert translated.body["messages"][0]["content"] == [{"text": "t"}]
    assert translated.warnings == ("cache_control",)


def test_four_points_are_kept_those_of_system_and_tools_first() -> None:
    tools = [{"type": "function", "function": {"name": "f"}, "cache_control": {"type": "ephemeral"}}]
    messages = [{"role": "system", "content": [CACHED]}, {"role": "user", "content": [CACHED] * 4}]

    translated = request({"messages": messages, "tools": tools}, CLAUDE)

    assert translated.body["system"] == [{"text": "t"}, POINT]
    assert translated.body["toolConfig"]["tools"][1:] == [POINT]
    assert translated.body["messages"][0]["content"] == [*[{"text": "t"}] * 3, POINT, {"text": "t"}, POINT]
    assert translated.warnings == ("cache_control",)


def test_nova_has_no_points_on_tools() -> None:
    tools = [{"type": "function", "function": {"name": "f", "cache_control": {"type": "ephemeral"}}}]

    translated = made(CACHED, model=NOVA, tools=tools)

    assert [list(block) for block in translated.body["toolConfig"]["tools"]] == [["toolSpec"]]
    assert translated.body["messages"][0]["content"] == [{"text": "t"}, POINT]
    assert translated.warnings == ("cache_control",)


@pytest.mark.parametrize(("control", "param"), [(5, "cache_control"), ({"ttl": "2h"}, "cache_control.ttl")])
def test_a_cache_control_of_no_form_is_refused(control: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        made({"type": "text", "text": "t", "cache_control": control})

    assert refusal.value.param == f"messages[0].content[0].{param}"
