"""Who calls, where a virtual key is shown."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.policy.test_authentication import event
from tests.unit.stores.key_rows import OTHER, OTHER_ID, SHOWN

from sluice.domain.errors import InvalidKey, InvalidRequest, Unauthenticated
from sluice.domain.principal import Principal
from sluice.domain.virtual_key import VirtualKey
from sluice.policy.authentication import IAM_ONLY, KEY, PREFIX, SHARED, Authentication, principal, refuse_as_providers
from sluice.stores import keys
from sluice.surfaces import anthropic, bedrock, call_headers

ROLE = "arn:aws:sts::123456789012:assumed-role/Backend"
SESSION = f"{ROLE}/ada"
ACCOUNT = "123456789012"
HEADERS = (KEY, *SHARED)


@dataclass
class Ring:
    """Knows some keys, and what it was asked."""

    known: dict[str, VirtualKey] = field(
        default_factory=lambda: {
            SHOWN: VirtualKey("fakefakefake", "search", "ann", tags={"team": "search"}),
            OTHER: VirtualKey(OTHER_ID, "other", "ben"),
        }
    )
    asked: list[str] = field(default_factory=list)

    def find(self, presented: str) -> VirtualKey:
        self.asked.append(presented)
        if presented not in self.known:
            raise InvalidKey("no")
        return self.known[presented]


def test_without_a_key_the_iam_identity_calls() -> None:
    ring = Ring()

    found = Authentication(ring).principal(event(SESSION), {"x-api-key": "sk-dummy", "api-key": "", "host": "x"})

    assert found == Principal(ROLE, ACCOUNT, "ada")
    assert (found.role, dict(found.tags), ring.asked) == (ROLE, {}, [])


@pytest.mark.parametrize("header", HEADERS)
def test_a_key_calls_in_its_own_name_behind_the_identity(header: str) -> None:
    ring = Ring()

    found = Authentication(ring).principal(event(SESSION), {header: f" {SHOWN} "})

    assert found == Principal("key:fakefakefake", ACCOUNT, "ada", None, ring.known[SHOWN], ROLE)
    assert (found.role, dict(found.tags)) == (ROLE, {"team": "search"})


@pytest.mark.fault("A02")
@pytest.mark.parametrize("header", HEADERS)
def test_a_key_is_nothing_without_an_identity(header: str) -> None:
    ring = Ring()

    with pytest.raises(Unauthenticated):
        Authentication(ring).principal({}, {header: SHOWN})

    assert ring.asked == []


@pytest.mark.parametrize("text", ["", "hello", "sk-dummy", "SLU_x", "Bearer x", "slu_", f"{SHOWN},{SHOWN}", "ключ"])
def test_what_is_no_key_in_the_header_of_keys_is_refused(text: str) -> None:
    with pytest.raises(InvalidKey):
        Authentication(Ring()).principal(event(SESSION), {KEY: text})


@pytest.mark.parametrize("header", SHARED)
@pytest.mark.parametrize("text", ["slu_", "slu_nobody", f"{SHOWN}x", SHOWN[:-1]])
def test_what_begins_as_a_key_of_ours_has_to_be_one(header: str, text: str) -> None:
    with pytest.raises(InvalidKey):
        Authentication(Ring()).principal(event(SESSION), {header: text})


@pytest.mark.parametrize("pair", [(KEY, "x-api-key"), (KEY, "api-key"), ("x-api-key", "api-key")])
def test_two_keys_are_refused_and_the_same_twice_is_one(pair: tuple[str, str]) -> None:
    one, other = pair
    with pytest.raises(InvalidRequest, match="different virtual keys; send one") as caught:
        Authentication(Ring()).principal(event(SESSION), {one: SHOWN, other: OTHER})

    same = Authentication(Ring()).principal(event(SESSION), {one: SHOWN, other: SHOWN})

    assert SHOWN not in caught.value.message
    assert same.id == "key:fakefakefake"


def test_a_dummy_of_an_sdk_stands_beside_a_key() -> None:
    found = Authentication(Ring()).principal(event(SESSION), {KEY: SHOWN, "x-api-key": "sk-dummy", "api-key": "none"})

    assert found.id == "key:fakefakefake"


@pytest.mark.parametrize("text", [SHOWN, f"Bearer {SHOWN}", f"token\t{SHOWN}", f"a {SHOWN} b"])
def test_a_virtual_key_is_never_taken_for_a_providers(text: str) -> None:
    name = "x-sluice-provider-authorization"
    with pytest.raises(InvalidRequest, match="send it in x-sluice-key") as caught:
        Authentication(Ring()).principal(event(SESSION), {name: text})

    refuse_as_providers("Bearer sk-fake-key", name)
    refuse_as_providers(None, name)
    assert SHOWN not in caught.value.message


def test_where_there_are_no_keys_none_is_good() -> None:
    assert IAM_ONLY.principal(event(SESSION), {}).id == ROLE
    with pytest.raises(InvalidKey, match="no virtual keys"):
        IAM_ONLY.principal(event(SESSION), {KEY: SHOWN})


FORGED = {
    "authorization": "Bearer arn:aws:iam::999999999999:root",
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-user": "root",
    "x-amzn-iam-arn": "arn:aws:iam::999999999999:root",
    "x-sluice-principal": "arn:aws:iam::999999999999:root",
    "x-sluice-metadata": '{"principal": "root"}',
    "cookie": f"x-sluice-key={SHOWN}",
    "x_sluice_key": SHOWN,
    "x-sluice-key ": SHOWN,
}


@pytest.mark.fault("A02")
@pytest.mark.parametrize("name", FORGED)
def test_no_other_header_says_who_calls(name: str) -> None:
    assert Authentication(Ring()).principal(event(SESSION), {name: FORGED[name]}) == Principal(ROLE, ACCOUNT, "ada")


@pytest.mark.fault("A02")
@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=24).filter(lambda name: name not in HEADERS), st.text(max_size=80)))
def test_no_header_at_all_but_those_of_keys_changes_who_calls(headers: dict[str, str]) -> None:
    assert Authentication(Ring()).principal(event(SESSION), headers).id == ROLE


@pytest.mark.parametrize("found", ["o-exampleorg", None, 7, ["o-x"]])
def test_the_organisation_is_iams_where_it_names_one(found: object) -> None:
    asked = event(SESSION)
    asked["requestContext"]["authorizer"]["iam"]["principalOrgId"] = found  # type: ignore[index]

    assert principal(asked).organisation == (found if isinstance(found, str) else None)


def test_no_list_of_headers_for_providers_names_one_of_a_key() -> None:
    lists = (anthropic.HEADERS, bedrock.HEADERS)

    assert [set(names) & set(HEADERS) for names in lists] == [set(), set()]


def test_both_floors_know_keys_by_the_same_beginning() -> None:
    assert (keys.PREFIX, call_headers.PROVIDER_KEY) == (PREFIX, "x-sluice-provider-authorization")
