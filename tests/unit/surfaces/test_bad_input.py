import base64
import json
from typing import Any

import pytest
from tests.fakes.gateway import Context, Gateway, event

from sluice.surfaces.strict_json import MAX_BODY_BYTES

MESSAGES = [{"role": "user", "content": "hi"}]
GOOD: dict[str, Any] = {"model": "mini", "messages": MESSAGES}


def refused(gateway: Gateway, answer: dict[str, Any], status: int, code: str, param: str | None = None) -> str:
    """Checks that an answer is a refusal in OpenAI's shape that cost nothing; its message."""
    error = json.loads(answer["body"])["error"]
    assert answer["statusCode"] == status
    assert (error["code"], error["param"]) == (code, param)
    assert answer["headers"]["x-request-id"] == error["request_id"] == Context().aws_request_id
    assert not gateway.requests
    assert not gateway.ledger.reserved
    assert gateway.telemetry.calls[-1]["outcome"] == "refused"
    return str(error["message"])


@pytest.fixture
def gateway() -> Gateway:
    def no_call(_: object) -> Any:
        raise AssertionError("the provider was called")

    return Gateway(no_call)


@pytest.mark.fault("R02")
@pytest.mark.fault("R03")
@pytest.mark.fault("R04")
@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        '"text"',
        "null",
        '{"model": NaN}',
        '{"temperature": Infinity}',
        '{"temperature": -Infinity}',
        '{"temperature": 1e999}',
        '{"model": "a", "model": "b"}',
        '{"messages": [{"role": "user", "role": "system"}]}',
        '{"a":' * 200 + "1" + "}" * 200,
        '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"n": ' + "9" * 5000 + "}",
        '{"model": "\\ud800"}',
        "\ufeff{}",
        '{"model": "a\x00"}',
        "{'model': 'a'}",
    ],
    ids=range(18),
)
def test_what_is_not_strict_json_is_refused(gateway: Gateway, body: str) -> None:
    refused(gateway, gateway.chat(body), 400, "invalid_json")


@pytest.mark.fault("R04")
@pytest.mark.parametrize("raw", [b'{"model": "\xff"}', json.dumps(GOOD).encode("utf-16")])
def test_bytes_that_are_not_utf8_are_refused(gateway: Gateway, raw: bytes) -> None:
    answer = gateway.chat(base64.b64encode(raw).decode(), isBase64Encoded=True)

    refused(gateway, answer, 400, "invalid_json")


@pytest.mark.fault("R01")
def test_a_wrong_base64_flag_is_refused(gateway: Gateway) -> None:
    refused(gateway, gateway.chat(json.dumps(GOOD), isBase64Encoded=True), 400, "invalid_request")


@pytest.mark.fault("R01")
def test_a_body_over_the_limit_is_too_large(gateway: Gateway) -> None:
    body = json.dumps({**GOOD, "pad": "x" * MAX_BODY_BYTES})

    refused(gateway, gateway.chat(body), 413, "request_too_large")


@pytest.mark.fault("R09")
@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/jsonlines"},
        {"content-encoding": "gzip"},
    ],
)
def test_a_wrong_content_type_is_refused(gateway: Gateway, headers: dict[str, str]) -> None:
    answer = gateway.handler(event("POST", "/v1/chat/completions", headers, body=json.dumps(GOOD)), Context())

    refused(gateway, answer, 415, "unsupported_media_type")


@pytest.mark.fault("R08")
@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": ["hi"]}, "messages"),
        ({"messages": [{"content": "hi"}]}, "messages"),
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"model": 4}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"stream": 1}, "stream"),
        ({"stream": True, "stream_options": "usage"}, "stream_options"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"n": 10**9}, "n"),
        ({"n": 0}, "n"),
        ({"n": True}, "n"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 2**63}, "max_tokens"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_completion_tokens": 1e308}, "max_completion_tokens"),
        ({"service_tier": {}}, "service_tier"),
    ],
    ids=str,
)
def test_a_wrong_field_is_named(gateway: Gateway, change: dict[str, Any], param: str) -> None:
    message = refused(gateway, gateway.chat({**GOOD, **change}), 400, "invalid_request", param)

    assert param in message


@pytest.mark.fault("R07")
@pytest.mark.parametrize("name", ["api_base", "base_url", "api_key", "extra_headers", "user_config"])
def test_a_field_that_would_choose_a_url_or_a_key_is_refused(gateway: Gateway, name: str) -> None:
    refused(gateway, gateway.chat({**GOOD, name: "http://169.254.169.254"}), 400, "invalid_request", name)


