"""Nothing leaks, through the whole stack: canaries in keys, prompts and answers, looked for in all that comes out.

A provider that misbehaves repeats the key in every place it can, the logs are as loud as an operator can make them,
and no redirect leads anywhere.
"""

import base64
import json
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.canaries import KEY, PROMPT, SAID, canary, traces
from tests.e2e.provider import Asked, Provider, Script, document, provider, stream
from tests.e2e.rig import Answer, Rig, compatible, rig
from tests.fakes.raw_provider import Peer

OTHER = canary("other")
ANSWERS_ID = "req_of_the_answer"
AWS_SECRETS = ("fake-secret-of-the-function-role", "fake-session-token-of-the-function-role")
ASKED = [{"role": "user", "content": PROMPT}]
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"


def delta(text: str) -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{"content":%b}}]}\n\n' % json.dumps(text).encode()


def with_headers(*headers: str) -> Script:
    body = delta(SAID) + STOP + DONE
    return document(body, headers=("content-type: text/event-stream", *headers))


def error(message: str, code: str = "invalid_api_key") -> bytes:
    return json.dumps({"error": {"message": message, "type": "x", "param": None, "code": code}}).encode()


def cut(peer: Peer, _asked: Asked) -> None:
    peer.head()
    peer.chunk(delta(SAID))
    peer.sock.close()


def malformed(peer: Peer, asked: Asked) -> None:
    peer.send(b"HTTP/1.1 200 OK\r\n" + asked.headers["authorization"].encode() + b"\r\n\r\n")
    peer.sock.close()


def stalled(peer: Peer, _asked: Asked) -> None:
    peer.head()
    peer.chunk(delta(SAID))
    threading.Event().wait(1)
    peer.sock.close()


SCRIPTS: dict[str, Script] = {
    "ok": stream(delta(SAID), STOP, DONE),
    "whole": document(json.dumps({"choices": [{"index": 0, "message": {"content": SAID}}]}).encode()),
    "401": document(error(f"Incorrect API key provided: {KEY}"), 401),
    "400": document(error(f"who gave me {KEY}?"), 400),
    "500": document(f"<html>{KEY} {OTHER}</html>".encode(), 500, ("content-type: text/html",)),
    "header": with_headers(
        f"x-secret-echo: Bearer {KEY}",
        f"set-cookie: a={KEY}",
        f"openai-organization: {OTHER}",
        f"x-request-id: {ANSWERS_ID}",
    ),
    "error-event": stream(delta(SAID), b"data: " + error(f"not with {KEY}") + b"\n\n"),
    "first-error-event": stream(b"data: " + error(f"not with {KEY}") + b"\n\n"),
    "cut": cut,
    "malformed": malformed,
    "stalled": stalled,
    "no-json": document(KEY.encode() + SAID.encode()),
    "encoding": document(b"", headers=("content-type: text/event-stream", f"content-encoding: {KEY}")),
    "kind": document(b"", headers=(f"content-type: {KEY}",)),
    "redirect": document(b"", 307, (f"location: http://127.0.0.1:1/{KEY}",)),
}
IN_BAND = {"ok", "whole", "header", "error-event", "cut", "stalled"}  # these may repeat what the model said


@dataclass(frozen=True, slots=True)
class Heard:
    """All that came out of a gateway that was asked for everything in SCRIPTS."""

    answers: dict[str, Answer]
    log: str
    ledger: str


