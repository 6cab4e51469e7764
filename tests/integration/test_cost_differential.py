"""What 200 varied calls cost here, and what two maintained public calculators say of the same tokens.

genai-prices (Pydantic) comes with the development environment; LiteLLM's calculator runs in .venv-prove, where that is.
All three are compared in nano-dollars. Where one of them says something else, the table below says why, and what it has
to say if that is the reason: a difference that is not in the table fails, and so does a reason that is needed no more.
"""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.integration.cost_samples import COUNT, FAMILIES, SHAPES, Sample, samples

import setup
from sluice.domain.price import Price
from sluice.pricing import TABLE, PriceTable, cost

ROOT = Path(__file__).parents[2]
PRICES = PriceTable.load()
SAMPLES = tuple(samples(PRICES))
LISTED = {source["name"]: source["version"] for source in json.loads(TABLE.read_bytes())["sources"]}
GENAI, LITELLM = "genai-prices", "litellm"
PROVIDERS = {"openai": "openai", "anthropic": "anthropic", "bedrock": "aws", "azure": "azure"}
AT = datetime(2026, 11, 20, tzinfo=UTC)  # when the table was made
PICO = 10**12
PROVE = setup.ENVIRONMENTS["prove"]

OPENAI_PRICES = "https://developers.openai.com/api/docs/pricing"
ANTHROPIC_PRICES = "https://platform.claude.com/docs/en/about-claude/pricing"
REGIONS = "https://platform.claude.com/docs/en/build-with-claude/claude-in-amazon-bedrock#regions"
BEDROCK_PRICES = "https://aws.amazon.com/bedrock/pricing/"
AZURE_PRICES = "https://azure.microsoft.com/en-us/pricing/details/azure-openai/"
GENAI_LIST = "https://github.com/pydantic/genai-prices"


def price(sample: Sample) -> Price:
    found = PRICES.price(sample.family, sample.model)
    assert found is not None
    return found


def short_written(sample: Sample) -> int | None:
    """As if all that was written to the cache were kept for the shorter time."""
    usage, written = sample.usage, sample.usage.cache_write_5m + sample.usage.cache_write_1h
    usage = replace(usage, cache_write_5m=written, cache_write_1h=0)
    return cost(usage, price(sample), sample.tier)


def standard(sample: Sample) -> int | None:
    """As if the standard tier had answered."""
    return cost(sample.usage, price(sample))


def never_long(sample: Sample) -> int | None:
    """As if there were no premium on long prompts."""
    return cost(sample.usage, replace(price(sample), long_above=None), sample.tier)


def uncached(sample: Sample) -> int | None:
    """As if a cached token cost what any other does."""
    usage = replace(sample.usage, input=sample.usage.input + sample.usage.cache_read, cache_read=0)
    return cost(usage, price(sample), sample.tier)


def american(sample: Sample) -> int | None:
    """As if a commercial region of America had answered."""
    found = PRICES.price(sample.family, sample.model.replace("us-gov.", "us."))
    return cost(sample.usage, found, sample.tier)


def american_never_long(sample: Sample) -> int | None:
    return never_long(replace(sample, model=sample.model.replace("us-gov.", "us.")))