@pytest.mark.fault("R06")
@pytest.mark.parametrize(
    "model",
    ["nope", "gpt-6", "other/gpt-5", "openai/", "openai/../x", "openai/a?b#c", "openai/%2e%2e%2f", "openai/a b",
     "openai//a", "__proto__", "openai/\u202egpt", "openai/" + "x" * 10_000, "/openai", "openai/a\n"],
)  # fmt: skip
def test_an_unknown_model_is_404_and_the_known_ones_are_named(gateway: Gateway, model: str) -> None:
    message = refused(gateway, gateway.chat({**GOOD, "model": model}), 404, "model_not_found", "model")

    assert "routes: mini" in message
    assert "openai/<model>" in message
    assert len(message) < 400


@pytest.mark.parametrize(
    "path", ["//", "/v1", "/v1/chat", "/v1/chat/completions/", "/V1/chat/completions", "//v1/models"]
)
def test_an_unknown_path_is_404(gateway: Gateway, path: str) -> None:
    answer = gateway.handler(event("POST", path, body="{}"), Context())

    refused(gateway, answer, 404, "unknown_path")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/chat/completions", "POST"),
        ("DELETE", "/v1/chat/completions", "POST"),
        ("HEAD", "/v1/models", "GET"),
        ("POST", "/v1/models", "GET"),
        ("DELETE", "/v1/models/openai/gpt-5", "GET"),
    ],
)
def test_a_wrong_method_is_405_and_the_right_ones_are_named(
    gateway: Gateway, method: str, path: str, allow: str
) -> None:
    answer = gateway.handler(event(method, path), Context())

    refused(gateway, answer, 405, "method_not_allowed")
    assert answer["headers"]["allow"] == allow


@pytest.mark.fault("R05")
@pytest.mark.parametrize("value", ["a\r\nx: y", "a\nb", "a\x00"])
def test_a_header_with_control_characters_is_refused(gateway: Gateway, value: str) -> None:
    answer = gateway.handler(
        event("POST", "/v1/chat/completions", {"x-thing": value}, body=json.dumps(GOOD)), Context()
    )

    refused(gateway, answer, 400, "invalid_request")


@pytest.mark.fault("A02")
@pytest.mark.parametrize("authorizer", [None, {}, {"iam": None}, {"iam": {"userArn": "ada"}}, {"jwt": {}}])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/chat/completions"), ("GET", "/v1/models"), ("GET", "/v1/models/mini")]
)
def test_a_call_without_an_iam_identity_is_refused_on_every_route(
    gateway: Gateway, authorizer: object, method: str, path: str
) -> None:
    forged = {"x-forwarded-user": "arn:aws:iam::123456789012:user/root", "authorization": "Bearer x"}
    context = {"http": {"method": method, "path": path}, "authorizer": authorizer, "stage": "$default"}

    answer = gateway.handler(event(method, path, forged, body=json.dumps(GOOD), requestContext=context), Context())

    refused(gateway, answer, 403, "unauthenticated")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-sluice-timeout-ms", "0"),
        ("x-sluice-timeout-ms", "soon"),
        ("x-sluice-timeout-ms", "٣"),
        ("x-sluice-idle-timeout-ms", "900001"),
        ("x-sluice-metadata", "team"),
        ("x-sluice-metadata", "[]"),
        ("x-sluice-metadata", '{"a": {"b": 1}}'),
        ("x-sluice-metadata", '{"a": NaN}'),
        ("x-sluice-metadata", '{"a": "' + "x" * 3000 + '"}'),
        ("x-sluice-metadata", json.dumps({str(n): n for n in range(17)})),
    ],
)
def test_a_wrong_sluice_header_is_refused(gateway: Gateway, name: str, value: str) -> None:
    answer = gateway.handler(event("POST", "/v1/chat/completions", {name: value}, body=json.dumps(GOOD)), Context())

    assert name in refused(gateway, answer, 400, "invalid_request")


def test_models_are_listed_and_retrieved_by_an_id_unquoted_once(gateway: Gateway) -> None:
    listed = json.loads(gateway.handler(event("GET", "/v1/models"), Context())["body"])
    slashed = json.loads(gateway.handler(event("GET", "/v1/models/openai/gpt-5-mini"), Context())["body"])
    quoted = json.loads(gateway.handler(event("GET", "/v1/models/openai%2Fgpt-5-mini"), Context())["body"])
    twice = gateway.handler(event("GET", "/v1/models/openai%252Fgpt-5-mini"), Context())

    assert [model["id"] for model in listed["data"]] == ["mini", "openai/gpt-5-mini"]
    assert slashed == quoted == listed["data"][1]
    assert twice["statusCode"] == 404
