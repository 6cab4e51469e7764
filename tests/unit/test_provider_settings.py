from typing import Any

import pytest

from sluice.domain.errors import Misconfigured
from sluice.domain.timeouts import Timeouts
from sluice.presets import PRESETS, Quirks
from sluice.provider_settings import Azure
from sluice.settings import settings

ENVIRON = {"SLUICE_TABLE": "ledger", "AWS_REGION": "eu-west-1"}
OPENAI = {"kind": "openai", "secret": "sluice/openai"}
GROQ = {"kind": "compatible", "preset": "groq", "secret": "sluice/groq"}


def read(environ: dict[str, str] | None = None, **document: Any) -> Any:
    return settings({"providers": {"openai": OPENAI}, **document}, {**ENVIRON, **(environ or {})})


def provider(**table: Any) -> Any:
    return read(providers={"it": {"kind": "compatible", "base_url": "https://example.com/v1/", **table}}).providers[
        "it"
    ]


def test_defaults_hold_where_nothing_is_said_and_a_provider_overrides_them() -> None:
    found = read(
        defaults={"idle_timeout_seconds": 30},
        providers={"a": OPENAI, "b": {**OPENAI, "idle_timeout_seconds": 5, "heartbeat_seconds": 0}},
    ).providers

    assert found["a"].timeouts == Timeouts(idle_timeout_seconds=30)
    assert found["b"].timeouts == Timeouts(idle_timeout_seconds=5, heartbeat_seconds=0)


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
        "https://\u2603.example/v1",  # not a name that can be resolved
        "https://a\x00b/v1",
        "https://[v1.a]/v1",
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


@pytest.mark.parametrize("url", ["http://[", "https://example.com:99999/v1", "https://example.com:x/v1"])
def test_an_address_that_is_none_is_refused_in_words(url: str) -> None:
    with pytest.raises(Misconfigured, match="base_url: want an https URL"):
        provider(base_url=url)


AZURE = {"kind": "azure", "endpoint": "https://East-2.openai.azure.com", "secret": "sluice/azure"}


def azure(**table: Any) -> Any:
    return read(providers={"az": {**AZURE, **table}}).providers["az"].azure


def test_an_azure_resource_is_named_by_its_host_unless_it_is_said() -> None:
    assert azure() == Azure("east-2")
    assert azure(resource="other") == Azure("other")


def test_an_azure_resource_says_which_api_and_whose_token() -> None:
    assert azure(api_version="2024-10-21", auth="entra") == Azure("east-2", "2024-10-21", is_entra=True)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"endpoint": "http://east.openai.azure.com"}, "az.endpoint: want an https URL"),
        ({"api_version": "latest"}, 'want a date such as "2024-10-21"'),
        ({"auth": "password"}, 'want "api-key" or "entra"'),
        ({"region": "us-east-1"}, 'az.region goes with kind = "bedrock"'),
    ],
)
def test_what_is_wrong_of_azure_is_named(table: dict[str, Any], says: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        azure(**table)

    assert says in caught.value.message


def test_a_provider_whose_callers_bring_their_keys_needs_no_secret() -> None:
    found = read(providers={"theirs": {"kind": "openai", "caller_keys": True}}).providers["theirs"]

    assert (found.secret, found.caller_keys) == (None, True)