def a_tenth_less(sample: Sample) -> int | None:
    return None if sample.cost is None else round(Fraction(sample.cost * 10, 11))


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one calculator, for the samples whose names the pattern fits: why it says something else, and what it says."""

    calculator: str
    samples: str
    charged: Callable[[Sample], int | None]
    why: str
    source: str

    def covers(self, calculator: str, sample: Sample) -> bool:
        return calculator == self.calculator and re.fullmatch(self.samples, sample.name) is not None


LONGER = r"openai/.* (long write|all caches)"
DIFFERENCES = (
    Difference(
        GENAI, LONGER, short_written, "It has no rate for what OpenAI keeps longer in its cache.", OPENAI_PRICES
    ),
    Difference(
        LITELLM,
        LONGER,
        short_written,
        "Its list has OpenAI's rate of longer retention (`_above_12hr`), its calculator asks for Anthropic's alone.",
        OPENAI_PRICES,
    ),
    Difference(
        LITELLM,
        r"anthropic/claude-sonnet-4-5.* (long|threshold)",
        never_long,
        "Its list dropped the premium above 200,000 tokens, which the 1M beta has; ours is rather too much.",
        ANTHROPIC_PRICES,
    ),
    Difference(
        GENAI,
        r"bedrock/us-gov\.anthropic\.claude-sonnet-4-5.* (long|threshold)",
        american_never_long,
        "It takes GovCloud for a commercial region, and has no premium on Bedrock.",
        REGIONS,
    ),
    Difference(
        GENAI,
        r"bedrock/(?!us-gov).*anthropic\.claude-sonnet-4-.* (long|threshold)",
        never_long,
        "It has no premium on Bedrock.",
        BEDROCK_PRICES,
    ),
    Difference(
        GENAI,
        r"bedrock/us-gov\.(?!anthropic\.claude-sonnet-4-5).*",
        american,
        "GovCloud costs more; it takes these ids for those of commercial regions.",
        BEDROCK_PRICES,
    ),
    Difference(
        GENAI, r"(azure|bedrock)/.* @.*", standard, "It has no tiers of Azure and Bedrock: standard rates.", GENAI_LIST
    ),
    Difference(
        GENAI,
        r"azure/(ada|text-embedding-.*|gpt-4-turbo.*|gpt-3\.5-turbo-instruct-0914) .*",
        a_tenth_less,
        "Ours is Azure's price of a deployment in a region, 10 % above the global one that it lists.",
        AZURE_PRICES,
    ),
    Difference(
        GENAI, r"azure/gpt-5\.[45]-pro.* (long|read)", uncached, "It has no rate for cached tokens here.", AZURE_PRICES
    ),
)


def explanation(calculator: str, sample: Sample) -> Difference | None:
    return next((one for one in DIFFERENCES if one.covers(calculator, sample)), None)


def nano(dollars: Decimal | None) -> int | None:
    """Half up, of the nearest pico-dollar: a binary fraction is that near to the sum it stands for."""
    return None if dollars is None else (round(dollars * PICO) + 500) // 1000


@pytest.fixture(scope="module")
def genai() -> list[int | None]:
    """What genai-prices says of each sample, in nano-dollars; None where it does not know the model."""
    if version(GENAI) != LISTED[GENAI]:
        pytest.skip(f"the table was checked against {GENAI} {LISTED[GENAI]}, not {version(GENAI)}")
    return [nano(genai_dollars(sample)) for sample in SAMPLES]


def genai_dollars(sample: Sample) -> Decimal | None:
    calculator, tokens = import_module("genai_prices"), sample.usage
    usage = calculator.Usage(
        input_tokens=tokens.prompt,
        cache_read_tokens=tokens.cache_read,
        cache_write_tokens=tokens.cache_write_5m + tokens.cache_write_1h,
        cache_write_5m_tokens=tokens.cache_write_5m,
        cache_write_1h_tokens=tokens.cache_write_1h,
        output_tokens=tokens.output,
    )
    try:
        found: Decimal = calculator.calc_price(
            usage,
            model_ref=sample.model,
            provider_id=PROVIDERS[sample.family],
            genai_request_timestamp=AT,
            price_context={"service_tier": sample.tier} if sample.tier else None,
        ).total_price
    except LookupError:
        return None
    return found


@pytest.fixture(scope="module")
def litellm() -> list[int | None]:
    """As `genai`, of LiteLLM, from a process of its own."""
    if not PROVE.python.exists():
        pytest.skip("LiteLLM is not installed; python3 scripts/setup.py prove, with a network")
    ran = subprocess.run(
        [PROVE.python, "-I", ROOT / "tests/integration/litellm_costs.py"],
        input="\n".join(json.dumps(asdict(sample)) for sample in SAMPLES),
        env={"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    installed, *said = map(json.loads, ran.stdout.splitlines())
    if f"\n{LITELLM}=={installed} " not in PROVE.file.read_text(encoding="utf-8"):
        pytest.skip(f"LiteLLM {installed} is not the one that is locked; python3 scripts/setup.py prove")
    return [nano(None if dollars is None else Decimal(dollars)) for dollars in said]


def unexplained(calculator: str, said: list[int | None]) -> Iterator[str]:
    """Where it does not say what we do, nor what the table says that it would."""
    for sample, theirs in zip(SAMPLES, said, strict=True):
        why = explanation(calculator, sample)
        if theirs not in (None, why.charged(sample) if why else sample.cost):
            yield f"{sample.name} {sample.usage}: {sample.cost} here, {theirs} there"


def needless(calculator: str, said: list[int | None]) -> Iterator[str]:
    """Reasons for differences that are none (any more)."""
    differing = [one for one, theirs in zip(SAMPLES, said, strict=True) if theirs not in (None, one.cost)]
    needed = {explanation(calculator, sample) for sample in differing}
    yield from (one.samples for one in DIFFERENCES if one.calculator == calculator and one not in needed)


def equal(said: list[int | None]) -> int:
    return sum(sample.cost == theirs for sample, theirs in zip(SAMPLES, said, strict=True))


def test_the_samples_are_as_varied_as_prices_are() -> None:
    assert len(SAMPLES) == COUNT
    assert {sample.family for sample in SAMPLES} == set(FAMILIES)
    assert {sample.shape for sample in SAMPLES} == {shape.name for shape in SHAPES}
    assert {"flex", "priority"} < {sample.tier for sample in SAMPLES}
    assert len({sample.model for sample in SAMPLES}) > COUNT / 2
    assert all(sample.cost for sample in SAMPLES)


def test_genai_prices_says_the_same_or_the_table_says_why(genai: list[int | None]) -> None:
    assert list(unexplained(GENAI, genai)) == []
    assert list(needless(GENAI, genai)) == []
    assert genai.count(None) < COUNT / 8
    assert equal(genai) > COUNT * 0.7


@pytest.mark.slow
def test_litellm_says_the_same_or_the_table_says_why(litellm: list[int | None]) -> None:
    assert list(unexplained(LITELLM, litellm)) == []
    assert list(needless(LITELLM, litellm)) == []
    assert litellm.count(None) < COUNT / 20
    assert equal(litellm) > COUNT * 0.9


@pytest.mark.slow
def test_each_cost_is_what_one_of_them_says_but_for_what_openai_keeps_longer(
    genai: list[int | None], litellm: list[int | None]
) -> None:
    alone = [
        sample
        for sample, *said in zip(SAMPLES, genai, litellm, strict=True)
        if sample.cost not in said and not re.fullmatch(LONGER, sample.name)
    ]

    assert [sample.name for sample in alone if explanation(GENAI, sample) is None] == []
    assert len(alone) < COUNT / 50
