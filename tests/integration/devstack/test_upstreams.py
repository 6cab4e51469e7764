"""Which providers are simulated, and with which secrets."""

from pathlib import Path

import pytest

from sluice_devstack.upstreams import FAKE_KEY, FAKE_TOKEN, upstreams

CONFIG = """
[providers.openai]
kind = "openai"
secret = "sluice/openai"
[providers.my-own]
kind = "compatible"
secret = "sluice/own"
"""

ALL_KINDS = """
[providers.openai]
kind = "openai"
secret = "sluice/openai"
[providers.claude-direct]
kind = "anthropic"
secret = "sluice/anthropic"
[providers.bedrock]
kind = "bedrock"
region = "eu-west-1"
[providers.azure-east]
kind = "azure"
endpoint = "https://east.openai.azure.com"
secret = "sluice/azure"
"""
AZURES = """
[providers.azure-east]
kind = "azure"
endpoint = "https://east.openai.azure.com"
auth = "entra"
secret = "sluice/east"
[providers.azure-here]
kind = "azure"
endpoint = "http://127.0.0.1:9999"
secret = "sluice/here"
[providers.azure-odd]
kind = "azure"
endpoint = "http://[odd"
[routes]
short = "azure-east/gpt-4o"
[[routes.mini.targets]]
model = "azure-east/prod-mini"
base_model = "gpt-5-mini"
[[routes.mini.targets]]
model = "azure-here/prod"
base_model = "gpt-4o"
[[routes.mini.targets]]
model = "azure-east/nameless"
"""
URLS = {
    "openai": "http://simulated/v1",
    "anthropic": "http://simulated-anthropic",
    "bedrock": "http://simulated-aws",
    "azure": "http://simulated-azure",
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(CONFIG)
    return path


def test_openai_is_simulated_without_a_real_key(config: Path) -> None:
    found = upstreams(config, {"sluice/own": {"api_key": "sk-fake-own"}}, None)

    assert found.variables(URLS) == {"SLUICE_PROVIDER_URL_OPENAI": "http://simulated/v1"}
    assert found.secrets == {"sluice/openai": {"api_key": FAKE_KEY}, "sluice/own": {"api_key": "sk-fake-own"}}
    assert found.accepted_keys == [FAKE_KEY, "sk-fake-own"]


def test_a_real_key_goes_to_the_real_openai_only(config: Path) -> None:
    found = upstreams(config, {}, "sk-fake-real")

    assert found.variables(URLS) == {}
    assert found.secrets == {"sluice/openai": {"api_key": "sk-fake-real"}}
    assert found.accepted_keys == [FAKE_KEY]


def test_the_developers_secret_wins(config: Path) -> None:
    found = upstreams(config, {"sluice/openai": '{"api_keys": ["sk-fake-a", "sk-fake-b"]}'}, None)

    assert found.secrets["sluice/openai"] == '{"api_keys": ["sk-fake-a", "sk-fake-b"]}'
    assert found.accepted_keys == [FAKE_KEY, "sk-fake-a", "sk-fake-b"]


@pytest.mark.parametrize("secret", ["not JSON", "[1]", {"api_key": 1, "api_keys": None}, 5])
def test_a_secret_that_makes_no_sense_is_left_to_the_gateway(config: Path, secret: object) -> None:
    found = upstreams(config, {"sluice/openai": secret}, None)

    assert found.secrets["sluice/openai"] == secret
    assert found.accepted_keys == [FAKE_KEY]


@pytest.mark.parametrize("text", ["not = [toml", "", "providers = 5\n", "[providers]\nopenai = 5\n"])
def test_a_configuration_that_makes_no_sense_is_left_to_the_gateway(tmp_path: Path, text: str) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(text)

    assert upstreams(config, {}, None).providers == {}
    assert upstreams(tmp_path / "absent.toml", {}, None).secrets == {}


@pytest.mark.parametrize(
    ("openai", "anthropic", "expected"),
    [
        (None, None, {"OPENAI", "CLAUDE_DIRECT", "BEDROCK", "AZURE_EAST"}),
        ("sk-fake-real", None, {"CLAUDE_DIRECT", "BEDROCK", "AZURE_EAST"}),
        (None, "sk-fake-real", {"OPENAI", "BEDROCK", "AZURE_EAST"}),
        ("sk-fake-real", "sk-fake-real", {"BEDROCK", "AZURE_EAST"}),
    ],
)
def test_each_kind_is_simulated_for_itself(
    tmp_path: Path, openai: str | None, anthropic: str | None, expected: set[str]
) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(ALL_KINDS)

    found = upstreams(config, {}, openai, anthropic)

    variables = found.variables(URLS)
    assert set(variables) == {f"SLUICE_PROVIDER_URL_{name}" for name in expected}
    assert variables["SLUICE_PROVIDER_URL_BEDROCK"] == "http://simulated-aws"
    assert found.regions == ("eu-west-1",)
    assert found.secrets == {
        "sluice/openai": {"api_key": openai or FAKE_KEY},
        "sluice/anthropic": {"api_key": anthropic or FAKE_KEY},
        "sluice/azure": {"api_key": FAKE_KEY},
    }
    assert found.accepted_keys == [FAKE_KEY]


def test_an_azure_resource_is_simulated_unless_it_is_on_this_machine(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(AZURES)

    found = upstreams(config, {"sluice/more": {"entra_tokens": ["eyJ.fake.more"]}}, None)

    assert found.variables(URLS).keys() == {"SLUICE_PROVIDER_URL_AZURE_EAST", "SLUICE_PROVIDER_URL_AZURE_ODD"}
    assert "sluice/here" not in found.secrets
    assert found.secrets["sluice/east"] == {"entra_token": FAKE_TOKEN}
    assert found.accepted_keys == [FAKE_KEY, FAKE_TOKEN, "eyJ.fake.more"]
    assert found.deployments == {"prod-mini": "gpt-5-mini"}


@pytest.mark.parametrize("text", ["routes = 5", "[routes]\na = 5\nb = { targets = 5 }\nc = { targets = [5, {}] }"])
def test_routes_that_make_no_sense_are_left_to_the_gateway(tmp_path: Path, text: str) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(text)

    assert upstreams(config, {}, None).deployments == {}
