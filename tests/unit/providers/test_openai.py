"""How a provider departs from OpenAI: what it does not serve, and what its names for fields are."""

import json
from typing import Any

import httpx
import pytest
from tests.fakes.gateway import Gateway
from tests.unit.surfaces.test_bad_input import refused
from tests.unit.surfaces.test_operations import GOOD

from sluice.domain.operation import CHAT, OPERATIONS, RESPONSES
from sluice.presets import PRESETS, Quirks

RENAMES = {"max_completion_tokens": "max_tokens", "seed": "random_seed"}


def gateway(quirks: Quirks, **settings: Any) -> Gateway:
    return Gateway(lambda _: httpx.Response(200, json={"choices": []}), quirks=quirks, **settings)


def sent(quirks: Quirks, **body: Any) -> dict[str, Any]:
    """What the provider gets of such a chat."""
    made = gateway(quirks)
    made.chat({**GOOD["chat/completions"], **body})["body"].close()
    found: dict[str, Any] = json.loads(made.requests[0].content)
    return found


@pytest.mark.parametrize("path", [path for path in OPERATIONS if path != CHAT.path])
def test_what_a_provider_does_not_serve_is_refused_and_what_it_serves_named(path: str) -> None:
    closed = gateway(Quirks(operations=frozenset({CHAT.path})))

    message = refused(closed, closed.post(f"/v1/{path}", GOOD[path]), 400, "invalid_request", "model")

    assert message == f"the provider openai does not serve {path}; it serves chat/completions"


def test_a_provider_without_a_list_serves_all() -> None:
    assert gateway(Quirks()).post(f"/v1/{RESPONSES.path}", GOOD[RESPONSES.path])["statusCode"] == 200


def test_fields_are_renamed_and_their_values_kept() -> None:
    found = sent(Quirks(renames=RENAMES), max_completion_tokens=50, seed=None, temperature=0)

    assert found == {
        **GOOD["chat/completions"],
        "model": "gpt-5-mini",
        "temperature": 0,
        "max_tokens": 50,
        "random_seed": None,
    }


def test_a_field_that_has_the_new_name_already_keeps_its_value() -> None:
    found = sent(Quirks(renames=RENAMES), max_completion_tokens=50, max_tokens=70)

    assert (found["max_tokens"], "max_completion_tokens" in found) == (70, False)


def test_fields_that_a_provider_refuses_are_left_out() -> None:
    found = sent(Quirks(drops=frozenset({"user", "prompt_cache_key"})), user="ada", metadata={"user": "x"})

    assert "user" not in found
    assert found["metadata"] == {"user": "x"}  # what is deeper is the caller's own


def test_without_departures_the_body_is_only_given_its_model() -> None:
    assert sent(Quirks(), user="ada") == {**GOOD["chat/completions"], "user": "ada", "model": "gpt-5-mini"}


@pytest.mark.parametrize("name", PRESETS)
def test_no_departure_changes_what_is_asked_for(name: str) -> None:
    """The messages, the model and every field that no row names are those of the caller."""
    quirks = PRESETS[name].quirks
    body = {"temperature": 0.5, "tools": [], "stop": ["a"], "n": 2, "max_completion_tokens": 5}

    found = sent(quirks, **body)

    kept = {key: value for key, value in body.items() if key not in quirks.renames}
    assert {key: found[key] for key in kept} == kept
    assert found["messages"] == GOOD["chat/completions"]["messages"]
    assert 5 in (found.get("max_tokens"), found.get("max_completion_tokens"))


def test_the_bound_holds_under_either_name() -> None:
    made = gateway(Quirks(renames=RENAMES))

    for limits in ({"max_completion_tokens": 50, "max_tokens": 70}, {"max_tokens": 70}):
        made.chat({**GOOD["chat/completions"], **limits})["body"].close()

    (both, one) = made.ledger.reserved
    assert (both.bound or 0) >= (one.bound or 0)


@pytest.mark.fault("R05")
@pytest.mark.parametrize("value", ["audio/mpeg", "audio/mpeg; x=y", "application/octet-stream"])
def test_only_the_content_type_of_an_answer_and_listed_headers_pass(value: str) -> None:
    headers = {"content-type": value, "set-cookie": "a=b", "content-disposition": "attachment", "x-openai-org": "o"}
    made = Gateway(lambda _: httpx.Response(200, headers=headers, content=b"ID3"))

    answer = made.post("/v1/audio/speech", GOOD["audio/speech"])

    assert answer["headers"]["content-type"] == value
    assert set(answer["headers"]) == {
        "content-type",
        "x-request-id",
        "x-sluice-provider",
        "x-sluice-model",
        "x-sluice-attempts",
        "x-sluice-step",
    }
