"""What a guardrail is asked, how its answers are read, and what happens where it has none."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from botocore.credentials import Credentials
from botocore.loaders import Loader
from botocore.model import ServiceModel

from sluice.domain.errors import Unavailable, UpstreamLost, UpstreamTimeout
from sluice.providers.apply_guardrail import CHARACTERS, REQUEST_SECONDS, ApplyGuardrail, Judged

KEYS = Credentials("AKIDEXAMPLE", "fake-secret", "fake-token")
ARN = "arn:aws:bedrock:eu-central-1:123456789012:guardrail/abc123"
NONE = {"action": "NONE", "outputs": [], "assessments": [], "usage": {}}
MASKS = [{"sensitiveInformationPolicy": {"piiEntities": [{"type": "EMAIL", "action": "ANONYMIZED"}]}}]
BLOCKS = [{"topicPolicy": {"topics": [{"name": "fake", "type": "DENY", "action": "BLOCKED"}]}}]

Answering = Callable[[list[str]], dict[str, Any] | httpx.Response | Exception]


class Bedrock:
    """Answers what it is told, and remembers what it was asked."""

    def __init__(self, answering: Answering, region: str = "us-east-1", urls: dict[str, str] | None = None) -> None:
        self.requests: list[httpx.Request] = []
        self.seconds = 1000.0
        self._answering = answering
        client = httpx.Client(transport=httpx.MockTransport(self._answer))
        self.service = ApplyGuardrail(client, lambda: KEYS, region, urls, lambda: self.seconds)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answering(texts(request))
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    def ask(self, *asked: str, guardrail: str = "abc123", version: str = "DRAFT", **options: Any) -> Judged:
        return self.service.ask(guardrail, version, asked, options.pop("seconds", 4), **options)


def texts(request: httpx.Request) -> list[str]:
    return [block["text"]["text"] for block in json.loads(request.content)["content"]]


def masking(asked: list[str]) -> dict[str, Any]:
    """As Bedrock does: every text, where there is something to mask in any."""
    if not any("@" in text for text in asked):
        return NONE
    outputs = [{"text": text.replace("a@b.io", "{EMAIL}")} for text in asked]
    return {"action": "GUARDRAIL_INTERVENED", "outputs": outputs, "assessments": MASKS}


def test_a_request_is_what_bedrock_publishes() -> None:
    bedrock = Bedrock(lambda _: NONE)

    assert bedrock.ask("Hello", "again") == Judged(is_intervention=False)

    (request,) = bedrock.requests
    operation = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2")).operation_model(
        "ApplyGuardrail"
    )
    path = operation.http["requestUri"].format(guardrailIdentifier="abc123", guardrailVersion="DRAFT")
    assert (request.method, request.url.path) == (operation.http["method"], path)
    assert request.url.host == "bedrock-runtime.us-east-1.amazonaws.com"
    assert json.loads(request.content) == {
        "source": "INPUT",
        "content": [{"text": {"text": "Hello"}}, {"text": {"text": "again"}}],
    }
    assert "/us-east-1/bedrock/aws4_request" in request.headers["authorization"]


@pytest.mark.parametrize(
    ("guardrail", "host"),
    [
        (ARN, "bedrock-runtime.eu-central-1.amazonaws.com"),
        (
            ARN.replace("aws:", "aws-cn:").replace("eu-central-1", "cn-north-1"),
            "bedrock-runtime.cn-north-1.amazonaws.com.cn",
        ),
        ("abc123", "bedrock-runtime.us-west-2.amazonaws.com"),
    ],
)
def test_an_arn_names_its_region_and_an_id_has_that_of_the_function(guardrail: str, host: str) -> None:
    bedrock = Bedrock(lambda _: NONE, region="us-west-2")

    bedrock.ask("x", guardrail=guardrail, version="3")

    (request,) = bedrock.requests
    assert request.url.host == host
    assert request.url.raw_path.decode().endswith("/version/3/apply")
    assert f"/{host.split('.')[1]}/bedrock/" in request.headers["authorization"]
    assert request.url.raw_path.count(b"/") == 5


def test_a_region_may_be_reached_at_another_address() -> None:
    bedrock = Bedrock(lambda _: NONE, urls={"eu-central-1": "http://127.0.0.1:1"})

    bedrock.ask("x", guardrail=ARN)

    assert bedrock.requests[0].url.host == "127.0.0.1"


def test_an_intervention_is_one_whatever_it_is() -> None:
    answer = {"action": "GUARDRAIL_INTERVENED", "outputs": [{"text": "no"}], "assessments": BLOCKS}

    assert Bedrock(lambda _: answer).ask("x") == Judged(is_intervention=True)
    assert Bedrock(lambda _: answer).ask("x", wants_masked=True) == Judged(is_intervention=True)


def test_masked_texts_come_in_their_order() -> None:
    found = Bedrock(masking).ask("Hello", "to a@b.io", wants_masked=True)

    assert found == Judged(is_intervention=True, masked=("Hello", "to {EMAIL}"))


def test_where_nothing_is_masked_all_leaves_as_it_is() -> None:
    assert Bedrock(masking).ask("Hello", wants_masked=True) == Judged(is_intervention=False, masked=("Hello",))


def test_where_it_is_unclear_whose_an_output_is_each_text_is_asked_for_alone() -> None:
    def one_output(asked: list[str]) -> dict[str, Any]:
        answer = masking(asked)
        return {**answer, "outputs": answer["outputs"][-1:]}

    bedrock = Bedrock(one_output)

    assert bedrock.ask("Hello", "to a@b.io", wants_masked=True).masked == ("Hello", "to {EMAIL}")
    assert [texts(request) for request in bedrock.requests] == [["Hello", "to a@b.io"], ["Hello"], ["to a@b.io"]]


@pytest.mark.parametrize("outputs", [[], [{"text": "a"}, {"text": "b"}, {"text": "c"}]])
def test_what_cannot_be_masked_is_blocked(outputs: list[dict[str, str]]) -> None:
    answer = {"action": "GUARDRAIL_INTERVENED", "outputs": outputs, "assessments": MASKS}

    assert Bedrock(lambda _: answer).ask("x", "y", wants_masked=True) == Judged(is_intervention=True)


def test_what_is_stopped_together_and_not_alone_is_blocked() -> None:
    def together(asked: list[str]) -> dict[str, Any]:
        return NONE if len(asked) == 1 else {"action": "GUARDRAIL_INTERVENED", "outputs": [], "assessments": MASKS}

    assert Bedrock(together).ask("x", "y", wants_masked=True) == Judged(is_intervention=True)


def test_a_long_prompt_goes_in_several_requests_cut_between_words() -> None:
    long, short = "some words and a@b.io " * 3000, "Hello"
    bedrock = Bedrock(masking)

    found = bedrock.ask(short, long, short, wants_masked=True)

    assert found.masked == (short, long.replace("a@b.io", "{EMAIL}"), short)
    assert [len(texts(request)) for request in bedrock.requests] == [1, 1, 1, 2]
    for request in bedrock.requests:
        assert sum(map(len, texts(request))) <= CHARACTERS
    assert "".join(text for request in bedrock.requests for text in texts(request)) == short + long + short


def test_a_text_without_a_space_is_cut_anywhere() -> None:
    bedrock = Bedrock(lambda _: NONE)

    bedrock.ask("x" * (2 * CHARACTERS + 1))

    assert [len(texts(request)[0]) for request in bedrock.requests] == [CHARACTERS, CHARACTERS, 1]


def test_the_first_intervention_is_enough() -> None:
    answer = {"action": "GUARDRAIL_INTERVENED", "outputs": [], "assessments": []}
    bedrock = Bedrock(lambda _: answer)

    assert bedrock.ask("x" * 3 * CHARACTERS).is_intervention
    assert len(bedrock.requests) == 1


def test_a_broken_connection_is_tried_once_more() -> None:
    answers: list[Any] = [UpstreamLost("closed"), NONE]
    bedrock = Bedrock(lambda _: answers.pop(0))

    assert not bedrock.ask("x").is_intervention
    assert len(bedrock.requests) == 2


@pytest.mark.parametrize(
    ("answer", "why", "requests"),
    [
        (UpstreamLost("closed"), "upstream_lost", 2),
        (UpstreamTimeout("silent"), "upstream_timeout", 1),
        (
            httpx.Response(429, headers={"x-amzn-errortype": "ThrottlingException:http://x"}, json={}),
            "ThrottlingException",
            1,
        ),
        (httpx.Response(500, json={"message": "told"}), "internal_error", 1),
        (httpx.Response(403, headers={"x-amzn-errortype": "AccessDeniedException"}, json={}), "AccessDenied", 1),
        (httpx.Response(200, content=b"<html>"), "upstream_error", 1),
        ({"Output": {"__type": "com.amazon.coral.service#InternalFailure"}, "Version": "1.0"}, "upstream_error", 1),
        ({"action": "PERHAPS"}, "upstream_error", 1),
        ({"action": "NONE", "outputs": [5]}, "upstream_error", 1),
        (httpx.Response(200, content=b"[]"), "upstream_error", 1),
        (httpx.Response(200, content=b'{"action":"NONE","x":"' + b"x" * 2_000_000 + b'"}'), "upstream_protocol", 1),
    ],
)
def test_what_is_no_answer_stops_the_call(answer: Any, why: str, requests: int) -> None:
    bedrock = Bedrock(lambda _: answer)

    with pytest.raises(Unavailable, match=why) as caught:
        bedrock.ask("a prompt")

    assert len(bedrock.requests) == requests
    assert "abc123" in caught.value.message
    assert "a prompt" not in caught.value.message


def test_nothing_is_asked_without_credentials() -> None:
    service = ApplyGuardrail(
        httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200))), lambda: None, "x"
    )

    with pytest.raises(Unavailable, match="provider_authentication_error"):
        service.ask("abc123", "1", ["x"], 4)


def test_all_requests_share_the_seconds() -> None:
    def slow(_: list[str]) -> dict[str, Any]:
        bedrock.seconds += 1.5
        return NONE

    bedrock = Bedrock(slow)

    with pytest.raises(Unavailable):
        bedrock.ask("x" * 10 * CHARACTERS)

    assert len(bedrock.requests) == 3


def test_a_request_waits_no_longer_than_it_may() -> None:
    bedrock = Bedrock(lambda _: NONE)

    bedrock.ask("x")
    bedrock.ask("x", seconds=0.5)

    left = [request.extensions["watch"].remaining for request in bedrock.requests]
    assert left == [REQUEST_SECONDS, 0.5]
