"""The price table beside the lists it was made of: its own marks, what genai-prices charges, and the script itself."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sluice.domain.price import Price
from sluice.domain.usage import Usage
from sluice.pricing import TABLE, PriceTable, cost

ROOT = Path(__file__).parents[2]
PRICES = PriceTable.load()
FILE: dict[str, Any] = json.loads(TABLE.read_bytes())
FAMILIES = {"anthropic", "azure", "bedrock", "deepseek", "gemini", "groq", "mistral", "openai", "together", "xai"}
VERSIONS = {source["name"]: source["version"] for source in FILE["sources"]}
UNPACKED = [ROOT / "build/prices" / f"{name}-{version}" for name, version in VERSIONS.items()]
# What the second list lacks: the cached rate of fine-tuned and of some Mistral models, the long prompts of one GPT-5.6.
# Where it has another price: DeepSeek outside peak hours, retired Magistral, the output of an embedding.
KNOWN_DIFFERENCES = {
    "openai": {"ft:gpt-4o-2024-08-06", "ft:gpt-4o-2024-11-20", "ft:gpt-4o-mini-2024-07-18", "gpt-5.6-cyber"},
    "deepseek": {"deepseek-flash", "deepseek-v4-flash", "deepseek-v4-flash-vision-exp", "deepseek-v4-pro"},
    "mistral": {
        *("codestral-latest", "devstral-small-latest", "mistral-tiny", "pixtral-large-latest"),
        *("magistral-medium-latest", "magistral-small-latest"),
        *("mistral-embed", "mistral-embed-2312"),
    },
}
# The second list's name of a family's provider, and how many of our models it knows at least.
SECOND_NAMES = {
    "openai": ("openai", 100),
    "anthropic": ("anthropic", 18),
    "deepseek": ("deepseek", 4),
    "gemini": ("google", 20),
    "groq": ("groq", 6),
    "mistral": ("mistral", 30),
    "together": ("together", 18),
    "xai": ("x-ai", 15),
}
# The second is above every long-context threshold.
CALLS = [Usage(input=1000, cache_read=3000, output=700), Usage(input=250_000, cache_read=50_000, output=900)]
NANO = 10**9


def price(family: str, model: str) -> Price:
    found = PRICES.price(family, model)
    assert found is not None
    return found


class TestTheTable:
    def test_its_version_is_its_day_and_the_hash_of_its_prices(self) -> None:
        content = json.dumps(FILE["prices"], separators=(",", ":"), sort_keys=True)

        digest = hashlib.sha256(content.encode()).hexdigest()

        assert PRICES.version == FILE["version"] == f"{FILE['date']}-{digest[:8]}"
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", FILE["date"])

    def test_it_names_its_sources(self) -> None:
        assert [source["name"] for source in FILE["sources"]] == ["litellm", "genai-prices"]
        assert all(re.fullmatch(r"[0-9a-f]{64}", source["sha256"]) for source in FILE["sources"])

    def test_it_is_small_sorted_and_of_all_families(self) -> None:
        assert TABLE.stat().st_size < 90_000
        assert set(FILE["prices"]) == FAMILIES
        assert list(FILE["prices"]) == sorted(FILE["prices"])
        assert all(list(models) == sorted(models) for models in FILE["prices"].values())

    @pytest.mark.parametrize("family", sorted(FAMILIES))
    def test_no_rate_is_out_of_bounds(self, family: str) -> None:
        for model in FILE["prices"][family]:
            found = price(family, model)
            for rates in (found.rates, *found.tiers.values(), *found.long_tiers.values()):
                known = [rate for rate in rates if rate is not None]
                assert all(isinstance(rate, int) and 0 <= rate <= 1_000_000_000 for rate in known), model
                assert rates.cache_read <= rates.input <= rates.cache_write_5m, model
                assert rates.cache_write_1h is None or rates.cache_write_1h >= rates.cache_write_5m, model

    @pytest.mark.parametrize("family", sorted(FAMILIES))
    def test_no_model_is_free_and_long_prompts_are_not_cheaper(self, family: str) -> None:
        for model in FILE["prices"][family]:
            found = price(family, model)
            assert found.rates.input > 0, model
            assert (found.long_above is None) == (not found.long_tiers), model
            for tier, rates in found.long_tiers.items():
                short = found.tiers[tier] if tier else found.rates
                assert all(long >= usual for long, usual in zip(rates, short, strict=True) if long and usual), model


@pytest.fixture(scope="module")
def genai() -> ModuleType:
    """The second list as a library: another reading of the same prices, by other people's arithmetic."""
    try:
        installed = version("genai-prices")
    except PackageNotFoundError:
        pytest.skip("genai-prices is not installed: pip install genai-prices to compare with it")
    if installed != VERSIONS["genai-prices"]:
        pytest.skip(f"the table was checked against genai-prices {VERSIONS['genai-prices']}, not {installed}")
    return import_module("genai_prices")


