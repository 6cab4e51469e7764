from typing import Any

import pytest

from sluice.domain.errors import Misconfigured
from sluice.provider_settings import OPENAI_URL
from sluice.settings import load, settings

ENVIRON = {"SLUICE_TABLE": "ledger", "AWS_REGION": "eu-west-1"}
OPENAI = {"kind": "openai", "secret": "sluice/openai"}
GROQ = {"kind": "compatible", "preset": "groq", "secret": "sluice/groq"}


def read(environ: dict[str, str] | None = None, **document: Any) -> Any:
    return settings({"providers": {"openai": OPENAI}, **document}, {**ENVIRON, **(environ or {})})


def named(found: Any) -> dict[str, str]:
    """Each route's first target."""
    return {name: str(route.legs[0].target) for name, route in found.routes.items()}


def test_the_shipped_configuration_is_accepted() -> None:
    from pathlib import Path

    import sluice

    shipped = load(ENVIRON, Path(sluice.__file__).parents[1] / "gateway.toml")

    assert shipped.providers["openai"].base_url == OPENAI_URL
    assert named(shipped)["gpt-5-mini"] == "openai/gpt-5-mini"


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"provider": {}}, "unknown key provider; did you mean providers"),
        ({"providers": {}}, "no provider is configured"),
        ({"providers": {"openai": {**OPENAI, "secrte": "x"}}}, "providers.openai.secrte; did you mean secret"),
        ({"providers": {"openai": {**OPENAI, "zzz": 1}}}, "known: api_version, auth, base_url"),
        ({"providers": {"openai": {"secret": "x"}}}, 'kind is missing: want "openai", "azure", "compatible"'),
        (
            {"providers": {"openai": {"kind": "opnai"}}},
            'want "openai", "azure", "compatible", "anthropic" or "bedrock"',
        ),
        ({"providers": {"openai": {"kind": "openai"}}}, "secret is missing"),
        ({"providers": {"it": {"kind": "compatible"}}}, "base_url is missing"),
        ({"providers": {"Bad Name": OPENAI}}, "lower-case letters"),
        ({"providers": {"openai": "x"}}, "want a table"),
        ({"defaults": {"idle_timeout_seconds": -1}}, "more than 0"),
        ({"defaults": {"idle_timeout_seconds": True}}, "more than 0"),
        ({"defaults": {"total_timeout_seconds": 901}}, "at most 900"),
        ({"routes": {"mini": "nope/gpt"}}, "one of the providers openai"),
        ({"routes": {"mini": "openai/"}}, "want provider/model"),
        ({"routes": {"bad name": "openai/x"}}, "route's name"),
        ({"routes": {"mini": {"targets": []}}}, "routes.mini.targets: want 1 to 16 targets"),
        ({"routes": {"mini": {"targets": [{}]}}}, "model is missing"),
        ({"routes": {"mini": {"targets": [{"model": "openai/a"}] * 17}}}, "routes.mini.targets: want 1 to 16 targets"),
        ({"ledger": {"typical_output_tokens": 0}}, "whole number"),
        ({"secrets": {"ttl_seconds": 0}}, "more than 0"),
        ({"providers": {"it": {**GROQ, "preset": "grok"}}}, "preset = 'grok': unknown preset; did you mean groq"),
        ({"providers": {"it": {**GROQ, "preset": "zzz"}}}, "unknown preset; known: deepseek, gemini, groq"),
        ({"providers": {"it": {**GROQ, "preset": ""}}}, "want the name of a preset"),
        ({"providers": {"it": {**GROQ, "preset": ["groq"]}}}, "want the name of a preset"),
        ({"providers": {"it": {**OPENAI, "preset": "groq"}}}, 'it.preset goes with kind = "compatible"'),
        ({"providers": {"it": {**GROQ, "base_url": "http://example.com"}}}, "base_url: want an https URL"),
        ({"providers": {"it": {**GROQ, "stored_objects": 1}}}, "stored_objects = 1: want true or false"),
        ({"providers": {"it": {**GROQ, "usage": "no"}}}, "usage = 'no': want true or false"),
    ],
)
def test_what_is_wrong_is_named_with_what_would_be_right(document: dict[str, Any], says: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read(**document)

    assert says in caught.value.message


def test_the_table_must_be_named() -> None:
    with pytest.raises(Misconfigured, match="SLUICE_TABLE"):
        settings({"providers": {"openai": OPENAI}}, {})


@pytest.mark.parametrize("days", ["0", "-1", "1.5", "many", ""])
def test_records_are_kept_for_whole_days(days: str) -> None:
    assert read({"SLUICE_RETENTION_DAYS": "30"}).retention_days == 30
    with pytest.raises(Misconfigured, match="SLUICE_RETENTION_DAYS"):
        read({"SLUICE_RETENTION_DAYS": days})


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"providers": {"o": {**OPENAI, "region": "us-east-1"}}}, 'providers.o.region goes with kind = "bedrock"'),
        ({"providers": {"b": {"kind": "bedrock", "region": "Virginia"}}}, "want a region of AWS"),
        ({"providers": {"b": {"kind": "bedrock", "endpoint": "http://example.com"}}}, "base_url: want an https URL"),
        ({"providers": {"a": {"kind": "anthropic"}}}, "secret is missing"),
        (
            {"providers": {"o": OPENAI}, "routes": {"r": {"targets": [{"model": "o/x", "api": "openai"}]}}},
            "api goes with",
        ),
        (
            {"providers": {"b": {"kind": "bedrock"}}, "routes": {"r": {"targets": [{"model": "b/x", "api": "rest"}]}}},
            'want "openai"',
        ),
        (
            {
                "providers": {"b": {"kind": "bedrock"}},
                "routes": {
                    "r": {"targets": [{"model": "b/x", "base_model": "m"}]},
                    "s": {"targets": [{"model": "b/x", "base_model": "n"}]},
                },
            },
            "another base_model",
        ),
    ],
)
def test_what_is_wrong_of_bedrock_and_anthropic_is_named(document: dict[str, Any], says: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read(**document)
    assert says in caught.value.message


@pytest.mark.parametrize("seconds", ["-1", "3601", "soon", "", "nan", "1.2.3", "1e1"])
def test_how_often_a_pushed_configuration_is_looked_for_is_seconds_or_never(seconds: str) -> None:
    assert (read().config_seconds, read({"SLUICE_CONFIG_SECONDS": "0"}).config_seconds) == (20, 0)
    assert read({"SLUICE_CONFIG_SECONDS": "0.5"}).config_seconds == 0.5
    with pytest.raises(Misconfigured, match="SLUICE_CONFIG_SECONDS"):
        read({"SLUICE_CONFIG_SECONDS": seconds})
