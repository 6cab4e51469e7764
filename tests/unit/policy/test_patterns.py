"""`*` is any text, and no pattern takes longer than its length says."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.policy.patterns import fits, fits_any


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("openai/gpt-5", "openai/gpt-5"),
        ("openai/gpt-5", "*"),
        ("", "*"),
        ("openai/gpt-5", "openai/*"),
        ("bedrock/arn:aws:x/y/z", "bedrock/*"),
        ("openai/gpt-5", "*/gpt-*"),
        ("openai/gpt-5", "openai/gpt-5*"),
        ("aXbXc", "a*b*c"),
        ("abab", "*ab"),
        ("a**b", "a*b"),
    ],
)
def test_a_star_is_any_text(text: str, pattern: str) -> None:
    assert fits(text, pattern)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("openai/gpt-5", "OpenAI/*"),
        ("openai/gpt-5-mini", "openai/gpt-5"),
        ("my-openai/gpt-5", "openai/*"),
        ("aba", "ab*ba"),
        ("ab", "a*b*b"),
        ("", "x"),
        ("x", ""),
        ("a.c", "a?c"),
        ("abc", "a.c"),
        ("x\n", "x"),
    ],
)
def test_everything_else_is_itself(text: str, pattern: str) -> None:
    assert not fits(text, pattern)


def slowly(text: str, pattern: str) -> bool:
    """By definition."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return slowly(text, pattern[1:]) or (bool(text) and slowly(text[1:], pattern))
    return bool(text) and text[0] == pattern[0] and slowly(text[1:], pattern[1:])


@given(st.text("ab/", max_size=8), st.text("ab/*", max_size=8))
def test_it_is_what_the_definition_says(text: str, pattern: str) -> None:
    assert fits(text, pattern) == slowly(text, pattern)


def test_a_pattern_of_many_stars_takes_no_time() -> None:
    started = time.perf_counter()

    assert not fits("a" * 4096, "a*" * 256 + "b")

    assert time.perf_counter() - started < 0.1


def test_one_of_several_is_enough() -> None:
    assert fits_any("b", ("a", "b"))
    assert not fits_any("b", ())
