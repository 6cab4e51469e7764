"""Which family a model's id belongs to, and that docs/models.md says of each what the data says."""

import pytest
from tests.house.pages import section, tables, text
from tests.house.repository import ROOT

from sluice.translation.families import bare, family
from sluice.translation.families_table import FAMILIES, UNKNOWN
from sluice.translation.family import ALL_CHOICES, Family

PAGE = ROOT / "docs/models.md"
ARN = "arn:aws:bedrock:us-east-1:123456789012"
HIDDEN = f"{ARN}:application-inference-profile/a1b2c3"

EXAMPLES = {
    "anthropic.claude-v2:1": "Claude 2 and Instant",
    "anthropic.claude-instant-v1": "Claude 2 and Instant",
    "anthropic.claude-3-haiku-20240307-v1:0": "Claude 3",
    "anthropic.claude-3-5-sonnet-20240620-v1:0": "Claude 3",
    "anthropic.claude-3-5-sonnet-20241022-v2:0": "Claude 3.5 Sonnet v2",
    "anthropic.claude-3-5-haiku-20241022-v1:0": "Claude 3.5 Haiku",
    "anthropic.claude-3-7-sonnet-20250219-v1:0": "Claude 3.7 and 4",
    "anthropic.claude-sonnet-4-20250514-v1:0": "Claude 3.7 and 4",
    "anthropic.claude-opus-4-1-20250805-v1:0": "Claude 4.1",
    "anthropic.claude-sonnet-4-5-20250929-v1:0": "Claude 4.5",
    "claude-haiku-4-5-20251001": "Claude 4.5",
    "anthropic.claude-opus-4-6-v1": "Claude 4.6",
    "anthropic.claude-opus-4-7": "Claude, newer",
    "anthropic.claude-opus-5": "Claude, newer",
    "anthropic.claude-fable-5": "Claude, newer",
    "anthropic.claude-opus-4-8": "Claude Opus 4.8, Sonnet 5, Haiku 5.5",
    "anthropic.claude-sonnet-5": "Claude Opus 4.8, Sonnet 5, Haiku 5.5",
    "anthropic.claude-haiku-5-5": "Claude Opus 4.8, Sonnet 5, Haiku 5.5",
    "anthropic.claude-sonnet-5-5": "Claude Sonnet 5.5",
    "anthropic.claude-opus-5-5": "Claude Opus 5.5, Fable 5.1",
    "anthropic.claude-fable-5-1": "Claude Opus 5.5, Fable 5.1",
    "anthropic.claude-mythos-5-1": "Claude Mythos 5.1",
    "amazon.nova-micro-v1:0": "Nova Micro",
    "amazon.nova-pro-v1:0": "Nova",
    "amazon.nova-2-lite-v1:0": "Nova 2",
    "amazon.nova-2-omni-v1:0": "Nova 2 Omni",
    "amazon.titan-text-express-v1": "Titan Text",
    "meta.llama3-8b-instruct-v1:0": "Llama 2 and 3",
    "meta.llama3-1-70b-instruct-v1:0": "Llama 3.1 to 3.3",
    "meta.llama3-2-1b-instruct-v1:0": "Llama 3.1 to 3.3",
    "meta.llama3-2-90b-instruct-v1:0": "Llama 3.2 Vision and 4",
    "meta.llama4-scout-17b-instruct-v1:0": "Llama 3.2 Vision and 4",
    "mistral.mixtral-8x7b-instruct-v0:1": "Mistral 7B and Mixtral",
    "mistral.mistral-large-2407-v1:0": "Mistral Large",
    "mistral.mistral-large-3-675b-instruct": "Mistral Large 3",
    "mistral.ministral-3-8b-instruct": "Ministral 3",
    "mistral.pixtral-large-2502-v1:0": "Pixtral and Magistral",
    "mistral.voxtral-mini-3b-2507": "Voxtral",
    "mistral.devstral-2-123b": "Mistral",
    "deepseek.r1-v1:0": "DeepSeek R1",
    "deepseek.v3.2": "DeepSeek V3",
    "qwen.qwen3-32b-v1:0": "Qwen3",
    "qwen.qwen3-vl-235b-a22b": "Qwen3 VL",
    "zai.glm-4.7": "GLM",
    "zai.glm-5": "GLM 5",
    "zai.glm-5.3": "GLM 5.3",
    "moonshot.kimi-k2-thinking": "Kimi K2",
    "moonshotai.kimi-k2.5": "Kimi K2.5",
    "moonshotai.kimi-k3": "Kimi K3",
    "minimax.minimax-m2.1": "MiniMax M2",
    "google.gemma-3-27b-it": "Gemma 3",
    "nvidia.nemotron-nano-9b-v2": "Nemotron Nano",
    "nvidia.nemotron-nano-12b-v2": "Nemotron Nano 12B",
    "nvidia.nemotron-super-3-120b": "Nemotron",
    "openai.gpt-oss-120b-1:0": "gpt-oss",
    "openai.gpt-6-sol": "GPT-5 and 6",
    "xai.grok-4": "Grok",
    "cohere.command-r-plus-v1:0": "Command R",
    "cohere.command-text-v14": "Command",
    "ai21.jamba-1-5-large-v1:0": "Jamba 1.5",
    "ai21.jamba-instruct-v1:0": "Jamba Instruct",
    "writer.palmyra-x5-v1:0": "Palmyra X",
    "writer.palmyra-vision-7b": "Palmyra Vision",
    HIDDEN: "unknown",
    "does-not-exist": "unknown",
    "": "unknown",
}
GEOGRAPHIES = ("us.", "eu.", "apac.", "global.", "us-gov.", "jp.", "au.", "in.")
WITHOUT_A_PREFIX = ("does-not-exist", "claude-haiku-4-5-20251001", HIDDEN, "")

