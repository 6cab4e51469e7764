"""The tables of policies: what they become, and the words for what is wrong in them."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import sluice
from sluice.domain.errors import Misconfigured
from sluice.domain.policy import Action, Budget, Estimate, Guard, GuardAction, Mode, Policy, Rate, Who, Window
from sluice.policy.known_patterns import FINDERS
from sluice.policy_settings import KNOWN_PATTERNS, MAX_ALL_BUDGETS, MAX_PATTERN, budget, rate, usd
from sluice.settings import Settings, settings

ROLE = "arn:aws:sts::*:assumed-role/Developers/*"
BUDGET = {"usd": "50.00"}


def read(*policies: dict[str, Any], **document: Any) -> Settings:
    providers = {"openai": {"kind": "openai", "secret": "sluice/openai"}}
    routes = {"smart": "openai/gpt-5", "cheap": "openai/gpt-5-nano"}
    whole = {"providers": providers, "routes": routes, "policies": list(policies), **document}
    return settings(whole, {"SLUICE_TABLE": "ledger"})


def one(**table: Any) -> Policy:
    return read({"name": "developers", **table}).policies[0]


def refusal(**table: Any) -> str:
    with pytest.raises(Misconfigured) as caught:
        one(**table)
    return caught.value.message


def test_without_policies_everybody_may_use_everything() -> None:
    found = read()

    assert (found.policies, found.access, found.patterns, found.idempotency) == ((), Action.ALLOW, {}, True)


def test_a_policy_needs_only_a_name() -> None:
    assert one() == Policy("developers")


def test_everything_can_be_said_of_a_policy() -> None:
    found = one(
        who={
            "arn": ROLE,
            "session": ["ada", "bob*"],
            "account": "1*",
            "organisation": "o-1",
            "tags": {"team": "search"},
        },
        models=["smart", "openai/gpt-*"],
        mode="shadow",
        when={"env": "prod"},
        budget={
            "usd": "50.00",
            "window": "week",
            "per": "tag:team",
            "estimate": "typical",
            "overshoot": "10%",
            "fallback": "cheap",
            "hot": True,
            "max_output_tokens": 99,
        },
        rate={"requests_per_minute": 60, "tokens_per_minute": 200_000, "concurrent": 8, "per": "session"},
        guard={"patterns": ["card", "email"], "action": "block", "guardrail": "abc", "guardrail_version": "3"},
    )

    assert found == Policy(
        name="developers",
        who=Who((ROLE,), ("ada", "bob*"), ("1*",), ("o-1",), {"team": ("search",)}),
        models=("smart", "openai/gpt-*"),
        mode=Mode.SHADOW,
        when={"env": "prod"},
        budgets=(
            Budget("developers", 50 * 10**9, Window.WEEK, "tag:team", Estimate.TYPICAL, 5 * 10**9, 99, True, "cheap"),
        ),
        rate=Rate("developers", 60, 200_000, 8, "session"),
        guard=Guard(("card", "email"), GuardAction.BLOCK, "abc", "3"),
    )


def test_who_may_be_written_short() -> None:
    assert one(who=ROLE).who == one(who=[ROLE]).who == one(who={"arn": [ROLE]}).who == Who((ROLE,))


def test_a_budget_that_is_added_renames_none() -> None:
    first, second, third = one(budget=[BUDGET, {"usd": 200, "per": "all"}, {"usd": "1", "window": "total"}]).budgets

    assert [first.name, second.name, third.name] == ["developers", "developers:2", "developers:3"]
    assert first == one(budget=BUDGET).budgets[0]


@pytest.mark.parametrize(
    ("written", "nano_dollars"),
    [("50.00", 50 * 10**9), ("0.000000001", 1), (7, 7 * 10**9), ("999999999.999999999", 10**18 - 1)],
)
def test_money_is_exact(written: object, nano_dollars: int) -> None:
    assert usd(written, "x") == one(budget={"usd": written}).budgets[0].limit == nano_dollars


@pytest.mark.parametrize(
    "written", ["0", "0.0", 0, -1, 50.0, "-1", "1e3", "$5", "5,00", "1.0000000001", "", " 5", "٣", True, 10**9, None]
)
def test_money_that_could_be_read_in_two_ways_is_refused(written: object) -> None:
    assert "usd" in refusal(budget={"usd": written})


@pytest.mark.parametrize(
    ("written", "nano_dollars"),
    [("25%", 2_500_000_000), ("0%", 0), ("12.5%", 1_250_000_000), ("100.25%", 10_025_000_000), ("3.00", 3 * 10**9)],
)
def test_an_overshoot_is_a_share_or_an_amount(written: str, nano_dollars: int) -> None:
    assert one(budget={"usd": 10, "overshoot": written}).budgets[0].overshoot == nano_dollars


def test_a_strict_budget_has_no_overshoot() -> None:
    assert one(budget={"usd": 10, "estimate": "strict"}).budgets[0].overshoot == 0
    assert 'goes with estimate = "typical"' in refusal(budget={"usd": 10, "estimate": "strict", "overshoot": "0%"})


def test_a_rate_is_each_of_its_limits_alone() -> None:
    assert one(rate={"concurrent": 3}).rate == Rate("developers", concurrent=3)


def test_settings_of_a_key_come_from_the_same_code() -> None:
    assert budget({"usd": "5"}, "key", "mine").name == "mine"
    assert rate({"concurrent": 5, "per": "key"}, "key", "mine") == Rate("mine", concurrent=5, per="key")


def test_what_guards_know_by_name_is_what_may_be_named() -> None:
    assert set(KNOWN_PATTERNS) == set(FINDERS)


def test_the_operators_own_patterns_can_be_named() -> None:
    found = read({"name": "a", "guard": {"patterns": "ticket"}}, patterns={"ticket": "TCK-[0-9]{6}"})

    assert found.patterns == {"ticket": "TCK-[0-9]{6}"}
    assert found.policies[0].guard == Guard(("ticket",))


def test_what_no_policy_says_and_whether_answers_are_kept_can_be_said() -> None:
    found = read(defaults={"access": "block"}, idempotency={"keep_answers": False})

    assert (found.access, found.idempotency) == (Action.BLOCK, False)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"name": "a b"}, "policies[0].name = 'a b': want letters, digits"),
        ({"name": "x" * 49}, "at most 48"),
        ({"whom": ROLE}, "unknown key policies[0].whom; did you mean who?"),
        ({"who": []}, "want an ARN, a list of ARNs"),
        ({"who": {}}, "policies.developers.who is empty, which would be everybody"),
        ({"who": {"tags": {}}}, "want a table of a key's tags"),
        ({"who": {"sessions": "x"}}, "unknown key policies.developers.who.sessions; did you mean session?"),
        ({"who": {"account": 123456789012}}, "want a text or a list of texts"),
        ({"who": "Developers"}, 'want an ARN, such as "arn:aws:sts::*:assumed-role/Developers/*"'),
        ({"who": "arn:aws:iam::1:role/a/Devs"}, 'want "arn:aws:sts::*:assumed-role/Devs/*"'),
        ({"models": []}, "want a text or a list of texts"),
        ({"models": [""]}, "want a text or a list of texts"),
        ({"action": "alow"}, 'want "allow" or "block"'),
        ({"mode": "off"}, 'want "enforce" or "shadow"'),
        ({"when": {"run": 7}}, "want a table of metadata"),
        ({"when": {}}, "want a table of metadata"),
        ({"budget": []}, "want a table, or a list of 1 to 8 tables"),
        ({"budget": [BUDGET] * 9}, "want a table, or a list of 1 to 8 tables"),
        ({"budget": {}}, "policies.developers.budget.usd: want dollars"),
        ({"budget": [BUDGET, {"usd": "x"}]}, "policies.developers.budget[1].usd = 'x': want dollars"),
        ({"budget": {**BUDGET, "window": "year"}}, 'want "day", "week", "month" or "total"'),
        ({"budget": {**BUDGET, "per": "team"}}, 'want "principal", "session", "key", "all" or "tag:<name>"'),
        ({"budget": {**BUDGET, "overshoot": 5}}, "a percentage of the budget"),
        (
            {"budget": {**BUDGET, "fallback": "cheep"}},
            "fallback = 'cheep': want the name of a route; did you mean cheap?",
        ),
        ({"budget": {**BUDGET, "estimat": "strict"}}, "did you mean estimate?"),
        ({"rate": {}}, "policies.developers.rate limits nothing: want one of requests_per_minute"),
        ({"rate": {"per": "all"}}, "limits nothing"),
        ({"rate": {"concurrent": 0}}, "want a whole number from 1 to 1,000"),
        ({"rate": {"rpm": 5}}, "unknown key policies.developers.rate.rpm; known: concurrent"),
        ({"guard": {}}, "policies.developers.guard looks for nothing"),
        ({"guard": {"patterns": "crad"}}, "unknown pattern 'crad'; did you mean card?"),
        ({"guard": {"patterns": "card", "guardrail_version": "3"}}, "goes with guardrail"),
        ({"guard": {"patterns": "card", "action": "warn"}}, 'want "flag", "mask" or "block"'),
        ({"action": "block", "budget": BUDGET}, 'budget goes with action = "allow"'),
        ({"action": "block", "rate": {"concurrent": 1}}, 'rate goes with action = "allow"'),
        ({"action": "block", "guard": {"patterns": "card"}}, 'guard goes with action = "allow"'),
    ],
)
def test_what_is_wrong_is_named_with_what_is_right(table: dict[str, Any], says: str) -> None:
    assert says in refusal(**table)


@pytest.mark.parametrize(
    ("policies", "says"),
    [
        ([{"who": ROLE}], "policies[0].name is missing"),
        ([{"name": "a"}, {"name": "b"}, {"name": "a"}], "a is the name of 2 policies"),
        ([{"name": f"p{number}"} for number in range(65)], "want at most 64 tables"),
        ([{"name": f"p{number}", "budget": [BUDGET] * 8} for number in range(9)], f"want at most {MAX_ALL_BUDGETS} in"),
        (["developers"], "[policies[0]] is str, want a table"),
    ],
)
def test_what_is_wrong_among_policies_is_named(policies: list[Any], says: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read(*policies)

    assert says in caught.value.message


@pytest.mark.parametrize(
    ("name", "written", "says"),
    [
        ("mine", "", "patterns.mine: want a regular expression of 1 to 512 characters"),
        ("mine", "x" * (MAX_PATTERN + 1), "of 1 to 512 characters"),
        ("mine", 5, "of 1 to 512 characters"),
        ("mine", "[a-", "patterns.mine is no regular expression of Python"),
        ("mine", "a" * 9 + "{99999999999}", "is no regular expression"),
        ("mine", "x*", "fits the empty text"),
        ("my own", "x", "a pattern's name is letters"),
    ],
)
def test_a_pattern_that_would_find_nothing_or_everything_is_refused(name: str, written: object, says: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read(patterns={name: written})

    assert says in caught.value.message


def test_defaults_of_access_and_of_answers_are_checked() -> None:
    with pytest.raises(Misconfigured, match='defaults.access = .deny.: want "allow" or "block"'):
        read(defaults={"access": "deny"})
    with pytest.raises(Misconfigured, match="unknown key idempotency.keep; known: keep_answers"):
        read(idempotency={"keep": True})


def test_the_example_in_the_shipped_configuration_is_accepted_once_its_marks_are_gone() -> None:
    shipped = (Path(sluice.__file__).parents[1] / "gateway.toml").read_text(encoding="utf-8")
    example = shipped[shipped.index("# [[policies]]") :].replace("\n# ", "\n").removeprefix("# ")

    (found,) = settings({**tomllib.loads(shipped), **tomllib.loads(example)}, {"SLUICE_TABLE": "ledger"}).policies

    assert (found.name, found.mode, len(found.budgets)) == ("developers", Mode.SHADOW, 1)
    assert found.rate is not None


def test_every_example_of_the_page_on_policies_is_accepted() -> None:
    page = (Path(sluice.__file__).parents[2] / "docs/policies.md").read_text(encoding="utf-8")
    examples = [tomllib.loads(one) for one in re.findall(r"```toml\n(.*?)```", page, re.DOTALL)]

    assert len(examples) > 4
    for one in examples:
        table = {} if "policies" in one else {"policies": [{"name": "example", **one}]}
        base: dict[str, Any] = {"routes": {"smart": "openai/gpt-5", "cheap": "openai/gpt-5-nano"}}
        providers = {"openai": {"kind": "openai", "secret": "sluice/openai"}}
        assert settings(
            {**base, "providers": providers, **({} if table else one), **table}, {"SLUICE_TABLE": "l"}
        ).policies
