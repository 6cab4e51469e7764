"""Every operation: what its request must have, and the paths it is served under."""

import json
from typing import Any

import httpx
import pytest
from tests.fakes import responses
from tests.fakes.gateway import KEY, PRICE, Context, Gateway, event
from tests.unit.surfaces.test_bad_input import refused

from sluice.domain.operation import OPERATIONS

GOOD: dict[str, dict[str, Any]] = {
    "chat/completions": {"model": "mini", "messages": [{"role": "user", "content": "hi"}]},
    "responses": {"model": "mini", "input": "hi"},
    "completions": {"model": "mini", "prompt": "hi"},
    "embeddings": {"model": "mini", "input": "hi"},
    "images/generations": {"model": "mini", "prompt": "a cat"},
    "audio/speech": {"model": "mini", "input": "hi", "voice": "alloy"},
}
STEERING = ("api_base", "base_url", "api_key", "extra_headers", "user_config", "custom_llm_provider")
NAMES = {
    "chat/completions": "chat",
    "responses": "chat",
    "completions": "text_completion",
    "embeddings": "embeddings",
    "images/generations": "image_generation",
    "audio/speech": "speech",
}


@pytest.fixture
def gateway() -> Gateway:
    def no_call(_: object) -> Any:
        raise AssertionError("the provider was called")

    return Gateway(no_call)


