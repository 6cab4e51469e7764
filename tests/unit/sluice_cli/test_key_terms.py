import argparse
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from sluice import policy_settings
from sluice_cli import key_terms
from sluice_cli.commands import keys
from sluice_cli.failure import UsageError
from sluice_cli.key_terms import Terms

NOW = 1_795_208_400.0  # 2026-11-20T21:00:00Z


def terms(*words: str) -> Terms:
    return Terms.of(keys.parser().read(["create", *words]))


def test_all_terms_are_read() -> None:
    budgets = ["--budget", "10.00/month", "--budget", "$1/day", "--overshoot", "10%"]
    rates = ["--rate", "60/min", "--tokens", "200000", "--concurrent", "4"]
    models = ["--models", "smart, openai/gpt-*", "--models", "smart,big"]

    found = terms(
        "search", "--owner", "ann@example.com", *budgets, *rates, *models, "--tag", "team=search", "--tag", "a=b=c"
    )

    assert found == Terms(
        "search",
        "ann@example.com",
        ("smart", "openai/gpt-*", "big"),
        (
            {"usd": "10.00", "window": "month", "estimate": "typical", "overshoot": "10%"},
            {"usd": "1", "window": "day", "estimate": "typical", "overshoot": "10%"},
        ),
        {"requests_per_minute": 60, "tokens_per_minute": 200_000, "concurrent": 4},
        {"team": "search", "a": "b=c"},
        None,
    )


def test_a_strict_key_has_strict_budgets() -> None:
    assert terms("x", "--owner", "a", "--budget", "1/total", "--strict").budgets == (
        {"usd": "1", "window": "total", "estimate": "strict"},
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "name the key: `sluice keys create NAME"),
        (["x"], "say whose key it is: --owner"),
        (["a b", "--owner", "a"], "'a b' is no name of a key"),
        (["slu_x", "--owner", "a"], "keys themselves begin with slu_"),
        (["x", "--owner", "a", "--strict"], "add one, as in --budget 10.00/month"),
        (["x", "--owner", "a", "--overshoot", "1"], "add one, as in --budget"),
        (
            ["x", "--owner", "a", "--budget", "1/day", "--strict", "--overshoot", "1"],
            "leave out --overshoot, or --strict",
        ),
        (["x", "--owner", "a", "--budget", "1/day", "--budget", "2/day"], "one --budget for each window"),
        (["x", "--owner", "a", "--tag", "a=b", "--tag", "a=c"], "a tag has one value"),
        (["x", "--owner", "a", "--models", ",".join(f"m{n}" for n in range(33))], "at most 32 models, and here are 33"),
    ],
)
def test_what_does_not_go_together_is_said(words: Sequence[str], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        terms(*words)

    assert says in str(caught.value)


WRONG: dict[Callable[[str], Any], Sequence[str]] = {
    key_terms.owner: ("", " ", "a\nb", "x" * 129),
    key_terms.models: ("", ",", "a\tb", "gpt-ü", "x" * 257),
    key_terms.budget: (
        "10",
        "10/",
        "/day",
        "10/year",
        "0/day",
        "-1/day",
        "1e3/day",
        "10.0000000001/day",
        "1,5/day",
        "٣/day",
    ),
    key_terms.overshoot: ("", "lots", "-1", "%", "10 %", "1/2"),
    key_terms.requests: ("0", "-1", "1.5", "60/s", "1000001", "٣", ""),
    key_terms.tokens: ("0", "1000000001", "2e5/min"),
    key_terms.concurrent: ("0", "1001", "4/min"),
    key_terms.tag: ("team", "=x", "team=", "a b=c", "team=a\nb", "team=" + "x" * 129),
    key_terms.span: ("", "1", "24", "1y", "-1h", "0x"),
}


@pytest.mark.parametrize(
    ("read", "text"),
    [(read, text) for read, texts in WRONG.items() for text in texts],
    ids=lambda one: getattr(one, "__name__", repr(one))[:40],
)
def test_what_cannot_be_is_refused_and_the_right_is_said(read: Callable[[str], Any], text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"use|as in|are$|such as|does$"):
        read(text)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("90d", 1_795_208_400 + 90 * 86_400),
        ("24h", 1_795_208_400 + 86_400),
        ("2027-01-01", 1_798_761_600),
        ("2026-11-20T22:00:00+00:00", 1_795_212_000),
    ],
)
def test_an_end_is_a_span_a_day_or_a_moment(text: str, ends: int) -> None:
    assert key_terms.expiry(text, lambda: NOW) == ends


@pytest.mark.parametrize(
    ("text", "says"),
    [("2026-11-20", "is over"), ("0d", "is over"), ("never", "is no time to end at"), ("", "is no time")],
)
def test_no_key_ends_before_it_begins(text: str, says: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=says):
        key_terms.expiry(text, lambda: NOW)


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("30m", 1800), ("24h", 86_400), ("7d", 604_800)])
def test_a_grace_is_a_span(text: str, seconds: int) -> None:
    assert key_terms.span(text) == seconds


def test_the_gateway_takes_what_is_taken_here() -> None:
    most = f"--rate {key_terms.MAX_REQUESTS} --tokens {key_terms.MAX_TOKENS} --concurrent {key_terms.MAX_CONCURRENT}"
    budgets = "--budget 999999999.999999999/month --budget 0.000000001/day --overshoot 99999.99%"
    found = terms("x", "--owner", "a", *most.split(), *budgets.split())

    made = [policy_settings.budget(one, "budgets", "key x") for one in found.budgets]

    assert [one.limit for one in made] == [10**18 - 1, 1]
    assert policy_settings.TYPICAL_OVERSHOOT == "100%"  # as --help says
    assert policy_settings.rate(found.rate, "rate", "key x").concurrent == 1000
