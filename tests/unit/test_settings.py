from typing import Any

import pytest

from sluice.domain.errors import Misconfigured
from sluice.presets import PRESETS, Quirks
from sluice.settings import OPENAI_URL, Timeouts, load, settings

ENVIRON = {"SLUICE_TABLE": "ledger", "AWS_REGION": "eu-west-1"}
OPENAI = {"kind": "openai", "secret": "sluice/openai"}
GROQ = {"kind": "compatible", "preset": "groq", "secret": "sluice/groq"}


def read(environ: dict[str, str] | None = None, **document: Any) -> Any:
    return settings({"providers": {"openai": OPENAI}, **document}, {**ENVIRON, **(environ or {})})


def provider(**table: Any) -> Any:
    return read(providers={"it": {"kind": "compatible", "base_url": "https://example.com/v1/", **table}}).providers[
        "it"
    ]


def test_the_shipped_configuration_is_accepted() -> None:
    from pathlib import Path

    import sluice

    shipped = load(ENVIRON, Path(sluice.__file__).parents[1] / "gateway.toml")

    assert shipped.providers["openai"].base_url == OPENAI_URL
    assert shipped.routes["gpt-5-mini"] == "openai/gpt-5-mini"


def test_defaults_hold_where_nothing_is_said_and_a_provider_overrides_them() -> None:
    found = read(
        defaults={"idle_timeout_seconds": 30},
        providers={"a": OPENAI, "b": {**OPENAI, "idle_timeout_seconds": 5, "heartbeat_seconds": 0}},
    ).providers

    assert found["a"].timeouts == Timeouts(idle_timeout_seconds=30)
    assert found["b"].timeouts == Timeouts(idle_timeout_seconds=5, heartbeat_seconds=0)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"provider": {}}, "unknown key provider; did you mean providers"),
        ({"providers": {}}, "no provider is configured"),
        ({"providers": {"openai": {**OPENAI, "secrte": "x"}}}, "providers.openai.secrte; did you mean secret"),
        ({"providers": {"openai": {**OPENAI, "zzz": 1}}}, "known: base_url"),
        ({"providers": {"openai": {"secret": "x"}}}, 'kind is missing: want "openai", "compatible"'),
        ({"providers": {"openai": {"kind": "opnai"}}}, 'want "openai", "compatible", "anthropic" or "bedrock"'),
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
        ({"routes": {"mini": {"targets": []}}}, "one target"),
        ({"routes": {"mini": {"targets": [{}]}}}, "model is missing"),
        ({"routes": {"mini": {"targets": [{"model": "openai/a"}, {"model": "openai/b"}]}}}, "one target"),
        ({"ledger": {"typical_output_tokens": 0}}, "whole number"),
        ({"secrets": {"ttl_seconds": 0}}, "more than 0"),
        ({"providers": {"it": {**GROQ, "preset": "grok"}}}, "preset = 'grok': unknown preset; did you mean groq"),
        ({"providers": {"it": {**GROQ, "preset": "zzz"}}}, "unknown preset; known: deepseek, gemini, groq"),
        ({"providers": {"it": {**GROQ, "preset": ""}}}, "want the name of a preset"),
        ({"providers": {"it": {**GROQ, "preset": ["groq"]}}}, "want the name of a preset"),
        ({"providers": {"it": {**OPENAI, "preset": "groq"}}}, "a preset goes with kind = \"compatible\", not 'openai'"),
        ({"providers": {"it": {**GROQ, "base_url": "http://example.com"}}}, "base_url: want an https URL"),
        ({"providers": {"it": {**GROQ, "stored_objects": 1}}}, "stored_objects = 1: want true or false"),
        ({"providers": {"it": {**GROQ, "usage": "no"}}}, "usage = 'no': want true or false"),
    ],
)
def test_what_is_wrong_is_named_with_what_would_be_right(document: dict[str, Any], says: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read(**document)

    assert says in caught.value.message


def test_a_preset_that_needs_a_key_is_refused_without_one_in_the_same_words_as_openai() -> None:
    refusals = []
    for table in ({"kind": "openai"}, {"kind": "compatible", "preset": "groq"}):
        with pytest.raises(Misconfigured) as caught:
            read(providers={"it": table})
        refusals.append(caught.value.message)

    assert refusals[0] == refusals[1]
    assert refusals[0] == 'providers.it.secret is missing: name the secret that holds {"api_key": "..."}'


def test_a_preset_on_this_machine_needs_no_key_and_may_have_one() -> None:
    ollama = {"kind": "compatible", "preset": "ollama"}

    found = read(providers={"a": ollama, "b": {**ollama, "secret": "sluice/ollama"}}).providers

    assert (found["a"].base_url, found["a"].secret) == ("http://127.0.0.1:11434/v1", None)
    assert found["b"].secret == "sluice/ollama"


def test_what_a_preset_says_can_be_said_otherwise() -> None:
    other = {"base_url": "https://eu.example.com/v1", "price_family": "together", "usage": False, "strict_done": False}

    found = read(providers={"it": {**GROQ, **other}}).providers["it"]

    assert (found.base_url, found.price_family) == ("https://eu.example.com/v1", "together")
    assert (found.usage, found.strict_done) == (found.quirks.usage, found.quirks.strict_done) == (False, False)
    assert found.quirks.drops == PRESETS["groq"].quirks.drops


def test_a_preset_is_overridden_for_loopback_too() -> None:
    found = read({"SLUICE_PROVIDER_URL_IT": "http://127.0.0.1:9/v1"}, providers={"it": GROQ}).providers["it"]

    assert found.base_url == "http://127.0.0.1:9/v1"


def test_without_a_preset_a_provider_is_taken_for_openai_s_like() -> None:
    found = provider()

    assert (found.preset, found.price_family, found.quirks) == (None, None, Quirks())
    assert (found.usage, found.strict_done, found.stored_objects) == (True, False, False)
    assert read().providers["openai"].quirks == Quirks()


def test_stored_objects_are_named_only_where_the_configuration_says_so() -> None:
    found = read(providers={"a": OPENAI, "b": {**OPENAI, "stored_objects": True}}).providers

    assert [found[name].stored_objects for name in "ab"] == [False, True]


@pytest.mark.fault("A09")
@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/v1",
        "http://169.254.169.254/v1",
        "http://127.0.0.1.example.com/v1",
        "http://2130706433/v1",
        "ftp://127.0.0.1/v1",
        "https://user:pass@example.com/v1",
        "https://example.com/v1?x=1",
        "https:///v1",
        "//example.com",
        "example.com",
    ],
)
def test_a_base_url_is_https_or_loopback(url: str) -> None:
    with pytest.raises(Misconfigured, match="base_url"):
        provider(base_url=url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:11434/v1", "http://localhost:1/v1", "http://[::1]:1/v1"])
def test_plain_http_is_taken_for_loopback(url: str) -> None:
    assert provider(base_url=url).base_url == url


def test_a_slash_at_the_end_of_a_base_url_does_not_matter() -> None:
    assert provider().base_url == "https://example.com/v1"


def test_an_override_may_name_loopback_only() -> None:
    found = read({"SLUICE_PROVIDER_URL_OPENAI": "http://127.0.0.1:9/v1"}).providers["openai"]

    assert found.base_url == "http://127.0.0.1:9/v1"
    with pytest.raises(Misconfigured, match="loopback"):
        read({"SLUICE_PROVIDER_URL_OPENAI": "https://example.com/v1"})


def test_a_route_may_be_written_short_or_long() -> None:
    found = read(routes={"a": "openai/x", "b": {"targets": [{"model": "openai/y"}]}}).routes

    assert found == {"a": "openai/x", "b": "openai/y"}


def test_the_table_must_be_named() -> None:
    with pytest.raises(Misconfigured, match="SLUICE_TABLE"):
        settings({"providers": {"openai": OPENAI}}, {})


@pytest.mark.parametrize("days", ["0", "-1", "1.5", "many", ""])
def test_records_are_kept_for_whole_days(days: str) -> None:
    assert read({"SLUICE_RETENTION_DAYS": "30"}).retention_days == 30
    with pytest.raises(Misconfigured, match="SLUICE_RETENTION_DAYS"):
        read({"SLUICE_RETENTION_DAYS": days})


def test_a_provider_at_bedrock_is_in_the_functions_region_and_may_be_silent_for_longer() -> None:
    found = read(
        providers={"bedrock": {"kind": "bedrock"}, "eu": {"kind": "bedrock", "region": "eu-central-1"}}
    ).providers

    assert found["bedrock"].base_url == "https://bedrock-runtime.eu-west-1.amazonaws.com"  # as ENVIRON says
    assert (found["eu"].region, found["eu"].base_url) == (
        "eu-central-1",
        "https://bedrock-runtime.eu-central-1.amazonaws.com",
    )
    assert found["eu"].timeouts.idle_timeout_seconds == 300
    assert (
        read(defaults={"idle_timeout_seconds": 7}, providers={"b": {"kind": "bedrock"}})
        .providers["b"]
        .timeouts.idle_timeout_seconds
        == 7
    )


def test_a_bedrock_provider_in_china_is_under_its_own_domain() -> None:
    found = read(providers={"cn": {"kind": "bedrock", "region": "cn-north-1"}}).providers["cn"]
    assert found.base_url == "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"


def test_an_endpoint_stands_in_the_place_of_the_regional_one() -> None:
    found = read(providers={"b": {"kind": "bedrock", "endpoint": "https://vpce-1.bedrock-runtime.example"}}).providers[
        "b"
    ]
    assert found.base_url == "https://vpce-1.bedrock-runtime.example"


def test_what_a_route_says_of_its_target_holds_wherever_that_is_named() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1"
    routes = {"mine": {"targets": [{"model": f"bedrock/{arn}", "base_model": "anthropic.claude-sonnet-5"}]}}
    found = read(providers={"bedrock": {"kind": "bedrock"}}, routes=routes)

    assert found.routes == {"mine": f"bedrock/{arn}"}
    assert found.targets[f"bedrock/{arn}"].family_model == "anthropic.claude-sonnet-5"


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
