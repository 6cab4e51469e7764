"""The events beside recorded ones: same names in the same order, same keys in the same order."""

import json
from random import Random
from typing import Any

import pytest
from tests import recorded

from sluice_devstack.simulated.catalogue import Kind, model
from sluice_devstack.simulated.responses.endpoint import Responses

pytestmark = pytest.mark.skipif(not recorded.names("or_"), reason=recorded.REASON)
NEWEST = "or_gpt54_reasoning_encrypted"


def read(body: bytes) -> list[tuple[str, dict[str, Any]]]:
    blocks = [block for block in body.decode().split("\n\n") if block]
    parts = [block.partition("\ndata: ") for block in blocks]
    return [(name.removeprefix("event: "), json.loads(data)) for name, _, data in parts]


def beside(name: str) -> tuple[list[tuple[str, dict[str, Any]]], list[tuple[str, dict[str, Any]]]]:
    """What was recorded, and what the simulation makes of the same request."""
    recording = recorded.load(name)
    reply = Responses(Random(7), lambda: 1.0).reply(recording.request, model(recording.request["model"], Kind.TEXT))
    return read(recording.body), read(b"".join(event.data for event in reply.events()))


def without_repeats(kinds: list[str]) -> list[str]:
    return [kind for kind, before in zip(kinds, [None, *kinds], strict=False) if kind != before]


@pytest.mark.parametrize("name", ["or_gpt4o_text", "or_gpt41_function_call", NEWEST])
def test_the_events_come_in_the_recorded_order(name: str) -> None:
    original, made = beside(name)

    assert without_repeats([kind for kind, _ in made]) == without_repeats([kind for kind, _ in original])
    assert all(kind == document["type"] for kind, document in made)
    assert [document["sequence_number"] for _, document in made] == list(range(len(made)))


def test_summaries_have_the_recorded_events() -> None:
    original, made = beside("or_o3mini_reasoning_summary")

    assert {kind for kind, _ in made} == {kind for kind, _ in original}


def test_every_event_has_the_newest_recordings_keys_in_their_order() -> None:
    original, made = beside(NEWEST)

    firsts = {(kind, item_type(document)): document for kind, document in reversed(original)}
    for kind, document in made:
        assert ordered(document) == ordered(firsts[kind, item_type(document)]), kind


def item_type(document: dict[str, Any]) -> str | None:
    found: str | None = (document.get("item") or {}).get("type")
    return found


def ordered(value: Any) -> Any:
    """Keys, their order and what kind of thing stands there; of lists the first item."""
    if isinstance(value, dict):
        return [(key, ordered(one)) for key, one in value.items() if key != "prompt_cache_retention"]
    if isinstance(value, list):
        return [ordered(value[0])] if value else []
    return None if isinstance(value, str) else type(value)


@pytest.mark.parametrize("name", ["or_gpt41_function_call", "or_o3mini_reasoning_summary"])
def test_older_recordings_have_no_keys_that_are_missing(name: str) -> None:
    original, made = beside(name)

    firsts = dict(reversed(made))
    for kind, document in original:
        assert document.keys() <= firsts[kind].keys(), kind
        item = document.get("item") or document.get("part") or document.get("response") or {}
        same = firsts[kind].get("item") or firsts[kind].get("part") or firsts[kind].get("response") or {}
        assert item.keys() <= same.keys() or item.get("type") != same.get("type"), kind
