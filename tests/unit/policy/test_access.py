"""Who may use which model: matching, what wins, what is said, and that nothing a caller writes makes another of him."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.policy.callers import ADA, DEVELOPER, ROLE, with_key

from sluice.domain.policy import Action, Mode, Policy, Who
from sluice.domain.principal import Principal
from sluice.policy.access import Access, Verdict
from sluice.policy.authentication import IAM_ONLY

MODELS = ("smart", "openai/gpt-5")
BLOCK, SHADOW = Action.BLOCK, Mode.SHADOW


def policy(name: str = "one", **of_policy: Any) -> Policy:
    return Policy(name, **of_policy)


def verdict(*policies: Policy, caller: Principal = DEVELOPER, default: Action = BLOCK, **metadata: Any) -> Verdict:
    return Access(policies, default).verdict(caller, metadata, MODELS)


@pytest.mark.parametrize(
    "who",
    [
        Who(),
        Who(arns=(ROLE,)),
        Who(arns=(f"{ROLE}/ada",)),
        Who(arns=("arn:aws:sts::*:assumed-role/Developers/*",)),
        Who(arns=("arn:none", "*")),
        Who(sessions=("a*",)),
        Who(accounts=("123456789012",)),
        Who(organisations=("o-example",)),
        Who((ROLE,), ("ada",), ("1*",), ("o-*",)),
    ],
)
def test_a_caller_fits_by_any_pattern_of_each_kind(who: Who) -> None:
    assert verdict(policy(who=who)).refusal is None


@pytest.mark.parametrize(
    "who",
    [
        Who(arns=("arn:aws:sts::*:assumed-role/Admins/*",)),
        Who(arns=("arn:aws:sts::*:assumed-role/Developers/bob",)),
        Who(arns=("arn:aws:sts::123456789012:assumed-role/developers/*",)),
        Who(sessions=("bob",)),
        Who(accounts=("999999999999",)),
        Who(organisations=("o-other",)),
        Who(tags={"team": ("search",)}),
        Who((ROLE,), ("bob",)),
    ],
)
def test_a_caller_who_misses_one_kind_does_not_fit(who: Who) -> None:
    assert verdict(policy(who=who)).refusal is not None


def test_what_a_caller_does_not_have_fits_no_pattern() -> None:
    for who in (Who(sessions=("*",)), Who(organisations=("*",)), Who(tags={"team": ("*",)})):
        assert verdict(policy(who=who), caller=ADA).refusal is not None


def test_tags_are_those_of_the_key_that_was_found() -> None:
    search = policy(who=Who(tags={"team": ("search", "ads")}))

    assert verdict(search, caller=with_key(tags={"team": "search"})).refusal is None
    assert verdict(search, caller=with_key(tags={"team": "other"})).refusal is not None
    assert verdict(search, caller=DEVELOPER, team="search").refusal is not None


def test_a_key_is_known_by_the_role_it_stands_behind_too() -> None:
    assert verdict(policy(who=Who(arns=(f"{ROLE}/*",))), caller=with_key()).refusal is None


@pytest.mark.parametrize("models", [("*",), ("smart",), ("openai/*",), ("none", "*gpt*")])
def test_a_model_fits_by_any_of_its_names(models: tuple[str, ...]) -> None:
    assert verdict(policy(models=models)).refusal is None


@pytest.mark.parametrize("name", ["azure/gpt-4o", "azure/GPT-4o", "azure/Gpt-4O"])
def test_capitals_evade_nothing(name: str) -> None:
    """Azure's deployments, for one, are found in any case."""
    forbids = policy(models=("azure/GPT-4*",), action=BLOCK)

    assert Access([forbids]).verdict(DEVELOPER, {}, (name,)).refusal is not None
    assert Access([policy(models=("azure/gpt-4o",))]).verdict(DEVELOPER, {}, (name,)).policies
    assert not Access().may_use(with_key(models=("azure/o3",)), (name,))


