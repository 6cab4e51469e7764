"""OpenAI's and Anthropic's surfaces on Azure OpenAI."""

import json

import httpx
import pytest
from tests import recorded
from tests.fakes.gateway import KEY, Gateway
from tests.unit.providers.azure_wire import (
    ASKED,
    CLASSIC,
    DEPLOYMENT,
    DONE,
    JSON,
    PROMPT,
    SSE,
    V1,
    gateway,
    read,
    record,
    said,
    sent,
    sha,
)
from tests.unit.surfaces.test_operations import GOOD

from sluice.domain.call import Target
from sluice.domain.usage import UsageSource
from sluice.provider_settings import Azure


@pytest.mark.parametrize("path", [path for path in GOOD if path != "responses"])
def test_a_classic_resource_has_the_deployment_and_the_version_in_its_url(path: str) -> None:
    made = gateway(b'{"choices": []}')

    read(made.post(f"/v1/{path}", {**GOOD[path], "model": DEPLOYMENT}))

    base = "https://provider.invalid/openai/deployments/prod-mini"
    assert str(made.requests[0].url) == f"{base}/{path}?api-version=2024-10-21"


@pytest.mark.parametrize(("azure", "paths"), [(V1, list(GOOD)), (CLASSIC, ["responses"])])
def test_the_v1_api_has_the_deployment_in_the_body(azure: Azure, paths: list[str]) -> None:
    for path in paths:
        made = gateway(b'{"choices": []}', azure=azure)

        read(made.post(f"/v1/{path}", {**GOOD[path], "model": DEPLOYMENT}))

        assert str(made.requests[0].url) == f"https://provider.invalid/openai/v1/{path}"
        assert sent(made)["model"] == "prod-mini"


def test_a_deployment_is_one_part_of_the_path_whatever_is_in_its_name() -> None:
    made = gateway(b'{"choices": []}')

    read(made.chat({"model": "azure/a/b@c", "messages": ASKED}))

    raw = b"/openai/deployments/a%2Fb%40c/chat/completions?api-version=2024-10-21"
    assert made.requests[0].url.raw_path == raw


@pytest.mark.parametrize(
    ("azure", "named", "absent"),
    [
        (CLASSIC, ("api-key", KEY), "authorization"),
        (V1, ("api-key", KEY), "authorization"),
        (Azure("east", is_entra=True), ("authorization", f"Bearer {KEY}"), "api-key"),
    ],
)
def test_a_key_or_a_token_goes_under_its_own_header(azure: Azure, named: tuple[str, str], absent: str) -> None:
    made = gateway(b'{"choices": []}', azure=azure)

    read(made.chat({"model": DEPLOYMENT, "messages": ASKED}))

    (request,) = made.requests
    assert request.headers[named[0]] == named[1]
    assert absent not in request.headers


@pytest.mark.parametrize(
    ("azure", "is_asked"),
    [
        (V1, True),
        (CLASSIC, True),
        (Azure("east", "2024-09-01-preview"), True),
        (Azure("east", "2024-06-01"), False),
        (Azure("east", "2023-05-15"), False),
    ],
)
def test_usage_is_asked_for_where_the_version_takes_it(azure: Azure, is_asked: bool) -> None:
    made = gateway(PROMPT, said("Héllo", "stop"), DONE, headers=SSE, azure=azure)

    read(made.chat({"model": DEPLOYMENT, "messages": ASKED, "stream": True}))

    assert sent(made).get("stream_options") == ({"include_usage": True} if is_asked else None)
    assert record(made).usage_source is UsageSource.COUNTED


def test_what_the_caller_asks_of_usage_is_sent_to_any_version() -> None:
    made = gateway(PROMPT, DONE, headers=SSE, azure=Azure("east", "2023-05-15"))
    options = {"include_usage": True}

    read(made.chat({"model": DEPLOYMENT, "messages": ASKED, "stream": True, "stream_options": options}))

    assert sent(made)["stream_options"] == options


@pytest.mark.parametrize(
    ("azure", "name"), [(Azure("east", "2024-06-01"), "max_tokens"), (V1, "max_completion_tokens")]
)
def test_an_older_version_gets_the_limit_under_the_name_it_knows(azure: Azure, name: str) -> None:
    made = gateway(b'{"choices": []}', azure=azure)

    read(made.chat({"model": DEPLOYMENT, "messages": ASKED, "max_completion_tokens": 9}))

    assert {key: value for key, value in sent(made).items() if value == 9} == {name: 9}


@pytest.mark.parametrize("name", ["data_sources", "dataSources"])
def test_what_the_resource_may_read_is_not_shared_unless_all_may_use_it(name: str) -> None:
    body = {"model": DEPLOYMENT, "messages": ASKED, "stream": True, name: [{"type": "azure_search"}]}
    closed, opened = gateway(b"{}"), gateway(PROMPT, DONE, headers=SSE, stored_objects=True)

    refused = closed.chat(body)
    read(opened.chat(body))

    error = json.loads(refused["body"])["error"]
    assert (refused["statusCode"], error["param"]) == (400, name)
    assert "does not share" in error["message"]
    assert not closed.requests
    assert "stream_options" not in sent(opened)  # which would be refused beside it