@pytest.fixture(params=GOOD)
def path(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def answering() -> Gateway:
    answer = json.dumps(responses.response()).encode()
    return Gateway(lambda _: httpx.Response(200, content=answer, headers={"content-type": "application/json"}))


def test_there_is_a_good_request_for_every_operation() -> None:
    assert set(GOOD) == set(OPERATIONS) == set(NAMES)


@pytest.mark.parametrize("front", ["/v1", "/openai", "/openai/v1"])
def test_an_operation_is_served_under_three_paths(front: str, path: str) -> None:
    gateway = answering()
    model = "mini" if front == "/v1" else "gpt-5-mini"

    answer = gateway.post(f"{front}/{path}", {**GOOD[path], "model": model})
    list(answer["body"])
    answer["body"].close()

    (request,), (reserved,) = gateway.requests, gateway.ledger.reserved
    assert answer["statusCode"] == 200
    assert str(request.url) == f"https://provider.invalid/v1/{path}"
    assert json.loads(request.content) == {**GOOD[path], "model": "gpt-5-mini"}
    assert (reserved.operation, reserved.path, reserved.model) == (NAMES[path], f"{front}/{path}", "gpt-5-mini")
    assert gateway.telemetry.calls[0]["gen_ai.operation.name"] == NAMES[path]


@pytest.mark.parametrize("model", ["gpt-5-mini", "ft:gpt-5-mini:acme::1", "openai/gpt-5-mini", "mini"])
def test_a_model_under_the_providers_path_is_its_own_name(model: str) -> None:
    gateway = answering()

    gateway.post("/openai/v1/responses", {**GOOD["responses"], "model": model})

    assert json.loads(gateway.requests[0].content)["model"] == model


@pytest.mark.parametrize("model", ["", " ", "../x", "a b", "a?b", "a%2fb", "x" * 300, "a\n", "/a"])
def test_a_model_that_is_none_is_refused_there(gateway: Gateway, model: str) -> None:
    answer = gateway.post("/openai/v1/responses", {**GOOD["responses"], "model": model})

    assert answer["statusCode"] in (400, 404)
    assert json.loads(answer["body"])["error"]["param"] == "model"
    assert not gateway.requests


def test_without_a_provider_of_that_name_the_path_says_so(path: str) -> None:
    gateway = Gateway(lambda _: pytest.fail("nothing may leave"), name="other")

    message = refused(gateway, gateway.post(f"/openai/{path}", GOOD[path]), 404, "model_not_found", "model")

    assert "no provider is named 'openai'" in message
    assert "other/<model>" in message


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT"])
@pytest.mark.parametrize(
    "unserved",
    [
        "/openai/files", "/openai/v1/files", "/openai/v1/files/file-1/content", "/openai/v1/batches",
        "/openai/v1/organization/admin_api_keys", "/openai/v1/fine_tuning/jobs", "/openai/v1/vector_stores",
        "/openai/v1/assistants", "/openai/v1/uploads", "/openai/v1/containers", "/openai/v1/evals",
        "/openai/v1/conversations", "/openai/v1/responses/resp_1", "/openai/v1/responses/resp_1/cancel",
        "/openai/v1/responses/resp_1/input_items", "/v1/responses/resp_1", "/v1/responses/compact",
        "/v1/chat/completions/chatcmpl-1", "/v1/images/edits", "/v1/audio/transcriptions", "/v1/realtime",
        "/openai/v1/models", "/openai/", "/openai", "/openai/v1", "/openai/v1/",
        "/openai/v1/v1/responses", "/openai/v2/responses", "//v1/responses", "/v1//responses", "/v1/responses/",
        "/v1/responses//", "/v1/./responses", "/v1/x/../responses", "/openai/../v1/responses", "/V1/responses",
        "/v1/Responses", "/v1/chat%2Fcompletions", "/v1/%72esponses", "/v1/responses%00", "/v1/responses%2F",
        "/v1/responses\n", "/v1/responses ", "/v1/responses;x", "/v1/responses?x", "/azure/v1/responses",
        "/openai/v1/responses/../files", "/openai%2Fv1/responses", "/v1/responsesx", "/xv1/responses",
    ],
)  # fmt: skip
def test_no_other_path_is_served_and_nothing_leaves(gateway: Gateway, method: str, unserved: str) -> None:
    answer = gateway.handler(event(method, unserved, body=json.dumps(GOOD["responses"])), Context())

    assert answer["statusCode"] == 404
    assert json.loads(answer["body"])["error"]["code"] == "unknown_path"
    assert not gateway.requests
    assert not gateway.ledger.reserved


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("front", ["/v1", "/openai", "/openai/v1"])
def test_another_method_of_an_operation_is_refused(gateway: Gateway, method: str, front: str, path: str) -> None:
    answer = gateway.handler(event(method, f"{front}/{path}"), Context())

    refused(gateway, answer, 405, "method_not_allowed")
    assert answer["headers"]["allow"] == "POST"


@pytest.mark.fault("A02")
@pytest.mark.parametrize("front", ["/v1", "/openai", "/openai/v1"])
def test_without_an_identity_no_operation_is_served(gateway: Gateway, front: str, path: str) -> None:
    context = {"http": {"method": "POST", "path": f"{front}/{path}"}, "authorizer": None, "stage": "$default"}

    answer = gateway.post(f"{front}/{path}", GOOD[path], requestContext=context)

    refused(gateway, answer, 403, "unauthenticated")


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("responses", {"input": []}, "input"),
    ("responses", {"input": ["hi"]}, "input"),
    ("responses", {"input": 5}, "input"),
    ("responses", {"input": {"role": "user"}}, "input"),
    ("responses", {"background": True}, "background"),
    ("responses", {"background": True, "store": True, "stream": True}, "background"),
    ("responses", {"background": "yes"}, "background"),
    ("responses", {"background": 1}, "background"),
    ("responses", {"store": "no"}, "store"),
    ("responses", {"store": 0}, "store"),
    ("responses", {"max_output_tokens": 0}, "max_output_tokens"),
    ("responses", {"max_output_tokens": -1}, "max_output_tokens"),
    ("responses", {"max_output_tokens": 1.0}, "max_output_tokens"),
    ("responses", {"max_output_tokens": 2**63}, "max_output_tokens"),
    ("responses", {"previous_response_id": ""}, "previous_response_id"),
    ("responses", {"previous_response_id": 5}, "previous_response_id"),
    ("responses", {"previous_response_id": ["resp_1"]}, "previous_response_id"),
    ("responses", {"stream_options": {"include_obfuscation": False}}, "stream_options"),
    ("chat/completions", {"deferred": True}, "deferred"),
    ("completions", {"prompt": 5}, "prompt"),
    ("completions", {"prompt": {"id": "pmpt_1"}}, "prompt"),
    ("completions", {"prompt": [{"a": 1}]}, "prompt"),
    ("completions", {"prompt": [None]}, "prompt"),
    ("completions", {"n": 0}, "n"),
    ("completions", {"n": 129}, "n"),
    ("completions", {"best_of": 0}, "best_of"),
    ("completions", {"best_of": "5"}, "best_of"),
    ("completions", {"best_of": 10**9}, "best_of"),
    ("completions", {"max_tokens": -1}, "max_tokens"),
    ("completions", {"max_tokens": "16"}, "max_tokens"),
    ("embeddings", {"input": None}, "input"),
    ("embeddings", {"input": {}}, "input"),
    ("embeddings", {"input": [1.5]}, "input"),
    ("embeddings", {"input": [{"text": "hi"}]}, "input"),
    ("embeddings", {"stream": True}, "stream"),
    ("images/generations", {"prompt": None}, "prompt"),
    ("images/generations", {"prompt": ""}, "prompt"),
    ("images/generations", {"prompt": ["a cat"]}, "prompt"),
    ("images/generations", {"n": 0}, "n"),
    ("images/generations", {"n": 1.5}, "n"),
    ("audio/speech", {"input": None}, "input"),
    ("audio/speech", {"input": ""}, "input"),
    ("audio/speech", {"input": ["hi"]}, "input"),
    ("audio/speech", {"stream_format": 5}, "stream_format"),
]


