"""What the Runtime API tells a runtime, and what it refuses."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.integration.devstack.caller import Caller
from tests.integration.devstack.front import ARN, Front
from tests.integration.devstack.puppet import PRELUDE, STREAMING, Handed, Puppet, Stage, chunk, parsed

MODE = "Lambda-Runtime-Function-Response-Mode"
ECHO = "Lambda-Runtime-Invocation-Id"


@dataclass(frozen=True, slots=True)
class Scene:
    """A call that a puppet was handed and has not answered."""

    front: Front
    caller: Caller
    puppet: Puppet
    handed: Handed

    def post(self, verb: str, headers: dict[str, str], body: bytes, request_id: str | None = None) -> int:
        path = f"invocation/{request_id or self.handed.request_id}/{verb}"
        return self.puppet.post(path, headers, body).status

    def echo(self) -> dict[str, str]:
        return {ECHO: self.handed.token}


@pytest.fixture
def scene(front: Front, stage: Stage) -> Iterator[Scene]:
    with front.caller() as caller:
        caller.send_signed("POST", "/path", body=b"?")
        puppet = stage.enter()
        puppet.ask_next()
        yield Scene(front, caller, puppet, puppet.handed())


def test_next_hands_the_ids_the_deadline_and_the_event(scene: Scene) -> None:
    headers = scene.handed.headers

    assert headers["lambda-runtime-invoked-function-arn"] == ARN
    assert headers["lambda-runtime-trace-id"].startswith("Root=1-")
    assert headers["content-type"] == "application/json"
    left = int(headers["lambda-runtime-deadline-ms"]) / 1000 - time.time()
    assert 0 < left <= scene.front.options.timeout_seconds
    assert scene.handed.event["requestContext"]["requestId"] == scene.handed.request_id
    assert scene.handed.token not in ("", scene.handed.request_id)


def test_an_error_before_the_response_is_a_502(scene: Scene) -> None:
    body = json.dumps({"errorType": "ValueError", "errorMessage": "no", "stackTrace": []}).encode()

    status = scene.post("error", scene.echo(), body)

    assert status == 202
    assert (scene.caller.head().status_code, scene.caller.body()) == (502, b"Internal Server Error")
    assert str(scene.front.calls[0].error) == "ValueError: no"


def test_an_xray_cause_of_a_megabyte_is_taken(scene: Scene) -> None:
    headers = {**scene.echo(), "Lambda-Runtime-Function-XRay-Error-Cause": "x" * 1_000_000}

    assert scene.post("error", headers, b"{}") == 202


@pytest.mark.parametrize("echo", [{}, {ECHO: "another"}])
def test_an_answer_that_does_not_echo_the_invocation_id_is_gone(scene: Scene, echo: dict[str, str]) -> None:
    assert scene.post("response", {**STREAMING, **echo}, PRELUDE + b"stray") == 410

    assert scene.post("response", {**STREAMING, **scene.echo()}, PRELUDE + b"right") == 202
    scene.caller.head()
    assert scene.caller.body() == b"right"


def test_a_late_answer_is_gone(scene: Scene) -> None:
    scene.post("error", scene.echo(), b"{}")

    assert scene.post("response", {**STREAMING, **scene.echo()}, PRELUDE + b"late") == 410
    assert scene.post("error", scene.echo(), b"{}") == 410


def test_an_answer_to_an_unknown_request_is_refused(scene: Scene) -> None:
    assert scene.post("response", {**STREAMING, **scene.echo()}, PRELUDE + b".", request_id="unknown") == 400


@pytest.mark.parametrize("mode", ["Streaming", "buffered", "streaming,streaming"])
def test_a_mode_that_is_not_exactly_streaming_is_an_error(scene: Scene, mode: str) -> None:
    status = scene.post("response", {**STREAMING, **scene.echo(), MODE: mode}, PRELUDE + b".")

    assert status == 400
    assert scene.caller.head().status_code == 502
    assert scene.front.calls[0].error is not None
    assert scene.front.calls[0].error.error_type == "Runtime.InvalidResponseModeHeader"


def test_an_error_after_the_response_has_begun_is_refused(scene: Scene) -> None:
    scene.puppet.begin(scene.handed)
    scene.puppet.send(chunk(PRELUDE + b"begun"))
    scene.caller.head()

    path = f"invocation/{scene.handed.request_id}/error"
    scene.puppet.begin_post(path, scene.echo(), name="error")
    scene.puppet.send(chunk(b"{}"), name="error")
    refused = scene.puppet.end(name="error")

    assert refused.status == 403
    assert json.loads(refused.body)["errorType"] == "InvalidStateTransition"
    assert scene.puppet.end().status == 202
    assert scene.caller.body() == b"begun"


def test_next_before_the_answer_is_refused(scene: Scene) -> None:
    scene.puppet.ask_next()

    assert parsed(scene.puppet.do("receive", "next"))[0] == 403


def test_unknown_paths_are_not_found(scene: Scene) -> None:
    assert scene.puppet.post("restore/error", {}, b"{}").status == 404
    assert scene.post("elsewhere", {}, b"{}") == 404
