"""Each row can be relied on: it is complete, it names what exists, and it loads."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sluice import presets
from sluice.domain.operation import OPERATIONS
from sluice.presets import PRESETS
from sluice.pricing import PriceTable
from sluice.provider_settings import LOOPBACK, NAME
from sluice.settings import settings

SOURCE = Path(presets.__file__).read_text(encoding="utf-8")
FAMILIES = PriceTable.load().families
# Fields that mean something to the answer: no provider may be spared them.
MEANINGFUL = {"model", "messages", "input", "prompt", "stream", "n", "tools", "tool_choice", "response_format", "stop"}
MEANINGFUL |= {"temperature", "top_p", "seed", "logprobs", "top_logprobs", "logit_bias", "service_tier", "store"}
MEANINGFUL |= {"max_tokens", "max_completion_tokens", "reasoning_effort", "frequency_penalty", "presence_penalty"}


@pytest.fixture(params=PRESETS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_providers_of_issue_3_are_there() -> None:
    assert set(PRESETS) == {"gemini", "groq", "mistral", "xai", "deepseek", "openrouter", "together", "ollama"}


def test_a_row_has_a_name_and_an_address(name: str) -> None:
    url = PRESETS[name].base_url or ""
    parts = urlsplit(url)

    assert NAME.fullmatch(name)
    assert parts.hostname
    assert parts.scheme == ("http" if parts.hostname in LOOPBACK else "https")
    assert not url.endswith("/")


def test_only_a_provider_of_this_machine_needs_no_key(name: str) -> None:
    assert PRESETS[name].needs_secret == (urlsplit(PRESETS[name].base_url).hostname not in LOOPBACK)


def test_a_row_names_what_exists(name: str) -> None:
    preset = PRESETS[name]

    assert preset.price_family is None or preset.price_family in FAMILIES
    assert preset.quirks.operations
    assert preset.quirks.operations <= set(OPERATIONS)
    assert "chat/completions" in preset.quirks.operations


def test_nothing_that_means_something_is_dropped(name: str) -> None:
    quirks = PRESETS[name].quirks

    assert not quirks.drops & MEANINGFUL
    assert not quirks.drops & {*quirks.renames, *quirks.renames.values()}
    assert not set(quirks.renames) & set(quirks.renames.values())


def test_usage_is_not_asked_for_where_its_field_is_dropped(name: str) -> None:
    quirks = PRESETS[name].quirks

    assert quirks.usage == ("stream_options" not in quirks.drops)


def test_a_row_says_where_it_was_read(name: str) -> None:
    comment = re.search(rf'((?:    #.*\n)+)    "{name}": Preset\(', SOURCE)

    assert comment
    assert "https://" in comment[1]


def test_a_row_is_all_that_a_configuration_must_name(name: str) -> None:
    table = {"kind": "compatible", "preset": name} | ({"secret": "sluice/it"} if PRESETS[name].needs_secret else {})

    found = settings({"providers": {"it": table}}, {"SLUICE_TABLE": "ledger"}).providers["it"]

    assert (found.base_url, found.price_family) == (PRESETS[name].base_url, PRESETS[name].price_family)
    assert (found.preset, found.quirks) == (name, PRESETS[name].quirks)
    assert (found.usage, found.strict_done) == (found.quirks.usage, found.quirks.strict_done)
