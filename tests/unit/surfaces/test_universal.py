"""The universal endpoint: steps in order, each of its own provider and dialect, and what the answer says of them."""

import json
from typing import Any

import httpx
import pytest
from tests import frames
from tests.fakes.gateway import Context, alias, event
from tests.fakes.site import CHAT, COMPLETION, CONVERSED, MESSAGE, MESSAGES, Site

from sluice.domain.call import Target
from sluice.domain.errors import UpstreamTimeout, UpstreamUnreachable
from sluice.domain.route import Leg, Route

PROVIDERS: dict[str, dict[str, Any]] = {
    "openai": {},
    "anthropic": {},
    "bedrock": {},
    "east": {"kind": "azure"},
    "own": {"kind": "compatible"},
}
BROKEN = httpx.Response(500, json={"error": {"message": "broken", "type": "server_error"}})
DOWN = UpstreamUnreachable("cannot reach it")
SLOW = UpstreamTimeout("too slow")
NOVA = "amazon.nova-micro-v1:0"
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
CLAUDE = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": MESSAGES}


def step(provider: str, endpoint: str, query: object = CHAT, **others: Any) -> dict[str, Any]:
    return {"provider": provider, "endpoint": endpoint, "query": query, **others}


ONCE = {"maxAttempts": 1}
OPENAI = step("openai", "chat/completions", config=ONCE)
ANTHROPIC = step("anthropic", "v1/messages", CLAUDE, config=ONCE)
BEDROCK = step("aws-bedrock", f"bedrock-runtime/us-east-1/model/{NOVA}/converse", CONVERSE, config=ONCE)


def site(**answers: httpx.Response | Exception) -> Site:
    return Site(PROVIDERS, answers, [alias("mini", "openai/gpt-5-mini")])


def test_the_first_step_that_answers_is_the_answer() -> None:
    gateway = site()

    answer = gateway.ask("/", [OPENAI, ANTHROPIC])

    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == COMPLETION
    assert gateway.asked == ["openai"]
    assert answer["headers"]["x-sluice-step"] == answer["headers"]["cf-aig-step"] == "0"


@pytest.mark.parametrize("failure", [BROKEN, DOWN, httpx.Response(429), httpx.Response(404), SLOW])
def test_a_step_that_fails_is_followed_by_the_next_in_its_own_dialect(failure: httpx.Response | Exception) -> None:
    gateway = site(openai=failure)

    answer = gateway.ask("/", [OPENAI, ANTHROPIC, BEDROCK])

    assert json.loads(answer["body"]) == MESSAGE
    assert gateway.asked == ["openai", "anthropic"]
    assert {name: answer["headers"][name] for name in ("cf-aig-step", "cf-aig-provider", "x-sluice-attempts")} == {
        "cf-aig-step": "1",
        "cf-aig-provider": "anthropic",
        "x-sluice-attempts": "2",
    }
    (record,) = gateway.ledger.settled
    assert [(one.provider, one.model) for one in record.attempts] == [
        ("openai", "gpt-5-mini"),
        ("anthropic", "claude-haiku-4-5"),
    ]


def test_each_step_gets_what_its_own_query_says() -> None:
    gateway = site(openai=DOWN, anthropic=BROKEN)

    answer = gateway.ask("/", [OPENAI, ANTHROPIC, BEDROCK])

    sent = [json.loads(request.content) for request in gateway.requests]
    assert sent == [CHAT, CLAUDE, CONVERSE]
    assert json.loads(answer["body"]) == CONVERSED
    assert answer["headers"]["x-sluice-step"] == "2"
    assert gateway.requests[2].url.raw_path.decode() == "/model/amazon.nova-micro-v1%3A0/converse"


