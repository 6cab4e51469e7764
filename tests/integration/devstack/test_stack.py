"""The whole stack around functions of the test: the real runtime layer, embedded AWS, the simulated OpenAI."""

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import boto3
import h11
import httpx
import pytest
from tests.integration.devstack.caller import Caller, header, signed_headers

from sluice_devstack import DevStack, StackError, StackOptions
from sluice_devstack.sigv4 import Identity

ROLE = Identity(
    "ASIAEXAMPLEROLE",
    "fake-secret-of-a-role",
    "arn:aws:sts::123456789012:assumed-role/Developers/ada",
    session_token="fake-session-token",
)


@pytest.fixture(scope="module")
def echoed() -> "Queue[str]":
    return Queue()


@pytest.fixture(scope="module")
def stack(host: Path, echoed: "Queue[str]") -> Iterator[DevStack]:
    options = StackOptions(
        host=host,
        secrets={"sluice/second": {"api_keys": ["sk-fake-two", "sk-fake-three"]}, "sluice/text": "as it is"},
        environment_variables={"OWN": "1"},
        identities=[ROLE],
        echo=echoed.put,
    )
    with DevStack(options) as running:
        yield running


def call(stack: DevStack, path: str, identity: Identity | None = None) -> tuple[h11.Response, bytes, str]:
    """Head, body and how it ended, of a signed GET."""
    who = identity or Identity(stack.access_key_id, stack.secret_access_key, "")
    with Caller(stack.url) as caller:
        caller.send("GET", path, signed_headers(stack.url + path, identity=who))
        return caller.head(), *caller.everything()


def secret(stack: DevStack, name: str) -> str:
    client = boto3.client(
        "secretsmanager",
        endpoint_url=stack.secrets_url,
        region_name=stack.region,
        aws_access_key_id=stack.access_key_id,
        aws_secret_access_key=stack.secret_access_key,
    )
    text: str = client.get_secret_value(SecretId=name)["SecretString"]
    client.close()
    return text


def lines_with(echoed: "Queue[str]", *texts: str) -> list[str]:
    """For each text the first line that has it; waits until all are there."""
    lines: list[str] = []
    while not all(any(text in line for line in lines) for text in texts):
        lines.append(echoed.get(timeout=20))
    return [next(line for line in lines if text in line) for text in texts]


def test_one_environment_is_warm_when_the_stack_is_ready(stack: DevStack) -> None:
    assert len(stack.environments) == 1
    pid = stack.environments[0].pid

    call(stack, "/stream")

    assert stack.calls[-1].environment_pid == pid


def test_a_stream_comes_through_the_real_layer(stack: DevStack) -> None:
    head, body, end = call(stack, "/stream")

    assert (head.status_code, header(head, "content-type"), body, end) == (200, "text/plain", b"onetwothree", "ended")


def test_a_body_that_breaks_ends_in_error_trailers(stack: DevStack) -> None:
    _, body, _ = call(stack, "/broken")

    trailers = stack.calls[-1].trailers
    assert body == b"half"
    assert trailers is not None
    assert (trailers.error_type, trailers.error_body["errorMessage"]) == ("Function.ValueError", "broke off")


def test_a_handler_that_raises_is_a_502(stack: DevStack) -> None:
    head, _, _ = call(stack, "/unknown")

    assert head.status_code == 502
    assert str(stack.calls[-1].error) == "KeyError: '/unknown'"


def test_an_environment_killed_mid_stream_is_replaced(stack: DevStack) -> None:
    who = Identity(stack.access_key_id, stack.secret_access_key, "")
    with Caller(stack.url) as caller:
        caller.send("GET", "/slow", signed_headers(stack.url + "/slow", identity=who))
        caller.head()
        assert caller.chunk() == b"half"

        stack.environments[0].kill()

        assert caller.everything() == (b"", "cut")
    assert call(stack, "/stream")[1] == b"onetwothree"