class TestTheSecondList:
    @pytest.mark.parametrize("family", SECOND_NAMES)
    def test_both_charge_the_same_for_the_same_calls(self, genai: ModuleType, family: str) -> None:
        compared = list(self.totals(genai, family))

        unequal = {model for model, ours, theirs in compared if ours != theirs}
        assert unequal == KNOWN_DIFFERENCES.get(family, set())
        assert len({model for model, *_ in compared}) >= SECOND_NAMES[family][1]

    def totals(self, genai: ModuleType, family: str) -> Iterator[tuple[str, int | None, int]]:
        """Every model of the family that both know, with each call's nano-dollars in ours and in theirs."""
        for model in FILE["prices"][family]:
            for usage in CALLS:
                try:
                    theirs = genai.calc_price(
                        genai.Usage(
                            input_tokens=usage.prompt,
                            cache_read_tokens=usage.cache_read,
                            output_tokens=usage.output,
                        ),
                        model_ref=model,
                        provider_id=SECOND_NAMES[family][0],
                        genai_request_timestamp=datetime.fromisoformat(FILE["date"]).replace(tzinfo=UTC),
                    )
                except LookupError:
                    continue
                yield model, cost(usage, price(family, model)), int(theirs.total_price * Decimal(NANO))


class TestTheScript:
    def test_the_lists_give_the_table_that_is_here(self) -> None:
        if not all(folder.exists() for folder in UNPACKED):
            pytest.skip("the lists are not in build/prices: run python scripts/prices.py once, with a network")
        if not (find_spec("pydantic") and find_spec("httpx2")):
            pytest.skip("genai-prices needs pydantic and httpx2 to be read")

        ran = subprocess.run([sys.executable, ROOT / "scripts/prices.py", "--check"], capture_output=True, timeout=60)

        assert (ran.returncode, ran.stderr) == (0, b"")


