from pathlib import Path

import pytest
from tests.unit.sluice_cli.screens import Shown

from sluice_cli import local_stack
from sluice_cli.failure import CommandFailed, UsageError
from sluice_cli.local_stack import Configuration
from sluice_devstack.stack import StackOptions

CONFIG = """
[providers.openai]
kind = "openai"
secret = "sluice/openai"
[providers.laptop]
kind = "compatible"
base_url = "http://127.0.0.1:11434/v1"
[routes]
big = "openai/gpt-5"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


def test_openai_is_simulated_without_a_key(file: Path) -> None:
    file.write_text(CONFIG)

    assert Configuration.load(file).providers(None) == {
        "openai": "simulated on this machine (OPENAI_API_KEY is not set)",
        "laptop": "http://127.0.0.1:11434/v1",
    }


def test_openai_is_real_with_a_key(file: Path) -> None:
    file.write_text(CONFIG)

    assert Configuration.load(file).providers("sk-fake-key")["openai"] == "the real one (OPENAI_API_KEY found)"


def test_a_preset_is_named_and_not_the_key_of_openai(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text('[providers.groq]\nkind = "compatible"\npreset = "groq"\nsecret = "sluice/groq"\n')

    assert Configuration.load(file).providers(None) == {"groq": "the real one (the preset groq)"}


def test_an_empty_key_is_none() -> None:
    assert local_stack.api_key({"OPENAI_API_KEY": ""}) is None


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("", "gpt-4o-mini"),
        (CONFIG, "big"),
        ('[routes]\na = "x/y"\ngpt-4o-mini = "x/y"\n', "gpt-4o-mini"),
        ('[providers.laptop]\nkind = "compatible"\nmodels = ["llama3.2", "qwen3"]\n', "laptop/llama3.2"),
        ('[providers.laptop]\nkind = "compatible"\n', "laptop/<model>"),
        ('[providers.mine]\nkind = "openai"\n', "mine/gpt-4o-mini"),
        ("routes = 5\nproviders = 5\n", "gpt-4o-mini"),
        ("[providers]\nodd = 5\n", "odd/<model>"),
    ],
)
def test_the_model_to_try_is_one_that_is_served(file: Path, text: str, model: str) -> None:
    file.write_text(text)

    assert Configuration.load(file).model == model


def test_a_configuration_that_is_no_toml_says_where(file: Path) -> None:
    file.write_text("a = 1\nb =\n")

    with pytest.raises(CommandFailed, match=r"is not TOML: Invalid value \(at line 2, column 4\)"):
        Configuration.load(file)


def test_secrets_are_read_by_name(file: Path) -> None:
    file.write_text('{"sluice/openai": {"api_key": "sk-fake-key"}, "plain": "text"}')

    assert local_stack.secrets(file) == {"sluice/openai": {"api_key": "sk-fake-key"}, "plain": "text"}
    assert local_stack.secrets(None) == {}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b'{"a": "sk-fake-key"', r"is not JSON: .* in line 1, column \d+$"),
        (b'["sk-fake-key"]', r'must map names to values: \{"sluice/openai"'),
        (b'{"sk-fake-key": "\xff"}', "is not UTF-8"),
    ],
)
def test_a_secrets_file_is_complained_of_without_its_content(file: Path, text: bytes, complaint: str) -> None:
    file.write_bytes(text)

    with pytest.raises(CommandFailed, match=complaint) as failed:
        local_stack.secrets(file)

    assert "sk-fake" not in str(failed.value)


@pytest.mark.parametrize("text", ["moto", "http://127.0.0.1:8000", "https://dynamodb.us-east-1.amazonaws.com"])
def test_a_store_is_moto_or_an_engine(text: str) -> None:
    assert local_stack.store(text) == text


@pytest.mark.parametrize("text", ["Moto", "", "127.0.0.1:8000", "http://", "http://127.0.0.1:99999", "ftp://x"])
def test_any_other_store_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="is neither moto nor the URL of a DynamoDB engine"):
        local_stack.store(text)


def test_without_build_host_it_says_who_builds_it(tmp_path: Path) -> None:
    with (
        pytest.raises(CommandFailed, match="build/host, which the dev stack runs, is not there; `make host` builds it"),
        local_stack.running(StackOptions(root=tmp_path), Shown().terminal),
    ):
        pass