@pytest.mark.parametrize(
    ("provider", "endpoint", "query", "asked", "path"),
    [
        ("openai", "/v1/chat/completions", CHAT, "openai", "/v1/chat/completions"),
        ("openai", "responses", {"model": "m", "input": "hi"}, "openai", "/v1/responses"),
        ("openai", "v1/completions", {"model": "m", "prompt": "hi"}, "openai", "/v1/completions"),
        ("openai", "embeddings/", {"model": "m", "input": "hi"}, "openai", "/v1/embeddings"),
        ("openai", "images/generations", {"model": "m", "prompt": "a"}, "openai", "/v1/images/generations"),
        ("openai", "audio/speech", {"model": "m", "input": "hi"}, "openai", "/v1/audio/speech"),
        ("own", "chat/completions", CHAT, "own", "/v1/chat/completions"),
        ("anthropic", "messages", CLAUDE, "anthropic", "/v1/messages"),
        ("anthropic", "v1/messages/count_tokens", CLAUDE, "anthropic", "/v1/messages/count_tokens"),
        ("azure-openai", "EAST/prod/chat/completions?api-version=2023-05-15", {"messages": MESSAGES}, "east",
         "/openai/v1/chat/completions"),
        ("east", "chat/completions", {**CHAT, "model": "prod"}, "east", "/openai/v1/chat/completions"),
        ("bedrock", f"model/{NOVA}/converse", CONVERSE, "bedrock", "/model/amazon.nova-micro-v1%3A0/converse"),
        ("aws-bedrock", "model/amazon.nova-micro-v1%3A0/invoke", {"inputText": "hi"}, "bedrock",
         "/model/amazon.nova-micro-v1%3A0/invoke"),
        ("aws-bedrock", "chat/completions", {"model": NOVA, "messages": MESSAGES}, "bedrock",
         "/model/amazon.nova-micro-v1%3A0/converse"),
        ("compat", "chat/completions", {**CHAT, "model": "openai/gpt-5-mini"}, "openai", "/v1/chat/completions"),
        ("compat", "chat/completions", {"model": f"aws-bedrock/{NOVA}", "messages": MESSAGES}, "bedrock",
         "/model/amazon.nova-micro-v1%3A0/converse"),
        ("compat", "chat/completions", {**CHAT, "model": "dynamic/mini"}, "openai", "/v1/chat/completions"),
        ("dynamic/mini", "chat/completions", {"messages": MESSAGES}, "openai", "/v1/chat/completions"),
    ],
)  # fmt: skip
def test_a_provider_and_an_endpoint_lead_to_an_operation(
    provider: str, endpoint: str, query: dict[str, Any], asked: str, path: str
) -> None:
    gateway = site()

    answer = gateway.ask("/", [step(provider, endpoint, query)])

    assert answer["statusCode"] == 200, answer["body"]
    assert gateway.asked == [asked]
    assert gateway.requests[0].url.raw_path.decode() == path
    assert gateway.ledger.reserved[0].surface == "universal"