@pytest.fixture
def litellm(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    return import_module("prices_litellm")


def entry(provider: str, **changes: object) -> dict[str, object]:
    """A model as the first list has it; what is None is left out."""
    rates = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
    whole = {"litellm_provider": provider, "mode": "chat", **rates, **changes}
    return {name: value for name, value in whole.items() if value is not None}


class TestTheFirstList:
    def rows(self, litellm: ModuleType, name: str, found: dict[str, object]) -> dict[str, Any]:
        rows = litellm.rows(json.dumps({name: found}), date(2026, 11, 20))
        return {str(key): row for key, row in rows.items()}

    def test_an_id_keeps_its_own_slash(self, litellm: ModuleType) -> None:
        assert set(self.rows(litellm, "groq/openai/oss", entry("groq"))) == {"groq/openai/oss"}
        assert set(self.rows(litellm, "together_ai/zai-org/GLM", entry("together_ai"))) == {"together/zai-org/GLM"}

    @pytest.mark.parametrize(
        ("name", "found"),
        [
            ("together-ai-up-to-4b", entry("together_ai")),
            ("xai/grok-retired", entry("xai", deprecation_date="2026-11-20")),
            ("gemini/free-preview", entry("gemini", input_cost_per_token=0)),
            ("gemini/gemini-film", entry("gemini", output_cost_per_video_token=1e-5)),
            ("gemini/deep-research-preview-04-2026", entry("gemini")),
            ("gemini/gemini-2.5-pro-preview-tts", entry("gemini")),
            ("xai/grok-draws", entry("xai", mode="image_generation")),
            ("xai/grok-unpriced", entry("xai", output_cost_per_token=None)),
            ("openai/eu/gpt-4o", entry("openai")),
            ("someone/else", entry("someone")),
        ],
    )
    def test_what_tokens_do_not_price_or_nobody_serves_is_left_out(
        self, litellm: ModuleType, name: str, found: dict[str, object]
    ) -> None:
        assert self.rows(litellm, name, found) == {}

    def test_a_model_is_served_until_its_last_day(self, litellm: ModuleType) -> None:
        assert self.rows(litellm, "xai/grok", entry("xai", deprecation_date="2026-11-21"))

    def test_an_embedding_without_a_price_of_output_has_none_to_pay(self, litellm: ModuleType) -> None:
        found = entry("mistral", mode="embedding", output_cost_per_token=None)

        (row,) = self.rows(litellm, "mistral/embed", found).values()

        assert row.tiers[""] == (1_000_000, None, None, None, 0)

    def test_what_is_written_to_a_free_cache_is_paid_as_input(self, litellm: ModuleType) -> None:
        found = entry("deepseek", cache_creation_input_token_cost=0.0)

        (row,) = self.rows(litellm, "deepseek/it", found).values()

        assert row.tiers[""] == (1_000_000, None, None, None, 2_000_000)


class TestDifferences:
    @pytest.fixture
    def differing(self, row: ModuleType) -> ModuleType:
        return import_module("prices_differences")

    @pytest.mark.parametrize(
        ("model", "rate"),
        [("mistral/magistral-small-latest", 1), ("mistral/mistral-large-4", 2), ("mistral/open-mistral-nemo", None)],
    )
    def test_the_first_list_is_believed_or_the_second_or_neither(
        self, row: ModuleType, differing: ModuleType, model: str, rate: int | None
    ) -> None:
        first, second = (row.Row({"": (each, None, None, None, each)}) for each in (1, 2))

        found = list(differing.differences(row.Key(*model.split("/")), first, second))
        written = differing.believed(first, second, found)

        assert (written and written.tiers[""][0]) == rate

    def test_a_difference_that_nobody_explained_is_named(self, row: ModuleType, differing: ModuleType) -> None:
        first, second = (row.Row({"": (each, None, None, None, 5)}) for each in (1, 2))

        (found,) = differing.differences(row.Key("xai", "grok-new"), first, second)

        assert str(found) == "xai/grok-new input: 1 or 2 (UNEXPLAINED)"

    def test_a_long_prompt_of_xai_begins_at_the_threshold(self, row: ModuleType, differing: ModuleType) -> None:
        long = row.Row({"": (1, None, None, None, 2)}, 200_000, {"": (2, None, None, None, 4)})

        starts = [differing.inclusive(row.Key(family, "it"), long).long_above for family in ("xai", "gemini")]

        assert starts == [199_999, 200_000]


@pytest.fixture
def row(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    return import_module("prices_row")


class TestARow:
    def test_a_rate_is_read_exactly(self, row: ModuleType) -> None:
        assert row.pico(Decimal("1.25E-7")) == 125_000
        assert row.pico(Decimal("0.0375"), 1_000_000) == 37_500

    @pytest.mark.parametrize("dollars", ["1.5E-12", "1E-13", "3.00000000000000000000000000001E-6"])
    def test_a_rate_that_is_not_exact_is_refused(self, row: ModuleType, dollars: str) -> None:
        with pytest.raises(ValueError, match="not a whole number"):
            row.pico(Decimal(dollars))

    @pytest.mark.parametrize(
        "rates",
        [
            (10**9 + 1, None, None, None, 0),
            (5, -1, None, None, 5),
            (5, 6, None, None, 5),
            (5, None, 4, None, 5),
            (5, None, 7, 6, 5),
        ],
    )
    def test_what_cannot_be_a_price_is_a_fault(self, row: ModuleType, rates: tuple[int | None, ...]) -> None:
        assert list(row.Row({"": rates}).faults())

    def test_a_price_has_no_faults(self, row: ModuleType) -> None:
        assert not list(row.Row({"": (5, 1, 6, 7, 9)}, 10, {"": (6, 2, 7, 8, 10)}).faults())
