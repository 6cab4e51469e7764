"""`sluice prove` on gateways of known character."""

import json
import socket
from typing import Any

import pytest
from tests.unit.sluice_cli.screens import Shown
from tests.unit.sluice_prove.gateways import KEY, Answers, gateway, honest, pipe

from sluice_cli.__main__ import main
from sluice_cli.commands import prove
from sluice_cli.commands.prove import Options, base_url, own_secrets
from sluice_prove.catalogue import CASES, Target

URL = ["--url", "http://127.0.0.1:1"]
QUICK = ["--fault", "ok", "--fault", "f-trunc", "--fault", "f-401"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def proved(answers: Answers, shown: Shown, *words: str) -> int:
    port = free_port()
    with gateway(answers, f"http://127.0.0.1:{port}/v1") as url:
        return main(["prove", "--url", url, "--listen", str(port), *words], shown.terminal)


def options(**typed: Any) -> Options:
    read = prove.parser().read(URL)
    return Options(**{**vars(read), **typed})


def test_an_honest_gateway_is_shown_row_by_row_and_ends_with_0() -> None:
    shown = Shown()

    code = proved(honest, shown, *QUICK)

    *rows, summary = shown.written.splitlines()
    assert code == 0
    assert [row.split()[:3] for row in rows] == [
        ["-", "ok", "honest"],
        ["S04", "f-trunc", "honest"],
        ["P02", "f-401", "honest"],
    ]
    assert summary == "3 honest"
    assert "OpenAI at http://127.0.0.1:" in shown.complained


def test_a_pipe_ends_with_1_and_each_row_says_why() -> None:
    shown = Shown()

    code = proved(pipe, shown, *QUICK)

    assert code == 1
    assert "lying" in shown.written
    assert shown.written.splitlines()[1].endswith("200, part of the text; a broken answer is shown as whole")
    assert shown.written.splitlines()[-1] == "1 honest, 1 leaking, 1 lying"
    assert KEY not in shown.written


def test_json_is_one_document() -> None:
    shown = Shown()

    code = proved(pipe, shown, "--json", "--fault", "f-trunc", "--timeout", "3")

    document = json.loads(shown.written)
    (row,) = document["rows"]
    assert (code, document["timeout_seconds"]) == (1, 3.0)
    assert row | {"seconds": 0} == {
        "id": "S04",
        "fault": "f-trunc",
        "provider": "clean close after 4 events",
        "came_out": "200, part of the text",
        "verdict": "lying",
        "reason": "a broken answer is shown as whole",
        "status": 200,
        "seconds": 0,
        "attempts": 1,
    }


def test_on_a_terminal_a_row_fits_into_its_width() -> None:
    shown = Shown({"COLUMNS": "60", "TERM": "dumb"}, is_terminal=True)

    proved(pipe, shown, "--fault", "f-trunc")

    row = shown.written.splitlines()[0]
    assert len(row) < 60
    assert row.startswith("S04  f-trunc")
    assert "\N{HORIZONTAL ELLIPSIS}" in row


def test_a_gateway_that_does_not_call_the_provider_is_told() -> None:
    shown = Shown()

    with gateway(honest, "http://127.0.0.1:1/v1") as url:
        code = main(["prove", "--url", url], shown.terminal)

    assert code == 1
    assert "the gateway did not call http://127.0.0.1:" in shown.complained
    assert shown.written == ""


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        ([], 2, "no gateway named; use --url"),
        (["--url", "gateway"], 2, "'gateway' is no URL of a gateway"),
        (["--url", "http://gateway.example"], 2, "would send prompts in the clear"),
        ([*URL, "--fault", "f-unheard"], 2, "unknown fault 'f-unheard'; faults: ok, "),
        ([*URL, "--timeout", "x"], 2, "'x' is no time in seconds"),
        ([*URL, "--timeout", "nan"], 2, "'nan' is no time in seconds"),
        ([*URL, "--stall", "12"], 2, "--stall has to be longer than --timeout (12 s)"),
        ([*URL, "--header", "x team=1"], 2, "'x team=1' is no header"),
        (URL, 1, "cannot be reached"),
    ],
)
def test_what_cannot_be_is_one_line(words: list[str], code: int, complaint: str) -> None:
    shown = Shown()

    assert main(["prove", *words], shown.terminal) == code
    assert complaint in shown.complained.splitlines()[-1]


def test_a_port_that_is_taken_is_told() -> None:
    shown = Shown()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        code = main(["prove", *URL, "--listen", str(port)], shown.terminal)

    assert code == 1
    assert f"port {port} is taken" in shown.complained


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("https://gateway.example", "https://gateway.example/v1"),
        ("https://gateway.example/", "https://gateway.example/v1"),
        ("https://gateway.example/v1/", "https://gateway.example/v1"),
        ("https://gateway.example/team/v1", "https://gateway.example/team/v1"),
        ("https://gateway.example/compat", "https://gateway.example/compat"),
    ],
)
def test_a_url_is_what_an_sdk_calls_its_base(typed: str, url: str) -> None:
    assert base_url(typed) == url


def test_targets_without_a_name_are_left_out() -> None:
    plain = options(model_prefix="prove/")
    named = options(bedrock_prefix="", refused_model="closed/x", dns_model="nowhere/x")

    assert plain.models == {Target.CHAT: "prove/{fault}"}
    assert named.models == {
        Target.CHAT: "{fault}",
        Target.BEDROCK: "{fault}",
        Target.CLOSED_PORT: "closed/x",
        Target.NO_HOST: "nowhere/x",
    }
    assert named.cases == list(CASES)


def test_what_the_caller_sends_is_no_secret_of_the_gateway() -> None:
    config = json.dumps({"provider": "openai", "api_key": KEY})

    found = own_secrets(options(api_key="sk-fake-caller", header=[("x-config", config)]))

    assert {KEY, "sk-fake-caller"} <= found
