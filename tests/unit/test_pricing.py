"""What a call costs. Examples are computed by hand from the page each one names, in dollars per million tokens."""

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.domain.price import Price, Rates
from sluice.domain.usage import Usage
from sluice.pricing import PriceTable, bound, cost

OPENAI_PRICES = "https://developers.openai.com/api/docs/pricing"
ANTHROPIC_PRICES = "https://platform.claude.com/docs/en/about-claude/pricing"
PRICES = PriceTable.load()
MICRO = 1000  # nano-dollars per micro-dollar: a rate in dollars per million tokens is one in micro-dollars per token


def price(family: str, model: str) -> Price:
    found = PRICES.price(family, model)
    assert found is not None
    return found


class TestKnownExamples:
    def test_cached_tokens_of_openai_cost_their_own_rate_once(self) -> None:
        """2,006 tokens of prompt, 1,920 of them cached, 300 of completion; 2.50, 1.25 and 10.00 (OPENAI_PRICES)."""
        usage = Usage(input=2006 - 1920, cache_read=1920, output=300)

        nano = cost(usage, price("openai", "gpt-4o"))

        assert nano == (215 + 2400 + 3000) * MICRO

    def test_reasoning_is_paid_as_the_part_of_the_output_that_it_is(self) -> None:
        """75 tokens in, 1,186 out, 1,024 of them thought; 1.25 and 10.00 (OPENAI_PRICES)."""
        usage = Usage(input=75, output=1186, reasoning=1024)

        nano = cost(usage, price("openai", "gpt-5"))

        assert nano == 93_750 + 11_860 * MICRO

    def test_cache_writes_of_openai_cost_more_than_input(self) -> None:
        """10,000 of prompt: 1,000 read, 6,000 written; 500 out; 2.00, 0.20, 2.50 and 10.00 (OPENAI_PRICES)."""
        usage = Usage(input=3000, cache_read=1000, cache_write_5m=6000, output=500)

        nano = cost(usage, price("openai", "gpt-6-sol"))

        assert nano == (6000 + 200 + 15_000 + 5000) * MICRO

    def test_cache_of_anthropic_is_written_dear_and_read_cheap(self) -> None:
        """5.00 in, 6.25 written for 5 minutes, 0.50 read, 25.00 out (ANTHROPIC_PRICES)."""
        opus = price("anthropic", "claude-opus-4-5")

        first = cost(Usage(input=21, cache_write_5m=188_086, output=393), opus)
        second = cost(Usage(input=21, cache_read=188_086, output=393), opus)

        assert first == 105 * MICRO + 1_175_537_500 + 9825 * MICRO
        assert second == (105 + 94_043 + 9825) * MICRO

    def test_an_hour_in_the_cache_of_anthropic_costs_twice_the_input(self) -> None:
        """5.00 in, 0.50 read, 6.25 for 5 minutes, 10.00 for an hour, 25.00 out (ANTHROPIC_PRICES)."""
        usage = Usage(input=2048, cache_read=1800, cache_write_5m=456, cache_write_1h=100, output=503)

        nano = cost(usage, price("anthropic", "claude-opus-4-5"))

        assert nano == (10_240 + 900 + 2850 + 1000 + 12_575) * MICRO

    def test_a_long_prompt_changes_the_price_of_the_whole_call(self) -> None:
        """Above 272,000 tokens, cached ones included: 5.00 in, 0.50 read, 22.50 out (OPENAI_PRICES)."""
        usage = Usage(input=200_000, cache_read=100_000, output=1000)

        nano = cost(usage, price("openai", "gpt-5.4"))

        assert nano == (1_000_000 + 50_000 + 22_500) * MICRO

    def test_a_prompt_at_the_threshold_is_not_long(self) -> None:
        """2.50 in (OPENAI_PRICES)."""
        at, above = Usage(input=272_000), Usage(input=272_001)

        costs = [cost(usage, price("openai", "gpt-5.4")) for usage in (at, above)]

        assert costs == [680_000 * MICRO, 1_360_005 * MICRO]

    @pytest.mark.parametrize(
        ("tier", "micro"),
        [
            (None, 2500 + 250 + 15_000),
            ("auto", 2500 + 250 + 15_000),
            ("default", 2500 + 250 + 15_000),
            ("flex", 1250 + 130 + 7500),
            ("priority", 5000 + 500 + 30_000),
            ("fast", 5000 + 500 + 30_000),
        ],
    )
    def test_a_service_tier_has_its_own_rates(self, tier: str | None, micro: int) -> None:
        """2.50, 0.25 and 15.00; flex 1.25, 0.13 and 7.50; priority, or fast, 5.00, 0.50 and 30.00 (OPENAI_PRICES)."""
        usage = Usage(input=1000, cache_read=1000, output=1000)

        nano = cost(usage, price("openai", "gpt-5.4"), tier)

        assert nano == micro * MICRO

    def test_an_embedding_costs_its_input(self) -> None:
        """0.02 (OPENAI_PRICES)."""
        nano = cost(Usage(input=8), price("openai", "text-embedding-3-small"))

        assert nano == 160

    def test_thinking_of_gemini_is_paid_as_output(self) -> None:
        """0.30 in, 0.03 cached, 2.50 out, thinking included: https://ai.google.dev/gemini-api/docs/pricing."""
        usage = Usage(input=1000, cache_read=1000, output=1000, reasoning=600)

        nano = cost(usage, price("gemini", "gemini-2.5-flash"))

        assert nano == (300 + 30 + 2500) * MICRO

    @pytest.mark.parametrize(("prompt", "dollars"), [(199_999, 2), (200_000, 4)])
    def test_a_prompt_at_the_threshold_of_xai_is_long(self, prompt: int, dollars: int) -> None:
        """2.00 below 200,000 tokens of prompt, 4.00 from there: https://docs.x.ai/docs/models/grok-4.5."""
        assert cost(Usage(input=prompt), price("xai", "grok-4.5")) == prompt * dollars * MICRO

    def test_an_id_with_a_slash_is_a_model_of_its_provider(self) -> None:
        """0.15 in, 0.60 out: https://groq.com/pricing."""
        assert cost(Usage(input=2000, output=1000), price("groq", "openai/gpt-oss-120b")) == (300 + 600) * MICRO

    def test_deepseek_costs_at_most_what_the_table_says(self) -> None:
        """0.30, 0.006 and 1.20 in peak hours, half at others: https://api-docs.deepseek.com/quick_start/pricing."""
        usage = Usage(input=1000, cache_read=1000, output=1000)

        assert cost(usage, price("deepseek", "deepseek-flash")) == (300 + 6 + 1200) * MICRO


