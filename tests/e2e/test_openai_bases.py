"""The base URLs an SDK may have, and what is served there: these operations and no others."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from tests.e2e.rig import MESSAGES, Rig
from tests.e2e.sdk import CLIENTS, Sdk, sdk, simulated


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with simulated(tmp_path_factory.mktemp("bases")) as running:
        yield running


@pytest.fixture(params=CLIENTS)
def caller(request: pytest.FixtureRequest, site: Rig) -> Iterator[Sdk]:
    with sdk(request.param, site) as made:
        yield made


def test_a_chat_streams_and_its_record_names_the_path(caller: Sdk, site: Rig) -> None:
    raw = caller.done(
        caller.client.chat.completions.with_raw_response.create(
            model=caller.model("gpt-4o-mini-instant"), messages=MESSAGES, stream=True
        )
    )

    chunks = caller.listed(raw.parse())

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks).startswith("Hello! Lovely to hear from")
    record = site.record(raw.headers["x-request-id"])
    assert (record["path"], record["provider"]) == (f"{caller.base}/chat/completions", "openai")
    assert (record["model"], record["operation"]) == ("gpt-4o-mini-instant", "chat")


def test_a_model_is_named_as_its_path_wants_it(caller: Sdk) -> None:
    """Under /v1 with its provider, under /openai without: OpenAI has no model that is called openai/gpt-4o."""
    other = "gpt-4o" if caller.base == "/v1" else "openai/gpt-4o"

    with pytest.raises(openai.NotFoundError) as raised:
        caller.done(caller.client.responses.create(model=other, input="Hello!"))

    assert raised.value.code == "model_not_found"


NOT_SERVED: dict[str, Any] = {
    "files": lambda client: client.files.list(),
    "batches": lambda client: client.batches.list(),
    "fine-tuning": lambda client: client.fine_tuning.jobs.list(),
    "vector stores": lambda client: client.vector_stores.list(),
    "a stored response": lambda client: client.responses.retrieve("resp_1"),
    "its deletion": lambda client: client.responses.delete("resp_1"),
    "conversations": lambda client: client.conversations.create(),
    "moderations": lambda client: client.moderations.create(input="x"),
}


@pytest.mark.parametrize("what", NOT_SERVED)
def test_nothing_else_is_served_with_the_operators_key(what: str, caller: Sdk, site: Rig) -> None:
    before = len(site.records())

    with pytest.raises(openai.APIStatusError) as raised:
        run(caller, NOT_SERVED[what])

    assert raised.value.status_code in (404, 405)
    assert len(site.records()) == before


def run(caller: Sdk, call: Any) -> None:
    """Makes the call, in an event loop where the client is asynchronous."""

    async def awaited() -> None:
        await call(caller.client)

    if isinstance(caller.client, openai.AsyncOpenAI):
        caller.done(awaited())
    else:
        call(caller.client)
