from typing import Any

import pytest

from sluice.codecs.openai_usage import usage
from sluice.domain.usage import Usage

CHAT = {"prompt_tokens": 20, "completion_tokens": 9}
RESPONSES = {"input_tokens": 20, "output_tokens": 9}
NAMES = {"chat": ("prompt_tokens", "completion_tokens"), "responses": ("input_tokens", "output_tokens")}


@pytest.fixture(params=NAMES)
def names(request: pytest.FixtureRequest) -> tuple[str, str]:
    return NAMES[request.param]


def reported(names: tuple[str, str], prompt: Any = None, output: Any = None, **more: Any) -> Usage | None:
    """Usage of 20 and 9 tokens with such details, under either generation's names."""
    details = {f"{names[0]}_details": prompt, f"{names[1]}_details": output}
    return usage({names[0]: 20, names[1]: 9, **details, **more})


def test_both_generations_of_names_are_read(names: tuple[str, str]) -> None:
    assert reported(names) == Usage(input=20, output=9)


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"cached_tokens": 5}, Usage(input=15, cache_read=5, output=9)),
        ({"cached_tokens": 5, "cache_write_tokens": 7}, Usage(8, 5, 7, 0, 9)),
        ({"cache_write_tokens": 7, "cache_write_tokens_details": {"ttl_30m_tokens": 7}}, Usage(13, 0, 7, 0, 9)),
        (
            {"cache_write_tokens": 7, "cache_write_tokens_details": {"ttl_30m_tokens": 3, "ttl_12h_tokens": 4}},
            Usage(13, 0, 3, 4, 9),
        ),
        ({"cache_write_tokens": 7, "cache_write_tokens_details": None}, Usage(13, 0, 7, 0, 9)),
        ({"cached_tokens": None}, Usage(input=20, output=9)),
        ({"text_tokens": 20, "image_tokens": 0}, Usage(input=20, output=9)),
    ],
)
def test_cached_tokens_are_told_apart(names: tuple[str, str], details: dict[str, Any], expected: Usage) -> None:
    assert reported(names, details) == expected


@pytest.mark.parametrize(
    "details",
    [
        {"cached_tokens": 21},
        {"cached_tokens": 12, "cache_write_tokens": 9},
        {"cache_write_tokens": 3, "cache_write_tokens_details": {"ttl_12h_tokens": 4}},
        {"cached_tokens": -1},
        {"cached_tokens": "5"},
        {"cached_tokens": True},
    ],
)
def test_details_that_cannot_be_make_all_of_it_unbelievable(names: tuple[str, str], details: dict[str, Any]) -> None:
    assert reported(names, details) is None


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"output": {"reasoning_tokens": 3}}, Usage(input=20, output=9, reasoning=3)),
        ({"output": {"reasoning_tokens": 30}, "total_tokens": 59}, Usage(input=20, output=39, reasoning=30)),
        ({"total_tokens": 59}, Usage(input=20, output=39, reasoning=30)),
        ({"total_tokens": 29}, Usage(input=20, output=9)),
        ({"total_tokens": "59"}, Usage(input=20, output=9)),
        ({"total_tokens": 2**60}, Usage(input=20, output=9)),
        ({"total_tokens": 3}, Usage(input=20, output=9)),
    ],
)
def test_thinking_that_only_the_total_gives_away_is_counted(
    names: tuple[str, str], more: dict[str, Any], expected: Usage
) -> None:
    assert reported(names, **more) == expected


@pytest.mark.parametrize("where", ["prompt", "output"])
def test_sound_has_no_price_here(names: tuple[str, str], where: str) -> None:
    found = reported(names, **{where: {"audio_tokens": 4}})

    assert found is not None
    assert not found.is_priced


@pytest.mark.parametrize("name", ["num_sources_used", "num_server_side_tools_used"])
def test_what_is_charged_by_the_piece_has_no_price_here(names: tuple[str, str], name: str) -> None:
    found, none = reported(names, **{name: 3}), reported(names, **{name: 0})

    assert found is not None
    assert none is not None
    assert (found.is_priced, none.is_priced) == (False, True)


@pytest.mark.parametrize(
    "both",
    [
        {**CHAT, "input_tokens": 0, "output_tokens": 0, "input_tokens_details": None},
        {**RESPONSES, "prompt_tokens": 0, "completion_tokens": 0},
        {**CHAT, **RESPONSES},
        {**RESPONSES, "prompt_tokens": "many"},
    ],
)
def test_zeros_beside_the_true_counts_are_not_believed(both: dict[str, Any]) -> None:
    assert usage(both) == Usage(input=20, output=9)


@pytest.mark.parametrize("nothing", [None, "", [], 5, {}, {"total_tokens": 5}, {"output_tokens": 5}, {"seconds": 3}])
def test_what_has_no_count_of_the_prompt_is_no_usage(nothing: object) -> None:
    assert usage(nothing) is None


def test_embeddings_have_no_output() -> None:
    assert usage({"prompt_tokens": 8, "total_tokens": 8}) == Usage(input=8)


def test_a_prompt_of_no_tokens_is_believed() -> None:
    assert usage({"prompt_tokens": 0, "completion_tokens": 5}) == Usage(output=5)