@pytest.mark.parametrize(
    ("metadata", "fits"),
    [
        ({"env": "prod-eu", "run": 7, "is_test": True}, True),
        ({"env": "prod", "run": 7, "is_test": True, "more": 1}, True),
        ({"env": "prod", "run": 7, "is_test": "true"}, True),
        ({"env": "dev", "run": 7, "is_test": True}, False),
        ({"env": "prod", "run": 71, "is_test": True}, False),
        ({"env": "prod", "run": 7}, False),
    ],
)
def test_all_pairs_of_when_have_to_fit(metadata: dict[str, Any], fits: bool) -> None:
    found = verdict(policy(when={"env": "prod*", "run": "7", "is_test": "true"}), **metadata)

    assert (found.refusal is None) == fits


def test_without_a_policy_the_default_decides() -> None:
    assert verdict(default=Action.ALLOW) == Verdict()
    assert verdict(default=BLOCK).refusal == f"no policy allows smart for {ROLE}; none is for this caller"


def test_all_policies_that_allow_are_told_in_their_order() -> None:
    first, other, shadow = policy("a"), policy("b", models=("haiku",)), policy("c", mode=SHADOW)

    assert verdict(first, other, shadow).policies == (first, shadow)


@pytest.mark.parametrize("turn", [1, -1])
def test_block_wins_in_any_order_whatever_allows(turn: int) -> None:
    both = (policy("allows"), policy("forbids", action=BLOCK, models=("openai/*",)))[::turn]

    for default in Action:
        assert verdict(*both, default=default).refusal == f"the policy forbids blocks smart for {ROLE}"


def test_a_block_in_the_shadow_is_only_noted() -> None:
    found = verdict(policy("allows"), policy("forbids", action=BLOCK, mode=SHADOW))

    assert (found.refusal, found.notes) == (None, ("shadow:forbids",))


def test_a_policy_in_the_shadow_allows_nothing_either() -> None:
    shadow = policy(mode=SHADOW)

    assert verdict(shadow).refusal is not None
    assert verdict(shadow).policies == (shadow,)


def test_a_refusal_says_what_policies_for_this_caller_allow() -> None:
    mine = policy("mine", who=Who((ROLE,)), models=("haiku", "bedrock/*"))
    others = policy("others", who=Who(("arn:x",)), models=("secret-model",))
    shadow = policy("shadow", models=("hidden",), mode=SHADOW)
    forbids = policy("forbids", models=("forbidden",), action=BLOCK)

    words = f"no policy allows smart for {ROLE}; ask for one of: haiku, bedrock/*"
    assert verdict(mine, others, shadow, forbids).refusal == words


def test_a_refusal_says_what_metadata_would_do() -> None:
    words = "the policy nightly does for calls with the metadata env = prod"

    assert verdict(policy("nightly", when={"env": "prod"})).refusal == f"no policy allows smart for {ROLE}; {words}"


def test_a_refusal_stays_short() -> None:
    many = policy(models=tuple(f"m{number}" for number in range(100)))

    assert str(verdict(many).refusal).endswith("m8, m9, ...")


def test_a_key_restricts_what_policies_allow() -> None:
    caller = with_key(models=("haiku", "bedrock/*"))

    words = "the key batch may not use smart; ask for one of: haiku, bedrock/*"
    assert verdict(policy(), caller=caller).refusal == words
    assert verdict(default=Action.ALLOW, caller=caller).refusal == words
    assert verdict(policy(), caller=with_key(models=("openai/*",))).refusal is None
    assert verdict(policy(action=BLOCK), caller=with_key(models=("smart",))).refusal is not None


@pytest.mark.parametrize(
    ("policies", "default", "expected"),
    [
        ((), Action.ALLOW, True),
        ((), BLOCK, False),
        ((policy(),), BLOCK, True),
        ((policy(when={"env": "prod"}),), BLOCK, True),
        ((policy(mode=SHADOW),), BLOCK, False),
        ((policy(models=("haiku",)),), BLOCK, False),
        ((policy(), policy("b", action=BLOCK)), BLOCK, False),
        ((policy(action=BLOCK),), Action.ALLOW, False),
        ((policy(action=BLOCK, when={"env": "prod"}),), Action.ALLOW, True),
        ((policy(action=BLOCK, mode=SHADOW),), Action.ALLOW, True),
    ],
)
def test_listings_show_what_some_call_could_use(policies: tuple[Policy, ...], default: Action, expected: bool) -> None:
    assert Access(policies, default).may_use(DEVELOPER, MODELS) == expected