@pytest.mark.fault("R08")
@pytest.mark.parametrize(("path", "change", "param"), BAD, ids=str)
def test_a_wrong_field_is_named(gateway: Gateway, path: str, change: dict[str, Any], param: str) -> None:
    for front, model in (("/v1", "mini"), ("/openai", "gpt-5-mini")):
        answer = gateway.post(f"{front}/{path}", {**GOOD[path], "model": model, **change})

        assert param in refused(gateway, answer, 400, "invalid_request", param)


@pytest.mark.fault("R08")
@pytest.mark.parametrize(
    "change",
    [{"model": None}, {"model": 5}, {"model": ""}, {"stream": "yes"}, {"service_tier": 5}, {"service_tier": ""}],
)
def test_a_field_that_all_have_is_checked_in_all(gateway: Gateway, path: str, change: dict[str, Any]) -> None:
    (param,) = change

    assert param in refused(
        gateway, gateway.post(f"/v1/{path}", {**GOOD[path], **change}), 400, "invalid_request", param
    )


@pytest.mark.fault("R07")
@pytest.mark.parametrize("name", STEERING)
def test_no_operation_takes_a_url_or_a_key(gateway: Gateway, path: str, name: str) -> None:
    answer = gateway.post(f"/openai/v1/{path}", {**GOOD[path], name: "https://evil.invalid"})

    refused(gateway, answer, 400, "invalid_request", name)


@pytest.mark.fault("R09")
@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "audio/mpeg"])
def test_a_wrong_content_type_is_refused_by_all(gateway: Gateway, path: str, kind: str) -> None:
    answer = gateway.handler(
        event("POST", f"/v1/{path}", {"content-type": kind}, body=json.dumps(GOOD[path])), Context()
    )

    refused(gateway, answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("responses", {"background": False}),
        ("responses", {"background": None, "store": None, "input": None}),
        ("completions", {"max_tokens": 0, "echo": True}),
        ("completions", {"prompt": [[1, 2], [3]]}),
        ("completions", {"prompt": [1, 2, 3]}),
        ("embeddings", {"input": ["a", "b"], "stream": False}),
        ("embeddings", {"input": [[1], [2]]}),
        ("chat/completions", {"deferred": False, "stream_format": "sse"}),
        ("audio/speech", {"stream_format": "audio"}),
    ],
    ids=str,
)
def test_what_the_provider_may_take_is_sent_as_it_is(path: str, change: dict[str, Any]) -> None:
    gateway = answering()

    answer = gateway.post(f"/v1/{path}", {**GOOD[path], **change})

    assert answer["statusCode"] == 200
    assert json.loads(gateway.requests[0].content) == {**GOOD[path], **change, "model": "gpt-5-mini"}


def test_sound_as_events_is_a_stream() -> None:
    stream = responses.event({"type": "speech.audio.delta", "audio": "AA=="}) + responses.event(
        {"type": "speech.audio.done", "usage": responses.USAGE}
    )
    gateway = Gateway(lambda _: httpx.Response(200, content=stream, headers={"content-type": "text/event-stream"}))

    answer = gateway.post("/v1/audio/speech", {**GOOD["audio/speech"], "stream_format": "sse"})
    pieces = list(answer["body"])
    answer["body"].close()

    assert b"".join(pieces) == stream
    assert gateway.ledger.reserved[0].is_stream
    assert (gateway.ledger.settled[0].usage.output, gateway.ledger.settled[0].cost) == (9, None)


@pytest.mark.parametrize(("path", "asks"), [("chat/completions", True), ("completions", True), ("responses", False)])
def test_usage_is_asked_for_only_where_the_api_knows_the_option(path: str, asks: bool) -> None:
    gateway = Gateway(lambda _: httpx.Response(200, content=b"", headers={"content-type": "text/event-stream"}))

    gateway.post(f"/v1/{path}", {**GOOD[path], "stream": True})

    assert ("stream_options" in json.loads(gateway.requests[0].content)) is asks


def test_a_price_stands_for_every_operation_but_images_and_sound(path: str) -> None:
    gateway = answering()

    gateway.post(f"/v1/{path}", GOOD[path])["body"].close()

    is_priced = path not in ("images/generations", "audio/speech")
    assert (gateway.ledger.reserved[0].bound is not None) is is_priced
    assert (gateway.ledger.reserved[0].estimate is not None) is is_priced
    assert PRICE.max_output_tokens == 1000
    assert KEY not in json.dumps(gateway.telemetry.calls)