@pytest.mark.parametrize(
    ("wrong", "param", "says"),
    [
        ("text", "[1]", "want an object with provider, endpoint and query"),
        ([], "[1]", "want an object"),
        ({}, "[1].provider", "provider is missing"),
        (step("", "chat/completions"), "[1].provider", "provider is wrong"),
        ({"provider": "openai", "query": CHAT}, "[1].endpoint", "endpoint is missing"),
        ({"provider": "openai", "endpoint": "responses"}, "[1].query", "query is missing"),
        (step("openai", "chat/completions", []), "[1].query", "query is wrong"),
        (step("openai", "chat/completions", {"model": "m"}), "[1].messages", "messages is missing"),
        (step("openai", "chat/completions", {**CHAT, "n": 0}), "[1].n", "n is wrong"),
        (step("openai", "chat/completions", {**CHAT, "api_base": "http://x"}), "[1].api_base", "not taken"),
        (step("openai", "chat/completions", {**CHAT, "models": ["a"]}), "[1].models", "add a step for each"),
        (step("anthropic", "messages", CHAT), "[1].max_tokens", "max_tokens is missing"),
        (step("openai", "files"), "[1].endpoint", "the endpoint 'files' is not served; known: chat/completions"),
        (step("openai", "../files/chat/completions"), "[1].endpoint", "is not served"),
        (step("azure-openai", "chat/completions"), "[1].endpoint", "want {resource}/{deployment}/chat/completions"),
        (step("azure-openai", "west/d/chat/completions"), "[1].endpoint", "resources: east"),
        (step("workers-ai", "@cf/meta/llama"), "[1].provider", "known: anthropic, aws-bedrock, azure-openai"),
        (step("openai", f"model/{NOVA}/converse", CONVERSE), "[1].provider", "those are: bedrock"),
        (step("aws-bedrock", f"bedrock-runtime/eu-west-1/model/{NOVA}/converse", {}), "[1].endpoint", "configured regions"),
        (step("openai", "responses", headers=["a"]), "[1].headers", "want an object of texts"),
        (step("openai", "responses", {"model": "m"}, headers={"a": 1}), "[1].headers", "want an object of texts"),
        (step("openai", "responses", headers={"a": "b\r\nc: d"}), "[1]", "CR, LF or NUL"),
        (step("openai", "responses", headers={"cf-aig-cache-ttl": "1"}), "[1]", "cf-aig-cache-ttl: want"),
        (step("openai", "responses", config=5), "[1].config", "config is wrong"),
        (step("openai", "responses", config={"maxAttempts": 6}), "[1].config.maxAttempts", "from 1 to 5"),
        (step("openai", "responses", config={"maxAttempts": True}), "[1].config.maxAttempts", "from 1 to 5"),
        (step("openai", "responses", config={"requestTimeout": 0}), "[1].config.requestTimeout", "milliseconds"),
        (step("openai", "responses", config={"retryDelay": 5001}), "[1].config.retryDelay", "milliseconds"),
        (step("openai", "responses", config={"backoff": {}}), "[1].config.backoff", "exponential"),
        (step("openai", "responses", {"model": "m"}, authorization=5), "[1].authorization", "want text"),
    ],
)  # fmt: skip
def test_a_step_that_is_wrong_is_named_and_nothing_leaves(wrong: object, param: str, says: str) -> None:
    gateway = site()

    answer = gateway.ask("/", [OPENAI, wrong])

    error = json.loads(answer["body"])["error"]
    assert answer["statusCode"] in (400, 404)
    assert (error["param"], error["message"].startswith("step 1: ")) == (param, True)
    assert says in error["message"]
    assert not gateway.requests
    assert not gateway.ledger.reserved


@pytest.mark.parametrize("body", [{}, "text", 5, None, [], [OPENAI] * 17, OPENAI])
def test_what_is_no_list_of_steps_is_refused(body: object) -> None:
    gateway = site()

    answer = gateway.ask("/", body)

    assert answer["statusCode"] == 400
    assert "array" in json.loads(answer["body"])["error"]["message"]
    assert not gateway.requests


@pytest.mark.fault("R02")
@pytest.mark.fault("R03")
@pytest.mark.parametrize(
    "text", ['[{"a": NaN}]', '[{"a": 1, "a": 2}]', '["\\ud800"]', "[" * 200 + "]" * 200, "[1e999]"]
)
def test_an_array_is_read_as_strictly_as_an_object(text: str) -> None:
    gateway = site()

    answer = gateway.post("/", text)

    assert json.loads(answer["body"])["error"]["code"] == "invalid_json"


def test_sixteen_steps_are_tried_to_the_last() -> None:
    gateway = site(openai=DOWN)

    answer = gateway.ask("/", [OPENAI] * 15 + [BEDROCK])

    assert answer["headers"]["cf-aig-step"] == "15"
    assert gateway.asked == ["openai"] * 15 + ["bedrock"]


