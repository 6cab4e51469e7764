import json
import shlex
from pathlib import Path

from tests.unit.sluice_cli.screens import Stream

from sluice_cli.terminal import Screen
from sluice_cli.welcome import Welcome

PLAIN = Screen(Stream(), {})


def welcome(env_file: Path | None = None, store: str = "moto", bedrock_model: str | None = "nova") -> Welcome:
    return Welcome(
        url="http://127.0.0.1:8787",
        ready_seconds=1.74,
        store=store,
        table="sluice-ledger",
        providers={"openai": "simulated", "local": "http://127.0.0.1:11434/v1"},
        model="mini's",
        region="us-east-1",
        access_key_id="AKIDEXAMPLE",
        secret_access_key="fake secret",
        env_file=env_file,
        program=".venv/bin/sluice",
        bedrock_model=bedrock_model,
    )


def test_it_says_where_everything_is() -> None:
    text = welcome().text(PLAIN)

    assert text.startswith("ready in 1.7 s at http://127.0.0.1:8787\n")
    assert "store     in memory (moto), gone at the end, table sluice-ledger\n" in text
    assert "provider  openai: simulated\nprovider  local: http://127.0.0.1:11434/v1\n" in text
    assert welcome().chat() in text
    assert welcome().curl() in text
    assert welcome().converse() in text
    assert "`.venv/bin/sluice connect` has programs" in text


def test_another_engine_is_named() -> None:
    assert "store     http://127.0.0.1:8000, table sluice-ledger\n" in welcome(store="http://127.0.0.1:8000").text(
        PLAIN
    )


def test_the_curl_line_survives_a_shell() -> None:
    words = shlex.split(welcome().curl().replace("\\\n", ""))

    assert words[:3] == ["curl", "-N", "http://127.0.0.1:8787/v1/chat/completions"]
    assert words[words.index("--user") + 1] == "AKIDEXAMPLE:fake secret"
    assert words[words.index("--aws-sigv4") + 1] == "aws:amz:us-east-1:lambda"
    assert json.loads(words[words.index("-d") + 1])["model"] == "mini's"


def test_the_line_for_bedrock_survives_a_shell() -> None:
    words = shlex.split(welcome().converse().replace("\\\n", ""))

    assert words[:2] == ["curl", "http://127.0.0.1:8787/model/nova/converse"]
    assert words[words.index("--aws-sigv4") + 1] == "aws:amz:us-east-1:lambda"
    assert json.loads(words[words.index("-d") + 1]) == {"messages": [{"role": "user", "content": [{"text": "Hello!"}]}]}


def test_without_a_model_of_bedrock_there_is_no_such_line() -> None:
    assert "/model/" not in welcome(bedrock_model=None).text(PLAIN)
    assert "\n\n\n" not in welcome(bedrock_model=None).text(PLAIN)


def test_the_chat_line_survives_a_shell_and_names_the_env_file() -> None:
    assert shlex.split(welcome().chat()) == [".venv/bin/sluice", "chat", "--model", "mini's", "Hello!"]
    assert shlex.split(welcome(Path("a b.env")).chat())[2:4] == ["--env-file", "a b.env"]


def test_no_secret_is_in_its_repr() -> None:
    assert "fake secret" not in repr(welcome())
