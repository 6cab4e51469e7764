"""`sluice routes explain` against a gateway in this process: it answers as the deployed one does."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.fakes.gateway import Context, event
from tests.fakes.several import Several
from tests.unit.sluice_cli.screens import Shown

from sluice.domain.route import Sticky, Strategy
from sluice_cli import explain
from sluice_cli.__main__ import main
from sluice_cli.explain import SURFACES, asked
from sluice_cli.failure import CommandFailed
from sluice_cli.gateway import Gateway

URL = "http://127.0.0.1:8787"
NOVA = "bedrock/amazon.nova-micro-v1:0"


def explained(
    served: Several, model: str, surface: str = "chat", body: Path | None = None, *, is_json: bool = False
) -> tuple[int, str]:
    """The exit code, and what was printed."""

    def answer(request: httpx.Request) -> httpx.Response:
        made = event(request.method, request.url.path, dict(request.headers), body=request.content.decode())
        found = served.handler(made, Context())
        return httpx.Response(found["statusCode"], headers=found["headers"], content=found["body"])

    shown = Shown()
    with Gateway(URL, lambda request: request, httpx.MockTransport(answer)) as gateway:
        found = gateway.dry_run(*asked(model, SURFACES[surface], body))
    code = explain.tell(found, shown.terminal, is_json=is_json)
    assert served.requests == []
    return code, shown.written


def test_the_targets_come_in_their_order_with_what_a_call_can_cost() -> None:
    served = Several("openai/gpt-5-mini", "second/gpt-5-mini")

    code, text = explained(served, "smart")

    assert code == 0
    assert text == (
        "smart: priority\n"
        "    target             breaker    at most   probably  tries  remark\n"
        "1.  openai/gpt-5-mini  closed   $0.004086  $0.002067      2\n"
        "2.  second/gpt-5-mini  closed   $0.004086  $0.002067      2\n"
        "for arn:aws:iam::123456789012:user/ada: policy says allow\n"
        "a call reserves $0.004086, the most that any of these can cost\n"
    )


def test_a_target_that_is_left_out_has_no_number_and_a_reason() -> None:
    served = Several("openai/a", "second/b", strategy=Strategy.WEIGHTED, sticky=Sticky.SESSION)
    served.breakers.open.add("openai/a")

    code, text = explained(served, "smart")

    lines = text.splitlines()
    [left_out] = [line for line in lines if "openai/a" in line]
    assert code == 0
    assert lines[0] == "smart: weighted, a session stays where it is"
    assert left_out.startswith("-   openai/a  open")
    assert left_out.endswith("left out: it failed too often in the last seconds and is not asked for 5 s")
    assert [line for line in lines if line.startswith("1.  second/b")]
    assert lines[-1] == "what a call can cost at most is unknown"


def test_a_body_of_the_callers_own_is_judged_whole(tmp_path: Path) -> None:
    body = tmp_path / "call.json"
    body.write_text(json.dumps({"model": "other", "messages": [{"role": "user", "content": "hi"}], "seed": 1}))

    code, text = explained(Several("openai/gpt-5-mini", NOVA), "smart", body=body)

    assert code == 0
    assert [line for line in text.splitlines() if line.endswith("translated to converse; does not see seed")]


def test_a_call_that_would_be_refused_is_exit_code_1() -> None:
    served = Several("openai/a")
    served.breakers.open.add("openai/a")

    code, text = explained(served, "smart")

    assert code == 1
    assert text.splitlines()[-1].startswith("a call is refused: 503 circuit_open: openai/a failed too often")


def test_json_is_the_gateways_own_answer() -> None:
    code, text = explained(Several("openai/a"), "smart", is_json=True)

    found = json.loads(text)
    assert (code, found["object"], found["route"]["name"]) == (0, "dry_run", "smart")


@pytest.mark.parametrize("surface", list(SURFACES))
def test_every_kind_of_call_can_be_asked_for(surface: str) -> None:
    model = NOVA if surface == "converse" else "openai/gpt-5-mini"

    code, text = explained(Several("openai/a"), model, surface)

    assert (code, text.splitlines()[2].split()[:2]) == (0, ["1.", model])


def test_a_model_in_a_path_is_not_in_the_body() -> None:
    path, body = asked("bedrock/a:0", SURFACES["converse"], None)

    assert path == "/model/bedrock%2Fa%3A0/converse"
    assert "model" not in body


def test_an_unknown_model_is_the_gateways_complaint() -> None:
    with pytest.raises(CommandFailed, match=r"answered 404 model_not_found: unknown model 'smrt'; did you mean smart"):
        explained(Several("openai/a"), "smrt")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [("{", "is no JSON"), ("[1]", "holds no JSON object; want the body of a call"), ("\udc80", "is no JSON")],
)
def test_a_body_that_is_none_is_told_so(tmp_path: Path, content: str, complaint: str) -> None:
    body = tmp_path / "call.json"
    body.write_bytes(content.encode("utf-8", "surrogateescape"))

    with pytest.raises(CommandFailed, match=complaint):
        asked("smart", SURFACES["chat"], body)


@pytest.mark.parametrize("found", [{}, {"route": None}, {"object": "dry_run", "candidates": [1]}])
def test_a_document_of_another_version_is_told_so(found: dict[str, Any]) -> None:
    with pytest.raises(CommandFailed, match="of another version; --json shows it"):
        explain.tell(found, Shown().terminal, is_json=False)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["explain"], "name the MODEL: a route or provider/model"),
        (["explain", "smart", "--surface", "chatt"], "invalid choice: 'chatt'"),
        (["explain", "smart", "--body", "/nowhere.json"], "/nowhere.json is not a file"),
        (["check", "--surface", "chat"], "`sluice routes check` asks no gateway; leave out --surface"),
    ],
)
def test_wrong_usage_says_what_would_be_right(words: list[str], complaint: str) -> None:
    shown = Shown()

    code = main(["routes", *words], shown.terminal)

    assert code == 2
    assert complaint in shown.complained