def test_a_step_says_how_often_it_is_tried() -> None:
    gateway = site(openai=BROKEN)

    gateway.ask("/", [{**OPENAI, "config": {"maxAttempts": 3, "retryDelay": 0, "backoff": "constant"}}, ANTHROPIC])

    assert gateway.asked == ["openai"] * 3 + ["anthropic"]


def test_what_a_step_says_counts_before_what_the_call_says() -> None:
    gateway = site(openai=BROKEN, own=BROKEN)
    of_headers = step("openai", "chat/completions", headers={"cf-aig-max-attempts": "2", "cf-aig-retry-delay": "0"})
    of_both = {**step("own", "chat/completions", headers={"cf-aig-max-attempts": "2"}), "config": ONCE}

    gateway.ask("/", [of_headers, of_both], {"x-sluice-max-attempts": "4", "x-sluice-retry-delay-ms": "0"})

    assert gateway.asked == ["openai"] * 2 + ["own"]


def test_what_the_call_says_counts_where_a_step_says_nothing() -> None:
    gateway = site(openai=BROKEN)

    gateway.ask("/", [step("openai", "chat/completions")], {"cf-aig-max-attempts": "4", "cf-aig-retry-delay": "0"})

    assert gateway.asked == ["openai"] * 4


def test_the_versions_of_a_steps_api_go_along() -> None:
    gateway = site()
    headers = {"Anthropic-Version": "2023-01-01", "anthropic-beta": "b-1", "Content-Type": "application/json"}

    answer = gateway.ask("/", [{**ANTHROPIC, "headers": headers}])

    assert gateway.requests[0].headers["anthropic-version"] == "2023-01-01"
    assert gateway.requests[0].headers["anthropic-beta"] == "b-1"
    assert "x-sluice-warnings" not in answer["headers"]


def test_what_a_step_says_in_vain_is_named() -> None:
    gateway = site()
    headers = {"X-Own": "1", "cf-aig-metadata": "{}", "cf-aig-new": "1", "na me": "1"}

    answer = gateway.ask("/", [{**OPENAI, "headers": headers, "eventId": "e", "config": {"attempts": 2}}])

    warnings = answer["headers"]["x-sluice-warnings"].split(",")
    assert sorted(warnings) == ["attempts", "body", "cf-aig-metadata", "cf-aig-new", "eventId", "x-own"]
    assert "x-own" not in gateway.requests[0].headers


def test_errors_have_the_shape_of_the_step_that_failed_last() -> None:
    openai_last = site(openai=DOWN, anthropic=DOWN).ask("/", [ANTHROPIC, OPENAI])
    anthropic_last = site(openai=DOWN, anthropic=DOWN).ask("/", [OPENAI, ANTHROPIC])
    bedrock_last = site(openai=DOWN, bedrock=DOWN).ask("/", [OPENAI, BEDROCK])

    assert json.loads(openai_last["body"])["error"]["code"] == "upstream_unreachable"
    assert json.loads(anthropic_last["body"])["type"] == "error"
    assert bedrock_last["headers"]["x-amzn-errortype"] == "InternalServerException"
    assert {one["statusCode"] for one in (openai_last, anthropic_last, bedrock_last)} == {502}
    assert {one["headers"]["cf-aig-step"] for one in (openai_last, anthropic_last, bedrock_last)} == {"1"}


def test_the_last_steps_own_refusal_comes_as_it_is() -> None:
    refusal = {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}
    gateway = site(openai=DOWN, anthropic=httpx.Response(400, json=refusal))

    answer = gateway.ask("/", [OPENAI, ANTHROPIC])

    assert (answer["statusCode"], json.loads(answer["body"])) == (400, refusal)


def test_a_refusal_of_the_request_itself_ends_the_call() -> None:
    gateway = site(openai=httpx.Response(400, json={"error": {"message": "no", "type": "x"}}))

    answer = gateway.ask("/", [OPENAI, ANTHROPIC])

    assert answer["statusCode"] == 400
    assert gateway.asked == ["openai"]
    assert answer["headers"]["cf-aig-step"] == "0"


