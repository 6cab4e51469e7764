"""A signed call that somebody has recorded and sends again: SigV4 lets it in for five minutes, its own name counts."""

import json
from collections.abc import Iterator

import pytest
from tests.e2e.provider import Provider, provider, stream
from tests.e2e.rig import CHAT, MESSAGES, Answer, Begun, Rig, compatible, rig

WORD = b'data: {"choices":[{"index":0,"delta":{"content":"word"}}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USED = b'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":5}}\n\n'
DONE = b"data: [DONE]\n\n"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def site(upstream: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("replay"), {"test": compatible(upstream.url)}, environments=1) as running:
        yield running


def twice(site: Rig, model: str, **headers: str) -> tuple[Answer, Answer]:
    """The same bytes with the same signature, each time on a connection of its own."""
    payload = json.dumps({"model": model, "messages": MESSAGES, "stream": True}).encode()
    signed = site.signed("POST", CHAT, payload, headers)
    answers = []
    for _ in range(2):
        with site.connected() as caller:
            caller.send("POST", CHAT, signed, payload)
            answers.append(Begun(caller).answer())
            site.settled_records()
    return answers[0], answers[1]


@pytest.mark.fault("A01")
def test_a_replayed_call_with_a_name_of_its_own_is_answered_again_and_charged_once(
    site: Rig, upstream: Provider
) -> None:
    upstream.play("named", stream(WORD, STOP, USED, DONE))

    first, second = twice(site, "test/named", **{"idempotency-key": "order-1"})

    assert (first.status, second.status) == (200, 200)
    assert first.body == second.body == WORD + STOP + DONE
    assert second.headers["idempotent-replayed"] == "true"
    assert len(upstream.asked_for("named")) == 1
    assert [one["request_id"] for one in site.records() if one["model"] == "named"] == [first.request_id]


@pytest.mark.fault("A01")
def test_a_replayed_call_without_a_name_is_another_call(site: Rig, upstream: Provider) -> None:
    upstream.play("nameless", stream(WORD, STOP, USED, DONE))

    first, second = twice(site, "test/nameless")

    assert (first.status, second.status) == (200, 200)
    assert "idempotent-replayed" not in second.headers
    assert len(upstream.asked_for("nameless")) == 2
    assert len([one for one in site.records() if one["model"] == "nameless"]) == 2
