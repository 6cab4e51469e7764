import pytest

from sluice.domain.call import Target
from sluice.domain.errors import ModelNotFound
from sluice.routing.selection import Selection

SELECTION = Selection({"openai": None, "local": None}, {"mini": "openai/gpt-5-mini"})


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