class TestUnknownIsNull:
    @pytest.mark.parametrize(
        ("family", "model"),
        [
            ("openai", "gpt-unheard-of"),
            ("openai", "gpt-4o-2024-8-06"),
            ("openai", ""),
            ("openai", "ft:gpt-unheard-of:org::id"),
            ("openai", "ft:gpt-5-2025-08-07:org::id"),
            ("openai", "gpt-4o-search-preview"),
            ("gemini", "gemma-4-31b-it"),
            ("mistral", "mistral-large-latest"),
            ("xai", "grok-code-fast-1"),
            ("no-such-family", "gpt-4o"),
            (None, "gpt-4o"),
        ],
    )
    def test_a_model_the_table_has_not_has_no_price(self, family: str | None, model: str) -> None:
        found = PRICES.price(family, model)

        assert found is None
        assert cost(Usage(input=1), found) is None
        assert bound(1, 1, found) is None

    def test_no_tokens_at_no_price_is_still_unknown(self) -> None:
        assert cost(Usage(), None) is None

    def test_tokens_of_a_kind_without_a_rate_leave_the_cost_unknown(self) -> None:
        usage = Usage(input=10, output=10, is_priced=False)

        assert cost(usage, price("openai", "gpt-4o")) is None

    @pytest.mark.parametrize("tier", ["flex", "scale", "turbo", "PRIORITY"])
    def test_a_tier_without_rates_is_unknown_and_not_standard(self, tier: str) -> None:
        gpt_4 = price("openai", "gpt-4")

        assert cost(Usage(input=10), gpt_4, tier) is None
        assert bound(10, 10, gpt_4, tier) is None

    def test_a_long_prompt_at_a_tier_without_long_rates_is_unknown(self) -> None:
        usage = Usage(input=300_000)

        assert cost(usage, price("openai", "gpt-5.4"), "priority") is None

    def test_a_longer_cache_write_without_a_rate_is_unknown(self) -> None:
        sonnet = price("bedrock", "anthropic.claude-sonnet-4-20250514-v1:0")

        assert cost(Usage(input=1, cache_write_1h=1), sonnet) is None
        assert cost(Usage(input=1, cache_write_5m=1), sonnet) == 3000 + 3750

    @pytest.mark.parametrize("name", [*Rates._fields, "reasoning"])
    def test_a_negative_count_is_refused(self, name: str) -> None:
        counts: dict[str, Any] = {name: -1}
        usage = Usage(**counts)

        with pytest.raises(ValueError, match="negative"):
            cost(usage, price("openai", "gpt-4o"))

    @pytest.mark.parametrize("tokens", [(-1, 0), (0, -1)])
    def test_a_negative_bound_is_refused(self, tokens: tuple[int, int]) -> None:
        with pytest.raises(ValueError, match="cannot have"):
            bound(*tokens, price("openai", "gpt-4o"))


