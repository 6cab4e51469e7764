"""What `sluice dev` tells of each kind of provider, and what it reads from the environment for them."""

from pathlib import Path

import pytest

from sluice_cli import local_stack
from sluice_cli.local_stack import Configuration

CONFIG = """
[providers.openai]
kind = "openai"
[providers.claude]
kind = "anthropic"
[providers.aws]
kind = "bedrock"
region = "eu-west-1"
[providers.azure-east]
kind = "azure"
endpoint = "https://east.openai.azure.com"
[providers.azure-here]
kind = "azure"
endpoint = "http://127.0.0.1:9999"
"""


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    file = tmp_path / "gateway.toml"
    file.write_text(CONFIG)
    return Configuration.load(file)


def test_without_keys_all_are_simulated(configuration: Configuration) -> None:
    assert configuration.providers(None) == {
        "openai": "simulated on this machine (OPENAI_API_KEY is not set)",
        "claude": "simulated on this machine (ANTHROPIC_API_KEY is not set)",
        "aws": "simulated on this machine",
        "azure-east": "simulated on this machine",
        "azure-here": "http://127.0.0.1:9999",
    }


def test_a_key_makes_its_own_kind_real_and_bedrock_stays_simulated(configuration: Configuration) -> None:
    assert configuration.providers(None, "sk-fake-key")["claude"] == "the real one (ANTHROPIC_API_KEY found)"
    assert configuration.providers("sk-fake-key", "sk-fake-key")["aws"] == "simulated on this machine"


@pytest.mark.parametrize(("value", "expected"), [("", None), ("/recorded", Path("/recorded"))])
def test_the_environment_names_the_folder_of_recordings(value: str, expected: Path | None) -> None:
    assert local_stack.recordings({"SLUICE_RECORDINGS": value}) == expected
    assert local_stack.recordings({}) is None


def test_an_empty_key_is_none() -> None:
    assert local_stack.anthropic_api_key({"ANTHROPIC_API_KEY": ""}) is None
    assert local_stack.anthropic_api_key({"ANTHROPIC_API_KEY": "sk-fake-key"}) == "sk-fake-key"


@pytest.mark.parametrize(
    ("routes", "model"),
    [
        ("", None),
        ('gpt = "openai/gpt-5"', None),
        ('gpt = "openai/gpt-5"\nclaude = "aws/c"\nnova = "aws/n"', "claude"),
        ('claude = "aws/c"\nnova-micro = "aws/n"', "nova-micro"),
        ('nova-micro = "openai/n"\nclaude = "aws/c"', "claude"),
        ('"a:0" = "aws/a"\nclaude = { targets = [{ model = "aws/c" }] }', "claude"),
        ("x = 1\ny = { targets = [] }\nz = {}", None),
    ],
)
def test_a_call_on_bedrocks_own_path_takes_a_route_that_leads_there(
    tmp_path: Path, routes: str, model: str | None
) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(f"{CONFIG}[routes]\n{routes}\n")

    assert Configuration.load(file).bedrock_model == model