def test_tokens_of_messages_cannot_be_counted_and_no_guardrail_is_there() -> None:
    made = gateway(b"{}")
    message = {"model": DEPLOYMENT, "messages": ASKED}

    counted = made.post("/v1/messages/count_tokens", message)
    guarded = made.chat({**message, "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}})

    assert (counted["statusCode"], guarded["statusCode"]) == (400, 400)
    assert not made.requests


@pytest.mark.skipif(not recorded.FOLDER.is_dir(), reason=recorded.REASON)
def test_a_deployment_that_is_not_there_is_told_as_azure_tells_it() -> None:
    recording = recorded.load("err_azure_404_deployment")
    made = gateway(recording.body, status=404, headers={**JSON, **recording.headers})

    answer = made.chat({**recording.request, "model": DEPLOYMENT})

    assert (answer["statusCode"], sha(read(answer))) == (404, sha(recording.body))
    assert record(made).cost == 0
    assert not {"x-ms-region", "apim-request-id"} & answer["headers"].keys()


@pytest.mark.fault("U12")
@pytest.mark.parametrize(("azure", "what"), [(CLASSIC, "key"), (Azure("east", is_entra=True), "token")])
def test_a_refused_key_or_token_is_not_the_callers_business(azure: Azure, what: str) -> None:
    body = b'{"error":{"code":"401","message":"Access denied due to invalid subscription key. Principal: 1234"}}'
    made = gateway(body, status=401, azure=azure)

    answer = made.chat({"model": DEPLOYMENT, "messages": ASKED})

    error = json.loads(read(answer))["error"]
    assert (answer["statusCode"], error["code"]) == (502, "provider_authentication_error")
    assert error["message"].startswith(f"the provider refused the gateway's {what}; put ")
    assert "1234" not in error["message"]


@pytest.mark.fault("U06")
def test_a_token_that_has_run_out_is_replaced_by_the_next() -> None:
    def renewed(request: httpx.Request) -> httpx.Response:
        is_new = request.headers["authorization"] == "Bearer eyJ.fake.new"
        return httpx.Response(200, json={"choices": []}) if is_new else httpx.Response(401)

    made = Gateway(renewed, kind="azure", azure=Azure("east", is_entra=True))
    made.keys.keys.append("eyJ.fake.new")

    assert made.chat({"model": DEPLOYMENT, "messages": ASKED})["statusCode"] == 200
    assert len(made.requests) == 2


@pytest.mark.fault("P02")
def test_a_refusal_that_repeats_the_key_is_replaced() -> None:
    made = gateway(json.dumps({"error": {"message": f"no: {KEY}"}}).encode(), status=403)

    assert KEY.encode() not in read(made.chat({"model": DEPLOYMENT, "messages": ASKED}))


@pytest.mark.fault("U07")
def test_of_the_headers_only_limits_pass() -> None:
    told = {"retry-after": "7", "retry-after-ms": "6543", "x-ratelimit-reset-tokens": "55"}
    kept = {"x-ms-region": "East US", "x-ms-rai-invoked": "true", "azureml-model-session": "d0", "set-cookie": "a=b"}
    body = b'{"error":{"code":"429","message":"exceeded call rate limit. Please retry after 7 seconds."}}'
    made = gateway(body, status=429, headers={**JSON, **told, **kept})

    answer = made.chat({"model": DEPLOYMENT, "messages": ASKED})

    assert (answer["statusCode"], read(answer)) == (429, body)
    assert told.items() <= answer["headers"].items()
    assert not kept.keys() & answer["headers"].keys()


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"apim-request-id": "a", "x-request-id": "b"}, "a"),
        ({"x-request-id": "b"}, "b"),
        ({}, None),
    ],
)
def test_the_id_is_the_one_that_support_asks_for(named: dict[str, str], expected: str | None) -> None:
    made = gateway(b'{"choices": []}', headers={**JSON, **named})

    read(made.chat({"model": DEPLOYMENT, "messages": ASKED}))

    assert record(made).provider_request_id == expected


@pytest.mark.parametrize(("base_model", "thinks"), [(None, True), ("gpt-5-mini", True), ("gpt-4o", False)])
def test_a_translation_follows_the_model_behind_the_deployment(base_model: str | None, thinks: bool) -> None:
    """A deployment's name tells nothing of what its model can do."""
    made = gateway(b'{"choices": []}', targets={DEPLOYMENT: Target("azure", "prod-mini", base_model)})
    thinking = {"type": "enabled", "budget_tokens": 1024}

    made.post("/v1/messages", {"model": DEPLOYMENT, "max_tokens": 2000, "messages": ASKED, "thinking": thinking})

    assert sent(made)["model"] == "prod-mini"
    assert ("reasoning_effort" in sent(made)) is thinks