CACHED = {
    frozenset(): "no",
    frozenset({"system", "messages"}): "not on tools",
    frozenset({"system", "messages", "tools"}): "everywhere",
}
FORCED = {frozenset(ALL_CHOICES): "any or named", frozenset({"auto", "any"}): "any"}


def word(claim: bool) -> str:
    return "yes" if claim else "no"


def takes(one: Family) -> list[str]:
    """The cells of the first table, behind the family and its example."""
    forced = FORCED.get(one.choices, "no") if one.takes_tools else "no"
    claims = (one.takes_images, one.takes_documents, one.takes_audio)
    return [word(one.takes_tools), forced, *map(word, claims), word(one.speaks_messages)]


def asks(one: Family) -> list[str]:
    """The cells of the second table, behind the family."""
    cache = CACHED[one.cache_points] + (", 1 h" if one.caches_an_hour else "")
    return [str(one.json_schema), str(one.reasoning), cache, word(one.takes_stop), str(one.top_k), str(one.sampling)]


def all_families() -> list[Family]:
    """Each once, in the table's order, and last what is sent for a model without a name."""
    return list(dict.fromkeys([*(one for _, one in FAMILIES), UNKNOWN]))


@pytest.mark.parametrize(("model", "name"), EXAMPLES.items())
def test_an_id_belongs_to_a_family(model: str, name: str) -> None:
    assert family(model).name == name


@pytest.mark.parametrize("geography", GEOGRAPHIES)
@pytest.mark.parametrize("model", [model for model in EXAMPLES if model not in WITHOUT_A_PREFIX])
def test_a_geography_or_an_arn_changes_no_family(model: str, geography: str) -> None:
    assert bare(geography + model) == bare(model) == model
    assert family(geography + model) == family(model)
    assert family(f"{ARN}:inference-profile/{geography}{model}") == family(model)
    assert family(f"arn:aws:bedrock:us-east-1::foundation-model/{model}") == family(model)


def test_a_custom_model_shows_its_base() -> None:
    base = "anthropic.claude-3-haiku-20240307-v1:0:200k"

    assert family(f"{ARN}:custom-model/{base}/abcdefghijkl").name == "Claude 3"
    assert family("ANTHROPIC.CLAUDE-SONNET-5").is_claude


def test_every_family_has_an_example_and_a_name_of_its_own() -> None:
    assert {one.name for one in all_families()} == set(EXAMPLES.values())
    assert len({one.name for one in all_families()}) == len(all_families())


def test_claude_from_version_three_speaks_messages() -> None:
    speaking = {one.name for one in all_families() if one.speaks_messages}

    assert speaking == {one.name for one in all_families() if one.is_claude} - {"Claude 2 and Instant"}


def test_the_page_says_of_each_family_what_it_takes() -> None:
    table = tables(section(text(PAGE), "What each family takes"))[0]

    assert [[name, *cells] for name, _, *cells in table] == [[one.name, *takes(one)] for one in all_families()]
    models = {name: model.strip("`") for name, model, *_ in table}
    assert {name: family(model).name for name, model in models.items()} == {name: name for name in models}


def test_the_page_says_how_each_family_is_asked() -> None:
    table = tables(section(text(PAGE), "How each family is asked"))[0]

    assert table == [[one.name, *asks(one)] for one in all_families()]
