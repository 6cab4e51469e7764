"""Stored answers are their principal's: all callers are one to OpenAI, which would let each read what another said."""

from collections.abc import Callable, Iterator
from typing import Any

import botocore.session
import httpx
import openai
import pytest
from tests.e2e.rig import Rig, rig

from sluice_client import FunctionUrlAuth
from sluice_devstack.sigv4 import Identity

MODEL = "openai/gpt-4o-mini-instant"
OTHER = Identity(
    access_key_id="AKIDEXAMPLESOMEONEELSE",
    secret_access_key="fake-secret-access-key-of-someone-else",
    user_arn="arn:aws:iam::123456789012:user/someone-else",
    user_id="AIDAEXAMPLESOMEONEELSE",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    providers = {name: {"kind": "openai", "secret": f"sluice/{name}"} for name in ("openai", "second")}
    with rig(tmp_path_factory.mktemp("ownership"), providers, identities=(OTHER,)) as running:
        yield running


def client(site: Rig, who: Identity | None = None) -> openai.OpenAI:
    auth = site.auth()
    if who:
        session = botocore.session.Session()
        session.set_credentials(who.access_key_id, who.secret_access_key)
        auth = FunctionUrlAuth(region=site.stack.region, session=session)
    http_client: Any = httpx.Client(auth=auth, timeout=30)
    return openai.OpenAI(base_url=f"{site.stack.url}/v1", api_key="unused", max_retries=0, http_client=http_client)


@pytest.fixture
def mine(site: Rig) -> Iterator[openai.OpenAI]:
    with client(site) as made:
        yield made


@pytest.fixture
def theirs(site: Rig) -> Iterator[openai.OpenAI]:
    with client(site, OTHER) as made:
        yield made


@pytest.mark.parametrize("stream", [False, True])
def test_nobody_goes_on_from_anothers_response(stream: bool, mine: openai.OpenAI, theirs: openai.OpenAI) -> None:
    secret = mine.responses.create(model=MODEL, input="Say the password is swordfish")
    asked: Any = {"model": MODEL, "input": "What did I say?", "previous_response_id": secret.id, "stream": stream}

    with pytest.raises(openai.BadRequestError) as refused:
        theirs.responses.create(**asked)

    assert (refused.value.code, refused.value.param) == ("previous_response_not_found", "previous_response_id")
    assert mine.responses.create(model=MODEL, input="say on", previous_response_id=secret.id).status == "completed"


REFERENCES: dict[str, Callable[[str], Any]] = {
    "item_reference": lambda id: {"type": "item_reference", "id": id},
    "item_reference with more": lambda id: {"type": "item_reference", "id": id, "role": "user"},
    "an id alone": lambda id: {"id": id},
    "an id and no type": lambda id: {"id": id, "type": None},
    "reasoning that is not repeated": lambda id: {"type": "reasoning", "id": id, "summary": []},
}


@pytest.mark.parametrize("reference", REFERENCES)
def test_nobody_refers_to_anothers_items(reference: str, mine: openai.OpenAI, theirs: openai.OpenAI) -> None:
    kind = "reasoning" if reference.startswith("reasoning") else "message"
    output = mine.responses.create(model="openai/gpt-5-instant", input="Say the password is swordfish").output
    item = next(one for one in output if one.type == kind)
    asked: Any = [{"role": "user", "content": "What did I say?"}, REFERENCES[reference](item.id or "")]

    with pytest.raises(openai.BadRequestError) as refused:
        theirs.responses.create(model="openai/gpt-5-instant", input=asked)

    assert (refused.value.code, refused.value.param) == ("item_not_found", "input")


def test_ones_own_items_are_referred_to(mine: openai.OpenAI) -> None:
    output = mine.responses.create(model="openai/gpt-5-instant", input="Say hello").output
    asked: Any = [{"type": "item_reference", "id": item.id} for item in output]

    assert mine.responses.create(model="openai/gpt-5-instant", input=asked).status == "completed"


def test_both_go_on_from_their_own(mine: openai.OpenAI, theirs: openai.OpenAI) -> None:
    for caller in (mine, theirs):
        first = caller.responses.create(model=MODEL, input="say one")

        second = caller.responses.create(model=MODEL, input="say two", previous_response_id=first.id)

        assert second.previous_response_id == first.id


def test_what_was_not_stored_is_nobodys(mine: openai.OpenAI) -> None:
    first = mine.responses.create(model=MODEL, input="say one", store=False)

    with pytest.raises(openai.BadRequestError) as refused:
        mine.responses.create(model=MODEL, input="say two", previous_response_id=first.id)

    assert refused.value.code == "previous_response_not_found"


def test_another_provider_does_not_know_it_either(mine: openai.OpenAI) -> None:
    """Both are the same simulated OpenAI here, which does know it: who refuses is the gateway."""
    first = mine.responses.create(model=MODEL, input="say one")

    with pytest.raises(openai.BadRequestError) as refused:
        mine.responses.create(model="second/gpt-4o-mini-instant", input="x", previous_response_id=first.id)

    assert refused.value.code == "previous_response_not_found"