class TestMatching:
    def test_a_snapshot_with_its_own_price_keeps_it(self) -> None:
        assert price("openai", "gpt-4o-2024-05-13") != price("openai", "gpt-4o")

    def test_a_snapshot_without_one_costs_what_its_model_does(self) -> None:
        assert price("openai", "gpt-4o-2031-01-31") == price("openai", "gpt-4o")

    def test_a_fine_tuned_model_costs_what_its_kind_does_and_not_its_base(self) -> None:
        found = price("openai", "ft:gpt-4o-mini-2024-07-18:org:name:id")

        assert found == price("openai", "ft:gpt-4o-mini-2024-07-18")
        assert found != price("openai", "gpt-4o-mini-2024-07-18")

    def test_a_global_profile_of_bedrock_costs_less_than_a_region(self) -> None:
        """In-region and geographic inference costs 10 % more:
        https://platform.claude.com/docs/en/build-with-claude/claude-in-amazon-bedrock#regions
        """
        model = "anthropic.claude-sonnet-4-6"

        inputs = [price("bedrock", prefix + model).rates.input for prefix in ("global.", "us.", "eu.", "")]

        assert inputs == [3_000_000, 3_300_000, 3_300_000, 3_300_000]


class TestOverrides:
    def test_a_price_of_the_configuration_stands_before_the_table(self) -> None:
        mine = {"gpt-4o": {"input": "0.25", "output": Decimal("2.00"), "cache_read": "0.025", "max_output_tokens": "9"}}

        found = PRICES.with_overrides(mine).price("openai", "gpt-4o")

        assert found == Price(Rates(250_000, 25_000, 250_000, 250_000, 2_000_000), max_output_tokens=9)

    def test_a_model_no_family_has_can_be_given_a_price(self) -> None:
        table = PRICES.with_overrides({"llama": {"input": "0", "output": 0}})

        assert cost(Usage(input=7, output=7), table.price(None, "llama")) == 0
        assert table.price(None, "other") is None

    def test_one_fine_tuned_model_can_be_given_its_own_price(self) -> None:
        table = PRICES.with_overrides({"ft:gpt-4o-2024-08-06:org::one": {"input": "1", "output": "1"}})

        one, other = (table.price("openai", f"ft:gpt-4o-2024-08-06:org::{name}") for name in ("one", "other"))

        assert (one and one.rates.input, other and other.rates.input) == (1_000_000, 3_750_000)

    def test_the_version_tells_of_overrides_and_of_which(self) -> None:
        one = PRICES.with_overrides({"llama": {"input": "1", "output": "1"}})
        other = PRICES.with_overrides({"llama": {"input": "1", "output": "2"}})
        again = PRICES.with_overrides({"llama": {"output": "1.0", "input": Decimal(1)}})

        assert PRICES.with_overrides({}).version == PRICES.version
        assert one.version == again.version
        assert len({PRICES.version, one.version, other.version}) == 3
        assert one.version.startswith(f"{PRICES.version}+")

    @pytest.mark.parametrize(
        "value",
        [
            *(
                "-1",
                "-0.000001",
                "10000.000001",
                "1e99",
                "NaN",
                "Infinity",
                "0.0000001",
                "0.25000000000000000000000001",
            ),
            *("", "free", "$1", 0.25, True, None, [], "1e-99999999"),
        ],
    )
    def test_what_is_no_exact_price_is_refused_by_its_name(self, value: object) -> None:
        with pytest.raises(ValueError, match=r"prices\.llama\.cache_read is .* it should be dollars per million"):
            PRICES.with_overrides({"llama": {"input": "1", "output": "1", "cache_read": value}})

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"input": "1", "ouput": "1"}, "unknown key 'ouput'; keys: input, cache_read"),
            ({"input": "1"}, "'output' is missing"),
            ({"output": "1"}, "'input' is missing"),
            ({"input": "1", "output": "1", "max_output_tokens": "0"}, "max_output_tokens is '0'; it should be a whole"),
            ({"input": "1", "output": "1", "max_output_tokens": True}, "max_output_tokens is True; it should be"),
        ],
    )
    def test_a_wrong_table_is_refused_with_what_would_be_right(self, given: dict[str, object], message: str) -> None:
        with pytest.raises(ValueError, match=re.escape(message)):
            PRICES.with_overrides({"llama": given})