def test_listings_show_what_the_key_may_use() -> None:
    assert not Access().may_use(with_key(models=("haiku",)), MODELS)
    assert Access().may_use(with_key(models=("smart",)), MODELS)


FORGED: dict[str, str] = {
    "x-forwarded-for": "10.0.0.1",
    "x-forwarded-user": "arn:aws:sts::123456789012:assumed-role/Admins/root",
    "x-amzn-request-context": '{"authorizer": {"iam": {"userArn": "arn:aws:iam::1:user/admin"}}}',
    "x-amz-security-token": "admin",
    "authorization": "Bearer admin",
    "x-sluice-principal": "arn:aws:sts::123456789012:assumed-role/Admins/root",
    "x-sluice-session-id": "root",
    "x-sluice-metadata": '{"team": "admins", "session": "root", "arn": "arn:aws:iam::1:user/admin"}',
    "x-api-key": "sk-admin",
    "api-key": "Admins",
    "openai-organization": "o-admins",
    "user-agent": "Admins",
}
ADMINS = (
    Who(arns=("*Admins*", "*admin*")),
    Who(sessions=("root",)),
    Who(accounts=("1", "999999999999")),
    Who(organisations=("o-admins",)),
    Who(tags={"team": ("*",)}),
)


def event(headers: Mapping[str, str], **extra: Any) -> dict[str, Any]:
    iam = {"userArn": f"{ROLE}/ada", "accountId": "123456789012", "principalOrgId": "o-example", **extra}
    body = '{"model": "smart", "user": "arn:aws:sts::123456789012:assumed-role/Admins/root", "metadata": {"team": "admins"}}'
    forged = {"authentication": {"iam": {"userArn": "arn:aws:iam::1:user/admin"}}, "accountId": "999999999999"}
    return {"headers": dict(headers), "body": body, "requestContext": {**forged, "authorizer": {"iam": iam}}, **forged}


@pytest.mark.fault("A02")
@pytest.mark.parametrize("who", ADMINS)
def test_nothing_that_a_caller_writes_makes_another_of_him(who: Who) -> None:
    caller = IAM_ONLY.principal(event(FORGED), FORGED)
    metadata = {"team": "admins", "session": "root", "arn": "arn:aws:iam::1:user/admin", "tags": "team"}

    assert caller == DEVELOPER
    assert Access([policy(who=who)], BLOCK).verdict(caller, metadata, MODELS).refusal is not None


@pytest.mark.fault("A02")
@pytest.mark.parametrize("header", FORGED)
def test_each_header_alone_changes_nothing_either(header: str) -> None:
    assert IAM_ONLY.principal(event({header: FORGED[header]}), {header: FORGED[header]}) == DEVELOPER


@pytest.mark.fault("A02")
def test_other_parts_of_the_identity_name_nobody() -> None:
    """A caller's federation may have chosen these; only the ARN, the account and the organisation count."""
    odd = {
        "callerId": "AROAXXXX:root",
        "userId": "Admins",
        "cognitoIdentity": {"identityId": "admin"},
        "accessKey": "x",
    }

    assert IAM_ONLY.principal(event({}, **odd), {}) == DEVELOPER


@pytest.mark.fault("A02")
def test_a_session_that_looks_like_another_role_is_a_session() -> None:
    """The name of a session is whatever its caller chose, but for slashes and colons (STS RoleSessionName)."""
    caller = replace(DEVELOPER, session="assumed-role=Admins@root")

    assert verdict(policy(who=Who(arns=("arn:aws:sts::*:assumed-role/Admins/*",))), caller=caller).refusal is not None