def test_before_anything_was_tried_an_error_has_the_shape_of_all_steps_or_openais() -> None:
    unknown = {**ANTHROPIC, "query": {**CLAUDE, "model": "a b"}}
    alike, mixed = site().ask("/", [unknown, ANTHROPIC]), site().ask("/", [unknown, OPENAI])

    assert (alike["statusCode"], json.loads(alike["body"])["type"]) == (404, "error")
    assert json.loads(mixed["body"])["error"]["code"] == "model_not_found"


def test_a_stream_of_another_dialect_comes_from_the_step_that_answers() -> None:
    stream = frames.events(
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Hello"}}},
        {"messageStop": {"stopReason": "end_turn"}},
        {"metadata": {"usage": {"inputTokens": 11, "outputTokens": 5, "totalTokens": 16}}},
    )
    answers = httpx.Response(200, content=stream, headers={"content-type": frames.CONTENT_TYPE})
    gateway = site(openai=BROKEN, bedrock=answers)
    streamed = {**OPENAI, "query": {**CHAT, "stream": True}}
    converse = step("aws-bedrock", f"model/{NOVA}/converse-stream", CONVERSE)

    answer = gateway.ask("/", [streamed, converse])

    assert answer["headers"]["content-type"] == frames.CONTENT_TYPE
    assert answer["headers"]["cf-aig-step"] == "1"
    assert "messageStop" in answer["body"]
    assert gateway.ledger.settled[0].usage.output == 5


def test_a_route_of_several_targets_is_one_step() -> None:
    route = Route("both", (Leg(Target("openai", "a")), Leg(Target("own", "b"))))
    gateway = Site(PROVIDERS, {"openai": DOWN, "own": DOWN}, [route])

    answer = gateway.ask("/", [step("dynamic/both", "chat/completions", config=ONCE), BEDROCK])

    assert gateway.asked == ["openai", "own", "bedrock"]
    assert answer["headers"]["cf-aig-step"] == "1"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_another_method_is_refused(method: str) -> None:
    answer = site().handler(event(method, "/"), Context())

    assert (answer["statusCode"], answer["headers"]["allow"]) == (405, "POST")


@pytest.mark.fault("A02")
def test_without_an_identity_no_step_is_tried() -> None:
    gateway = site()
    context = {"http": {"method": "POST", "path": "/"}, "authorizer": None, "stage": "$default"}

    answer = gateway.post("/", [OPENAI], requestContext=context)

    assert answer["statusCode"] == 403
    assert not gateway.requests


def test_what_changes_nothing_is_named_up_to_a_limit() -> None:
    answer = site().ask("/", [{**OPENAI, **{f"field-{number}": 1 for number in range(5000)}}])

    named = answer["headers"]["x-sluice-warnings"].split(",")
    assert (len(named), named[0], named[-1]) == (32, "field-0", "body")


def test_only_one_of_many_stored_answers_that_nobody_made_is_waited_for() -> None:
    gateway = site()
    steps = [
        step("openai", "responses", {"model": "m", "input": "hi", "previous_response_id": f"resp_{number}"})
        for number in range(16)
    ]

    answer = gateway.ask("/", steps)

    assert (answer["statusCode"], gateway.asked) == (400, [])
    assert gateway.owners.patience == [True, *[False] * 15]


@pytest.mark.parametrize(("retries", "asked"), [(0, 1), (3, 4)])
def test_a_target_that_is_named_many_times_is_asked_again_out_of_the_retry_budget(retries: int, asked: int) -> None:
    gateway = site(openai=BROKEN)
    gateway.budget.retries = retries

    answer = gateway.ask("/", [OPENAI] * 16)

    assert (answer["statusCode"], len(gateway.asked)) == (500, asked)