class TestBound:
    def test_the_dearest_class_is_reserved(self) -> None:
        price = Price(Rates(10_000, 1_000, 12_500, 20_000, 50_000))

        assert bound(3, 2, price) == 3 * 20 + 2 * 50

    def test_it_is_rounded_up(self) -> None:
        assert bound(1, 0, Price(Rates(1, 1, 1, 1, 1))) == 1

    def test_the_models_own_limit_counts_where_the_call_names_none(self) -> None:
        price = Price(Rates(1000, 1000, 1000, 1000, 2000), max_output_tokens=50)

        assert bound(1, None, price) == 101
        assert bound(1, None, Price(price.rates)) is None

    def test_what_answers_nothing_needs_no_limit(self) -> None:
        assert bound(8, None, price("openai", "text-embedding-3-small")) == 160

    def test_the_long_price_is_reserved_as_soon_as_it_can_be_reached(self) -> None:
        price = Price(Rates(1, 1, 1, 1, 1), long_above=5, long_tiers={"": Rates(1000, 1000, 1000, 1000, 1000)})

        assert [bound(5, 0, price), bound(6, 0, price)] == [1, 6]

    def test_a_cheaper_tier_reserves_what_the_provider_may_serve_instead(self) -> None:
        gpt = price("openai", "gpt-5.4")

        assert bound(10, 10, gpt, "flex") == bound(10, 10, gpt)


counts = st.integers(0, 2_000_000)
usages = st.builds(Usage, input=counts, cache_read=counts, cache_write_5m=counts, cache_write_1h=counts, output=counts)
rates = st.builds(Rates, *[st.integers(0, 10**9)] * 5)
tiers = st.sampled_from(["", "flex", "priority"])
prices = st.builds(
    Price,
    rates=rates,
    tiers=st.dictionaries(st.sampled_from(["flex", "priority"]), rates),
    long_above=st.none() | st.integers(0, 3_000_000),
    long_tiers=st.dictionaries(tiers, rates),
)
PROPERTY = settings(max_examples=200, deadline=None, database=None)


class TestProperties:
    @PROPERTY
    @given(usages, prices)
    def test_a_cost_is_the_exact_sum_within_half_a_nano_dollar(self, usage: Usage, price: Price) -> None:
        nano = cost(usage, Price(price.rates))

        exact = sum(
            getattr(usage, name) * rate
            for name, rate in zip(Rates._fields, price.rates, strict=True)
            if rate is not None
        )
        assert nano is not None
        assert nano >= 0
        assert -500 < nano * 1000 - exact <= 500

    @PROPERTY
    @given(usages, usages, rates)
    def test_two_calls_cost_what_their_sum_does_give_or_take_a_rounding(
        self, one: Usage, other: Usage, rates: Rates
    ) -> None:
        both = Usage(*(getattr(one, name) + getattr(other, name) for name in Rates._fields))

        apart = [cost(one, Price(rates)), cost(other, Price(rates))]
        together = cost(both, Price(rates))

        assert together is not None
        assert abs(sum(nano or 0 for nano in apart) - together) <= 1

    @PROPERTY
    @given(usages, usages, rates)
    def test_more_tokens_never_cost_less(self, usage: Usage, more: Usage, rates: Rates) -> None:
        grown = Usage(*(getattr(usage, name) + getattr(more, name) for name in Rates._fields))

        nano, grown_nano = cost(usage, Price(rates)), cost(grown, Price(rates))

        assert nano is not None
        assert grown_nano is not None
        assert nano <= grown_nano

    @PROPERTY
    @given(usages, prices, tiers, st.integers(0, 1000), st.integers(0, 1000), st.booleans())
    def test_no_call_within_its_bound_costs_more_than_it(
        self, usage: Usage, price: Price, tier: str, spare_input: int, spare_output: int, is_standard: bool
    ) -> None:
        reserved = bound(usage.prompt + spare_input, usage.output + spare_output, price, tier)

        nano = cost(usage, price, "default" if is_standard else tier)

        assert nano is None or reserved is None or nano <= reserved


def test_an_override_that_is_no_table_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"prices\.mine is '1'; it should be a table of dollars"):
        PriceTable.load().with_overrides({"mine": "1"})  # type: ignore[dict-item]
