from pathlib import Path

import pytest
from tests.unit.sluice_cli.screens import Shown

from sluice_cli.__main__ import main
from sluice_cli.recipe import RECIPES

URL = "https://abc.lambda-url.eu-west-1.on.aws"


def printed(*words: str, environ: dict[str, str] | None = None, is_terminal: bool = False) -> tuple[int, str, str]:
    shown = Shown(environ, is_terminal=is_terminal)
    code = main(["connect", *words], shown.terminal)
    return code, shown.written, shown.complained


def test_without_a_client_they_are_listed() -> None:
    code, listed, _ = printed()

    assert code == 0
    assert [name for name in RECIPES if f"\n  {name:13} " not in listed] == []


def test_a_terminal_has_colour_in_the_list_and_none_in_a_program() -> None:
    assert "\x1b[1mcurl" in printed(is_terminal=True)[1]
    assert "\x1b" not in printed("curl", "--url", URL, is_terminal=True)[1]


def test_the_region_of_the_url_wins() -> None:
    _, program, _ = printed("curl", "--url", f"{URL}/", "--region", "us-east-1")

    assert program.startswith(f"SLUICE_URL={URL} AWS_REGION=eu-west-1\n")


def test_the_gateway_of_the_environment_is_meant_when_none_is_named() -> None:
    _, program, _ = printed("curl", "--region", "us-east-1", environ={"SLUICE_URL": "http://127.0.0.1:8787"})

    assert program.startswith("SLUICE_URL=http://127.0.0.1:8787 AWS_REGION=us-east-1\n")


def test_a_dev_stack_is_named_by_its_env_file(tmp_path: Path) -> None:
    file = tmp_path / "dev.env"
    lines = ("SLUICE_URL=http://127.0.0.1:8787", "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE")
    file.write_text("\n".join(f"export {line}" for line in (*lines, "AWS_SECRET_ACCESS_KEY=fake-secret")))

    _, program, _ = printed("curl", "--env-file", str(file))

    assert program.startswith(f". {file}\nSLUICE_URL=http://127.0.0.1:8787 AWS_REGION=us-east-1\n")
    assert "fake-secret" not in program


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["pyhton", "--url", URL], "unknown client 'pyhton'; did you mean python?"),
        (["telnet", "--url", URL], f"unknown client 'telnet'; clients: {', '.join(RECIPES)}"),
        (["curl", "--url", URL, "--model", "a'b"], '--model: "a\'b" is no model; use a route, or provider/model'),
        (["curl", "--url", "https://a$b.example"], "'https://a$b.example' is no URL of a gateway"),
        (["curl", "--url", "http://gateway.example"], "http://gateway.example would send prompts in the clear"),
        (["curl", "--url", URL, "--stack", "a"], "--stack says where the gateway is; leave out --url, or --stack"),
        (["curl", "--stack", "a", "--env-file", "b"], "--stack says where the gateway is; leave out --env-file, or"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(words: list[str], complaint: str) -> None:
    code, program, complained = printed(*words)

    assert (code, program) == (2, "")
    assert complained.startswith(f"sluice connect: {complaint}")
    assert complained.count("\n") == 1


def test_a_url_without_a_region_needs_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    code, _, complained = printed("curl", "--url", "https://ai.example")

    assert code == 2
    assert (
        complained == "sluice connect: https://ai.example names no region to sign for; set AWS_REGION or use --region\n"
    )
