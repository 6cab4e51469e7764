import pytest

from sluice_cli.model_text import model_text

HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3"


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (None, f"bedrock/{HAIKU}"),
        (51, f"bedrock/{HAIKU}"),
        (50, HAIKU),
        (42, "anthropic.claude-haiku-4-5-20251001-v1:0"),
        (39, "claude-haiku-4-5-20251001-v1:0"),
        (29, "claude-haiku-4-5-20251001-v1"),
        (18, "claude-haiku-4-5"),
        (12, "claude…u-4-5"),
    ],
)
def test_what_says_least_goes_first(width: int | None, shown: str) -> None:
    assert model_text(HAIKU, "bedrock", HAIKU, width) == shown


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ("amazon.nova-micro-v1:0", "nova-micro-v1:0"),
        ("global.amazon.nova-2-lite-v1:0", "nova-2-lite-v1:0"),
        ("amazon.nova-throttled-v1:0", "nova-throttled-v1"),
        ("openai.gpt-oss-120b-1:0", "gpt-oss-120b-1:0"),
        ("us.deepseek.r1-v1:0", "deepseek.r1-v1:0"),
        ("deepseek.v3.2", "deepseek.v3.2"),
        ("moonshotai.kimi-k2.5", "kimi-k2.5"),
        ("gpt-3.5-turbo", "gpt-3.5-turbo"),
        ("anthropic/claude-sonnet-4", "claude-sonnet-4"),
        (PROFILE, "a1b2c3"),
        (f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{HAIKU}", "claude-haiku-4-5"),
    ],
)
def test_a_model_is_known_in_eighteen_columns(model: str, shown: str) -> None:
    assert model_text(model, "bedrock", model, 18) == shown


@pytest.mark.parametrize("route", ["gpt-4o-mini", "openai/gpt-4o-mini", None])
def test_a_model_asked_for_by_its_own_name_is_named_once(route: str | None) -> None:
    assert model_text(route, "openai", "gpt-4o-mini") == "openai/gpt-4o-mini"


@pytest.mark.parametrize(
    ("width", "shown"),
    [(None, f"smart > bedrock/{HAIKU}"), (24, "smart > claude-haiku-4-5"), (23, "claude-haiku-4-5")],
)
def test_a_route_is_told_beside_its_model_as_long_as_both_have_room(width: int | None, shown: str) -> None:
    assert model_text("smart", "bedrock", HAIKU, width) == shown


def test_a_route_that_is_named_as_its_model_is_told_once() -> None:
    assert model_text("claude-haiku-4-5", "bedrock", HAIKU, 18) == "claude-haiku-4-5"
