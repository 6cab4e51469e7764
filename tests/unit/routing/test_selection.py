import pytest
from tests.fakes.gateway import alias

from sluice.domain.call import Target
from sluice.domain.errors import ModelNotFound
from sluice.routing.selection import Selection
from sluice.settings import settings

SELECTION = Selection({"openai": None, "local": None}, {"mini": alias("mini", "openai/gpt-5-mini")})


@pytest.mark.parametrize(
    ("model", "target"),
    [
        ("mini", Target("openai", "gpt-5-mini")),
        ("openai/gpt-5", Target("openai", "gpt-5")),
        ("local/meta/llama-3:8b", Target("local", "meta/llama-3:8b")),
        ("openai/ft:gpt-4o-mini-2024-07-18:org::id", Target("openai", "ft:gpt-4o-mini-2024-07-18:org::id")),
    ],
)
def test_a_model_string_has_one_target(model: str, target: Target) -> None:
    assert SELECTION.target(model) == target


def test_a_close_name_is_suggested() -> None:
    with pytest.raises(ModelNotFound, match="did you mean mini"):
        SELECTION.target("minni")


@pytest.mark.parametrize(
    "model",
    [
        "amazon.nova-micro-v1:0",
        "us.anthropic.claude-sonnet-5",
        "openai.gpt-oss-120b-1:0",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1",
    ],
)
def test_an_id_of_bedrocks_is_suggested_with_its_provider(model: str) -> None:
    bedrock = settings({"providers": {"aws": {"kind": "bedrock"}}}, {"SLUICE_TABLE": "t"}).providers
    with pytest.raises(ModelNotFound, match=f"did you mean aws/{model}"):
        Selection(bedrock, {}).target(model)
    with pytest.raises(ModelNotFound, match="^((?!did you mean).)*$"):
        SELECTION.target(model)


def test_a_name_with_a_dot_is_not_taken_for_one_of_bedrocks() -> None:
    bedrock = settings({"providers": {"aws": {"kind": "bedrock"}}}, {"SLUICE_TABLE": "t"}).providers
    with pytest.raises(ModelNotFound, match="^((?!did you mean).)*$"):
        Selection(bedrock, {}).target("gpt-4.1")
