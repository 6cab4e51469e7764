"""Stored answers through the whole stack, with the official SDK: a principal continues its own, and nobody else's."""

import itertools
from collections.abc import Iterator
from typing import Any

import botocore.session
import httpx
import openai
import pytest
from tests.e2e.provider import Asked, Provider, provider
from tests.e2e.rig import Rig, compatible, eventually, rig
from tests.fakes import responses
from tests.fakes.raw_provider import Peer

from sluice_client import FunctionUrlAuth
from sluice_devstack.sigv4 import Identity

BOB = Identity("AKIDEXAMPLEBOB", "fake-secret-access-key-of-bob", "arn:aws:iam::123456789012:user/bob")
MODEL = "test/stored"
ROUNDS = 20
TIMEOUT_SECONDS = 30


class Answers:
    """Answers each call under ids of its own, streamed or whole."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def __call__(self, peer: Peer, asked: Asked) -> None:
        number = next(self._numbers)
        message = {**responses.MESSAGE, "id": f"msg_{number}"}
        whole = {"id": f"resp_{number}", "output": [message], "store": asked.body.get("store") is not False}
        if asked.body.get("stream"):
            peer.head()
            peer.chunk(responses.created())
            peer.chunk(responses.said("word", 1))
            peer.chunk(responses.ended("completed", 2, **whole))
            peer.end()
        else:
            body = responses.data_of(responses.ended("completed", 0, **whole))["response"]
            answer = httpx.Response(200, json=body).content
            head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(answer)}\r\n\r\n"
            peer.send(head.encode() + answer)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Provider]:
    with provider() as running:
        running.play("stored", Answers())
        yield running


@pytest.fixture(scope="module")
def site(upstream: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    providers = {"test": compatible(upstream.url), "other": compatible(upstream.url)}
    with rig(tmp_path_factory.mktemp("stored"), providers, identities=[BOB], environments=2) as running:
        yield running


def client(site: Rig, identity: Identity) -> Iterator[openai.OpenAI]:
    session = botocore.session.Session()
    session.set_credentials(identity.access_key_id, identity.secret_access_key)
    auth: Any = FunctionUrlAuth(region=site.stack.region, session=session)
    http_client: Any = httpx.Client(auth=auth, timeout=TIMEOUT_SECONDS)
    with openai.OpenAI(
        base_url=f"{site.stack.url}/v1", api_key="unused", max_retries=0, http_client=http_client
    ) as made:
        yield made


@pytest.fixture
def ada(site: Rig) -> Iterator[openai.OpenAI]:
    yield from client(site, Identity(site.stack.access_key_id, site.stack.secret_access_key, ""))


@pytest.fixture
def bob(site: Rig) -> Iterator[openai.OpenAI]:
    yield from client(site, BOB)


def refusal(caller: openai.OpenAI, **body: Any) -> tuple[str | None, str | None]:
    """The code and the field of the refusal."""
    with pytest.raises(openai.BadRequestError) as caught:
        caller.responses.create(**{"model": MODEL, "input": "and?", **body})
    return caught.value.code, caught.value.param


def test_a_stream_can_be_continued_right_after_its_last_byte(ada: openai.OpenAI, site: Rig) -> None:
    previous: str | None = None
    for _ in range(ROUNDS):
        events = list(ada.responses.create(model=MODEL, input="hi", stream=True, previous_response_id=previous))
        last = events[-1]
        assert last.type == "response.completed"
        previous = last.response.id

    records = [one for one in site.settled_records() if one["model"] == "stored"]
    assert {one["outcome"] for one in records} == {"complete"}
    assert {one["principal"] for one in records} == {"arn:aws:iam::123456789012:user/developer"}


def test_nobody_else_continues_it_and_nothing_is_sent(
    ada: openai.OpenAI, bob: openai.OpenAI, upstream: Provider
) -> None:
    answer = ada.responses.create(model=MODEL, input="hi")
    asked = len(upstream.asked)
    item: Any = {"type": "item_reference", "id": answer.output[0].id}

    assert refusal(bob, previous_response_id=answer.id) == ("previous_response_not_found", "previous_response_id")
    assert refusal(bob, input=[item]) == ("item_not_found", "input")
    assert refusal(bob, conversation=answer.id) == ("conversation_not_found", "conversation")
    assert refusal(bob, previous_response_id="resp_of_nobody")[0] == "previous_response_not_found"
    assert len(upstream.asked) == asked

    followed = ada.responses.create(model=MODEL, input=[item], previous_response_id=answer.id)
    assert followed.status == "completed"


def test_it_is_of_one_provider(ada: openai.OpenAI) -> None:
    answer = ada.responses.create(model=MODEL, input="hi")

    assert refusal(ada, model="other/stored", previous_response_id=answer.id)[0] == "previous_response_not_found"


def test_what_is_not_stored_cannot_be_continued(ada: openai.OpenAI) -> None:
    answer = ada.responses.create(model=MODEL, input="hi", store=False)

    assert refusal(ada, previous_response_id=answer.id)[0] == "previous_response_not_found"


def test_a_sweep_of_the_record_does_not_matter(ada: openai.OpenAI, site: Rig) -> None:
    answer = ada.responses.create(model=MODEL, input="hi")
    site.settled_records()

    site.stack.invoke_sweeper("2099-01-01T00:00:00Z")
    followed = ada.responses.create(model=MODEL, input="and?", previous_response_id=answer.id)

    assert followed.status == "completed"


def test_a_row_says_nothing_but_whose_it_is(ada: openai.OpenAI, site: Rig) -> None:
    answer = ada.responses.create(model=MODEL, input="a secret prompt")
    key = {"pk": {"S": f"V#test#{answer.id}"}, "sk": {"S": "V"}}

    item = eventually(
        lambda: site.dynamodb("GetItem", Key=key, ConsistentRead=True).get("Item"), "the answer's owner is written"
    )

    assert item.keys() == {"pk", "sk", "pr", "rq", "tk", "exp"}
    assert item["pr"] == {"S": "arn:aws:iam::123456789012:user/developer"}
    assert item["tk"] == {"N": str(responses.USAGE["total_tokens"])}