@pytest.fixture(scope="module")
def upstream() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def site(upstream: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    options = {
        "secrets": {"sluice/test": {"api_key": KEY}},
        "environment_variables": {"AWS_LAMBDA_LOG_LEVEL": "DEBUG", "POWERTOOLS_LOG_LEVEL": "DEBUG"},
        "environments": 1,
    }
    with rig(
        tmp_path_factory.mktemp("secrecy"), {"test": compatible(upstream.url, secret="sluice/test")}, **options
    ) as running:
        yield running


@pytest.fixture(scope="module")
def heard(site: Rig, upstream: Provider) -> Heard:
    answers = {}
    for name, script in SCRIPTS.items():
        upstream.play(name, script)
        headers = {"x-sluice-idle-timeout-ms": "300", "x-sluice-metadata": '{"team":"a"}'}
        answers[name] = site.ask(f"test/{name}", headers, messages=ASKED, stream=name not in ("whole", "no-json"))
    site.settled_records()
    log = "\n".join(line for environment in site.stack.environments for line in environment.output)
    return Heard(answers, log, json.dumps(site.dynamodb("Scan")))


def whole(answer: Answer) -> str:
    return json.dumps(dict(answer.headers)) + answer.body.decode("utf-8", "replace")


def test_the_canaries_are_found_where_they_are(upstream: Provider, heard: Heard) -> None:
    asked = upstream.asked_for("ok")[0]

    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert traces(json.dumps(asked.body), PROMPT)
    assert traces(whole(heard.answers["ok"]), SAID)
    assert traces(base64.b64encode(f"xy{KEY}".encode()).decode(), KEY)
    assert traces(f"...{KEY[20:30]}...", KEY)
    assert {name: answer.status for name, answer in heard.answers.items()} == {
        name: {"400": 400, "500": 500}.get(name, 200 if name in IN_BAND else 502) for name in SCRIPTS
    }


@pytest.mark.fault("P01")
@pytest.mark.fault("P03")
def test_the_log_is_loud_and_holds_no_secret_and_no_content(heard: Heard) -> None:
    assert heard.log.count("sluice.call") == len(SCRIPTS)

    assert "HTTP Request" not in heard.log
    assert [traces(heard.log, canary) for canary in (KEY, PROMPT, SAID, OTHER)] == [[], [], [], []]
    assert [secret for secret in AWS_SECRETS if secret in heard.log] == []


@pytest.mark.fault("P01")
def test_the_ledger_holds_no_secret_and_no_content(heard: Heard) -> None:
    assert heard.ledger.count('"team"') == len(SCRIPTS)

    assert [traces(heard.ledger, canary) for canary in (KEY, PROMPT, SAID)] == [[], [], []]
    assert [secret for secret in AWS_SECRETS if secret in heard.ledger] == []


@pytest.mark.fault("A10")
@pytest.mark.fault("P02")
@pytest.mark.parametrize("name", SCRIPTS)
def test_no_answer_holds_the_key_or_the_prompt(name: str, heard: Heard) -> None:
    answer = heard.answers[name]

    assert [traces(whole(answer), canary) for canary in (KEY, PROMPT)] == [[], []]
    assert [secret for secret in AWS_SECRETS if secret in whole(answer)] == []
    assert bool(traces(whole(answer), SAID)) is (name in IN_BAND)


@pytest.mark.fault("A10")
def test_only_listed_headers_of_the_provider_reach_the_caller(heard: Heard) -> None:
    answer = heard.answers["header"]

    assert OTHER not in whole(answer)
    assert not {"x-secret-echo", "set-cookie", "openai-organization"} & set(answer.headers)
    assert answer.headers["x-sluice-provider-request-id"] == ANSWERS_ID  # support asks for it
    assert answer.headers["x-request-id"] != ANSWERS_ID


@pytest.mark.fault("P02")
def test_a_refused_key_is_the_gateways_own_trouble(site: Rig, heard: Heard) -> None:
    answer = heard.answers["401"]

    assert answer.error["code"] == "provider_authentication_error"
    assert site.record(answer.request_id)["error_code"] == "provider_authentication_error"


@pytest.mark.fault("U14")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", ["{other}", "//{authority}/v1/x", "/v1/elsewhere", "file:///etc/passwd"])
def test_a_redirect_is_not_followed(status: int, place: str, site: Rig, upstream: Provider) -> None:
    with provider() as other:
        location = place.format(other=other.url, authority=other.url.removeprefix("http://").removesuffix("/v1"))
        upstream.play("away", document(b"", status, (f"location: {location}",)))
        asked = len(upstream.asked)

        answer = site.ask(f"test/away+{status}{secrets.token_hex(4)}")

        assert (answer.status, answer.error["code"]) == (502, "upstream_protocol")
        assert "location" not in answer.headers
        assert other.connections == 0
    assert len(upstream.asked) == asked + 1