def test_the_function_gets_the_variables_of_lambda_of_the_template_and_of_the_stack(stack: DevStack) -> None:
    environ: dict[str, str] = json.loads(call(stack, "/environ")[1])

    assert environ["AWS_LAMBDA_FUNCTION_NAME"] == "GatewayFunction"
    assert environ["POWERTOOLS_SERVICE_NAME"] == "sluice"
    assert environ["SLUICE_TABLE"] == stack.table
    assert environ["AWS_ENDPOINT_URL_DYNAMODB"] == stack.dynamodb_url
    assert environ["AWS_ENDPOINT_URL_SECRETS_MANAGER"] == stack.secrets_url
    assert environ["SLUICE_PROVIDER_URL_OPENAI"] == stack.simulated_url
    assert environ["SLUICE_PROVIDER_URL_SECOND_OPENAI"] == stack.simulated_url
    assert "SLUICE_PROVIDER_URL_ELSEWHERE" not in environ
    assert environ["OWN"] == "1"
    assert "HOME" not in environ


def test_secrets_are_those_of_the_options_and_fakes_for_the_simulated(stack: DevStack) -> None:
    assert json.loads(secret(stack, "sluice/second")) == {"api_keys": ["sk-fake-two", "sk-fake-three"]}
    assert json.loads(secret(stack, "sluice/openai")) == {"api_key": "sk-fake-sluice-dev"}
    assert secret(stack, "sluice/text") == "as it is"

    stack.put_secret("sluice/text", {"changed": True})

    assert json.loads(secret(stack, "sluice/text")) == {"changed": True}


def test_the_simulated_openai_takes_the_keys_of_the_secrets(stack: DevStack) -> None:
    for key, status in (("sk-fake-sluice-dev", 200), ("sk-fake-three", 200), ("sk-fake-unknown", 401)):
        answer = httpx.get(f"{stack.simulated_url}/models", headers={"authorization": f"Bearer {key}"})

        assert answer.status_code == status


def test_an_assumed_role_may_call(stack: DevStack) -> None:
    assert call(stack, "/principal", ROLE)[1].decode() == ROLE.user_arn


def test_the_sweeper_runs_with_the_given_time(stack: DevStack) -> None:
    result: dict[str, Any] = stack.invoke_sweeper("2026-11-20T20:47:00Z")

    assert (result["event"]["time"], result["event"]["source"]) == ("2026-11-20T20:47:00Z", "aws.events")
    assert result["table"] == stack.table
    assert result["arn"].endswith(":function:SweeperFunction:live")


def test_a_sweep_that_fails_says_why(stack: DevStack) -> None:
    with pytest.raises(StackError, match="ValueError: told to fail"):
        stack.invoke_sweeper("never")


def test_one_line_per_call_tells_route_model_tokens_and_cost(stack: DevStack, echoed: "Queue[str]") -> None:
    call(stack, "/logged")
    with Caller(stack.url) as caller:
        caller.send("GET", "/refused", {})
        caller.head()

    answered, refused = lines_with(echoed, "GET /logged", "GET /refused")
    assert "  200  GET /logged  smart > openai/gpt-5-mini  ttft 312ms  0." in answered
    assert re.search(r"s  17[+]42 tok  [$]0[.]000028  [0-9a-f]{8}$", answered)  # and the beginning of the call's id
    assert "  403  GET /refused  AccessDeniedException: Forbidden." in refused
    assert "smart > openai/gpt-5-mini" in stack.totals


def test_the_sweeper_runs_by_itself(host: Path) -> None:
    has_swept = threading.Event()

    def echo(line: str) -> None:
        if "sluice.swept" in line:
            has_swept.set()

    with DevStack(StackOptions(host=host, sweeper_seconds=0.05, echo=echo, shows_logs=True)):
        assert has_swept.wait(20)


def test_a_stack_that_cannot_start_says_why_and_leaves_nothing(host: Path) -> None:
    options = StackOptions(host=host, environment_variables={"FAIL_AT": "import"})

    with pytest.raises(StackError, match="told to fail at import"), DevStack(options):
        pass


def test_a_stack_without_a_build_says_what_builds_it(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="make host"), DevStack(StackOptions(host=tmp_path)):
        pass
