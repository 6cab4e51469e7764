"""`sluice config check` says what the gateway itself would."""

import json
from pathlib import Path

import pytest
from tests.e2e.running import run

pytestmark = pytest.mark.slow

OPENAI = '[providers.openai]\nkind = "openai"\nsecret = "sluice/openai"\n'
BEDROCK = '[providers.aws]\nkind = "bedrock"\nregion = "eu-west-1"\nmodels = ["amazon.nova-micro-v1:0"]\n'
PROFILE = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc"
OLLAMA = '[providers.ollama]\nkind = "compatible"\nbase_url = "http://127.0.0.1:11434/v1"\nmodels = ["llama3.2"]\n'
ROUTES = '[routes]\nlocal = "ollama/llama3.2"\nlong = { targets = [{ model = "openai/gpt-5-mini" }] }\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "my.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_would_be_served_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, OPENAI + OLLAMA + ROUTES)

    done = run("config", "check", str(path))
    document = json.loads(run("config", "check", str(path), "--json").stdout)

    assert done.returncode == 0
    assert done.stdout.startswith(f"{path} is valid\n")
    assert (
        "  ollama  kind compatible, base_url http://127.0.0.1:11434/v1\n          1 models: llama3.2\n" in done.stdout
    )
    assert "  local   ollama/llama3.2\n  long    openai/gpt-5-mini\n" in done.stdout
    assert document["valid"] is True
    assert document["routes"] == {
        "local": {"strategy": "priority", "targets": [{"model": "ollama/llama3.2"}]},
        "long": {"strategy": "priority", "targets": [{"model": "openai/gpt-5-mini"}]},
    }
    assert document["providers"]["openai"] == {"kind": "openai", "secret": "sluice/openai"}
    assert {"local", "ollama/llama3.2", "openai/gpt-4o-mini"} <= set(document["models"])


def test_what_is_said_of_bedrock_is_told(tmp_path: Path) -> None:
    team = f'team = {{ targets = [{{ model = "aws/{PROFILE}", base_model = "anthropic.claude-sonnet-5" }}] }}\n'
    oss = 'oss = { targets = [{ model = "aws/openai.gpt-oss-120b-1:0", api = "openai" }] }\n'
    path = written(tmp_path, f"{BEDROCK}[routes]\n{team}{oss}")

    done = run("config", "check", str(path))

    assert done.returncode == 0, done.stderr
    assert "  aws   kind bedrock, region eu-west-1\n        1 models: amazon.nova-micro-v1:0\n" in done.stdout
    assert f"  team  aws/{PROFILE}, base_model anthropic.claude-sonnet-5\n" in done.stdout
    assert "  oss   aws/openai.gpt-oss-120b-1:0, api openai\n" in done.stdout


def test_the_routes_of_a_file_are_shown_with_all_that_they_say(tmp_path: Path) -> None:
    smart = (
        'smart = { strategy = "weighted", sticky = "session", retry = { attempts = 3 }, '
        'targets = [{ model = "openai/gpt-5", weight = 3 }, { model = "ollama/llama3.2", drop = ["seed"] }] }\n'
    )
    path = written(tmp_path, OPENAI + OLLAMA + ROUTES + smart)

    done, document = run("routes", "check", str(path)), json.loads(run("routes", "check", str(path), "--json").stdout)

    assert done.stdout.splitlines() == [
        f"{path} is valid",
        "  local  ollama/llama3.2",
        "  long   openai/gpt-5-mini",
        "  smart  weighted, sticky session, retry attempts=3",
        "         1. openai/gpt-5, weight 3 of 4",
        "         2. ollama/llama3.2, drop seed, weight 1 of 4",
    ]
    assert document["valid"] is True
    assert document["routes"]["smart"]["targets"][0] == {"model": "openai/gpt-5", "weight": 3}


def test_routes_that_are_wrong_are_one_line_too(tmp_path: Path) -> None:
    path = written(tmp_path, OPENAI + '[routes]\na = { strategy = "fastest", targets = [{ model = "openai/x" }] }\n')

    done = run("routes", "check", str(path))

    assert (done.returncode, done.stdout) == (1, "")
    assert f"sluice routes: {path}: routes.a.strategy = 'fastest': want \"priority\", " in done.stderr


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            '[providers.openai]\nkind = "openai"\nsecrt = "x"\n',
            "unknown key providers.openai.secrt; did you mean secret?",
        ),
        (
            OPENAI + '[routes]\na = "opnai/x"\n',
            "routes.a = 'opnai/x': want provider/model with one of the providers openai",
        ),
        (
            OPENAI + "[defaults]\nheartbeat_seconds = true\n",
            "defaults.heartbeat_seconds = True: want seconds, or 0 for none",
        ),
        (OPENAI + 'region = "eu-west-1"\n', 'providers.openai.region goes with kind = "bedrock"'),
        ("", "no provider is configured; add [providers.openai]"),
        ("providers = [", "my.toml is not TOML: "),
        (OPENAI + '[providers.openai.prices."gpt-x"]\ninput = "much"\n', "providers.openai."),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_one(tmp_path: Path, text: str, error: str) -> None:
    path = written(tmp_path, text)

    done = run("config", "check", str(path))
    document = json.loads(run("config", "check", str(path), "--json").stdout)

    assert (done.returncode, done.stdout) == (1, "")
    assert f"sluice config: {path}: {error}" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("sluice config: ")
    assert (document["valid"], document["error"].startswith(error)) == (False, True)


def test_a_file_that_is_not_there_is_wrong_usage() -> None:
    done = run("config", "check", "nowhere.toml")

    assert done.returncode == 2
    assert done.stderr.startswith("sluice config: argument FILE: nowhere.toml is not a file")
