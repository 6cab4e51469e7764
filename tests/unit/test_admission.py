"""What a call may cost, for every operation: no answer within its limits costs more than its bound."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.admission import LINKED_FILE_TOKENS, LINKED_IMAGE_TOKENS, Admission, prompt_bytes
from sluice.domain.call import Call, ModelRequest, Step, Target
from sluice.domain.operation import (
    CHAT,
    COMPLETIONS,
    CONVERSE,
    EMBEDDINGS,
    IMAGES,
    INVOKE,
    MESSAGES,
    RESPONSES,
    SPEECH,
    Operation,
)
from sluice.domain.price import Price, Priced, Rates
from sluice.domain.principal import Principal
from sluice.domain.record import Reservation
from sluice.domain.usage import Usage
from sluice.pricing import cost
from sluice.surfaces.openai_request import model_request

PRICE = Price(Rates(1_000_000, 100_000, 1_250_000, 2_000_000, 4_000_000), max_output_tokens=1000)
ADA = Principal("arn:aws:iam::123456789012:user/ada", "123456789012", None)
PROPERTY = settings(max_examples=200, deadline=None)
FUNCTION = {"type": "function", "name": "f", "parameters": {}}


def reserved(
    operation: Operation, body: dict[str, Any], payload: int = 100, context: int = 0, price: Price | None = PRICE
) -> Reservation:
    request = model_request(operation, {"model": "m", **body})
    call = Call("id", "openai", f"/v1/{operation.path}", (Step(request),), ADA, 0.0, 0, 60.0, payload)
    return Admission(512, lambda: "nonce").reservation(call, Target("p", "m"), Priced(price, "v"), payload, context)


def bound(operation: Operation, body: dict[str, Any], **more: Any) -> int | None:
    return reserved(operation, body, **more).bound


counts = st.integers(0, 5000)
REQUESTS: dict[str, tuple[Operation, dict[str, Any]]] = {
    "chat": (CHAT, {"messages": [{"role": "user", "content": "hi"}]}),
    "chat n": (CHAT, {"messages": [{"role": "user", "content": "hi"}], "n": 3, "max_tokens": 50}),
    "responses": (RESPONSES, {"input": "hi"}),
    "responses limit": (RESPONSES, {"input": [{"role": "user", "content": "hi"}], "max_output_tokens": 70}),
    "responses tools": (RESPONSES, {"input": "hi", "tools": [FUNCTION]}),
    "completions": (COMPLETIONS, {"prompt": "hi"}),
    "completions prompts": (COMPLETIONS, {"prompt": ["a", "b", "c"], "n": 2, "max_tokens": 30}),
    "completions best of": (COMPLETIONS, {"prompt": ["a", "b"], "n": 2, "best_of": 5, "max_tokens": 30}),
    "embeddings": (EMBEDDINGS, {"input": ["a", "b"]}),
}
ANSWERS = {"chat n": 3 * 50, "responses limit": 70, "completions prompts": 6 * 30, "completions best of": 10 * 30}


@pytest.mark.parametrize("name", REQUESTS)
@PROPERTY
@given(counts, counts, st.tuples(*[st.integers(0, 10)] * 4), st.integers(0, 10))
def test_no_answer_within_its_limits_costs_more_than_the_bound(
    name: str, payload: int, context: int, parts: tuple[int, ...], spoken: int
) -> None:
    operation, body = REQUESTS[name]
    most_output = ANSWERS.get(name, 1000 if operation.has_output_tokens else 0)
    prompt = payload + context  # a token is at least one byte, and what is stored was counted
    uncached, read, written, longer = (prompt * part // (sum(parts) or 1) for part in parts)
    usage = Usage(uncached, read, written, longer, most_output * spoken // 10)

    most, nano = bound(operation, body, payload=payload, context=context), cost(usage, PRICE)

    assert most is not None
    assert nano is not None
    assert nano <= most


@pytest.mark.parametrize(
    ("body", "generated"),
    [
        ({"prompt": "a"}, 1),
        ({"prompt": [1, 2, 3]}, 1),
        ({"prompt": []}, 1),
        ({"prompt": ["a", "b"]}, 2),
        ({"prompt": [[1, 2], [3], [4]]}, 3),
        ({"prompt": "a", "n": 3}, 3),
        ({"prompt": "a", "best_of": 4}, 4),
        ({"prompt": "a", "n": 3, "best_of": 2}, 3),
        ({"prompt": ["a", "b"], "n": 2, "best_of": 5}, 10),
        ({"prompt": None}, 1),
        ({}, 1),
    ],
)
def test_every_answer_that_is_generated_is_paid_for(body: dict[str, Any], generated: int) -> None:
    limit = {"max_tokens": 10}

    one = bound(COMPLETIONS, limit, payload=0)
    all_of_them = bound(COMPLETIONS, {**body, **limit}, payload=0)

    assert one is not None
    assert all_of_them == one + (generated - 1) * 10 * 4000


def test_an_embedding_answers_with_no_token() -> None:
    unlimited = Price(PRICE.rates, max_output_tokens=None)

    assert bound(EMBEDDINGS, {"input": "hi"}, price=unlimited) == bound(EMBEDDINGS, {"input": "hi"})
    assert bound(RESPONSES, {"input": "hi"}, price=unlimited) is None


def test_what_is_stored_is_read_again() -> None:
    one = bound(RESPONSES, {"input": "hi"}, context=0)
    other = bound(RESPONSES, {"input": "hi", "previous_response_id": "resp_1"}, context=700)

    assert one is not None
    assert other is not None
    assert other - one >= 700 * 1000


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        (IMAGES, {"prompt": "a cat"}),
        (SPEECH, {"input": "hi"}),
        (RESPONSES, {"conversation": "conv_1"}),
        (RESPONSES, {"conversation": {"id": "conv_1"}}),
        (RESPONSES, {"prompt": {"id": "pmpt_1"}}),
        (RESPONSES, {"tools": [{"type": "web_search"}]}),
        (RESPONSES, {"tools": [FUNCTION, {"type": "mcp", "server_url": "https://example.com"}]}),
        (RESPONSES, {"tools": [{"type": "file_search"}]}),
        (RESPONSES, {"tools": [{"type": "code_interpreter"}]}),
        (RESPONSES, {"tools": [{"type": "image_generation"}]}),
        (RESPONSES, {"tools": [{"type": "of_tomorrow"}]}),
        (RESPONSES, {"input": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]}),
        (CHAT, {"messages": [{"role": "user", "content": "hi"}], "web_search_options": {}}),
        (CHAT, {"messages": [{"role": "user", "content": "hi"}], "modalities": ["audio"]}),
        (CHAT, {"messages": [{"role": "user", "content": "hi"}], "search_parameters": {"mode": "auto"}}),
    ],
    ids=str,
)
def test_what_has_no_limit_has_no_bound(operation: Operation, body: dict[str, Any]) -> None:
    assert bound(operation, body) is None


@pytest.mark.parametrize(
    "tools",
    [None, [], [FUNCTION], [{"type": "custom", "name": "f"}], [{"type": "namespace"}], [{"type": "apply_patch"}], [{}]],
    ids=str,
)
def test_tools_of_the_callers_own_leave_the_bound(tools: list[Any] | None) -> None:
    assert bound(RESPONSES, {"input": "hi", "tools": tools}) is not None


@pytest.mark.parametrize(
    ("part", "tokens"),
    [
        ({"type": "input_image", "image_url": "https://example.com/a.png"}, LINKED_IMAGE_TOKENS),
        ({"type": "input_image", "file_id": "file-1"}, LINKED_IMAGE_TOKENS),
        ({"type": "input_file", "file_url": "https://example.com/a.pdf"}, LINKED_FILE_TOKENS),
        ({"type": "input_file", "file_data": "data:application/pdf;base64,AA=="}, LINKED_FILE_TOKENS),
        ({"type": "input_text", "text": "hi"}, 0),
    ],
)
@pytest.mark.parametrize("place", ["content", "output"])
def test_what_is_linked_from_an_item_is_bound_by_a_table(part: dict[str, Any], tokens: int, place: str) -> None:
    plain = bound(RESPONSES, {"input": [{"role": "user", "content": "hi"}]})
    linked = bound(RESPONSES, {"input": [{"role": "user", place: [part]}]})

    assert plain is not None
    assert linked is not None
    assert linked - plain == tokens * 2000  # at the dearest rate a token of the prompt can have


def test_a_screenshot_that_a_tool_gave_back_is_one_too() -> None:
    shot = {"type": "computer_call_output", "output": {"type": "computer_screenshot", "image_url": "https://x/a.png"}}

    linked, plain = bound(RESPONSES, {"input": [shot]}), bound(RESPONSES, {"input": [{}]})

    assert linked is not None
    assert plain is not None
    assert linked - plain == LINKED_IMAGE_TOKENS * 2000


@pytest.mark.parametrize(
    ("operation", "body", "read"),
    [
        (RESPONSES, {"input": "hi", "metadata": {"a": "b" * 500}}, '{"input":"hi"}'),
        (RESPONSES, {"input": "hi", "instructions": "be brief"}, '{"input":"hi","instructions":"be brief"}'),
        (COMPLETIONS, {"prompt": "hi", "suffix": "!", "user": "x" * 500}, '{"prompt":"hi","suffix":"!"}'),
        (EMBEDDINGS, {"input": ["hi"], "dimensions": 5}, '{"input":["hi"]}'),
        (IMAGES, {"prompt": "hi", "size": "1024x1024"}, '{"prompt":"hi"}'),
        (SPEECH, {"input": "hi", "voice": "alloy", "instructions": "slow"}, '{"input":"hi","instructions":"slow"}'),
        (RESPONSES, {"input": "\ud800"}, '{"input":"???"}'),
    ],
)
def test_what_the_model_reads_is_counted(operation: Operation, body: dict[str, Any], read: str) -> None:
    assert prompt_bytes(ModelRequest(body, operation)) == len(read)


def test_the_estimate_is_of_what_such_a_call_probably_costs() -> None:
    chat, embedding = reserved(RESPONSES, {"input": "hi"}), reserved(EMBEDDINGS, {"input": "hi"})
    limited = reserved(RESPONSES, {"input": "hi", "max_output_tokens": 10})

    assert (chat.estimate or 0) - (embedding.estimate or 0) == 512 * 4000
    assert (chat.estimate or 0) - (limited.estimate or 0) == 502 * 4000
    assert (chat.operation, embedding.operation) == ("chat", "embeddings")


@pytest.mark.parametrize("tier", ["flex", "priority", "of_tomorrow"])
def test_a_tier_without_a_price_has_no_bound(tier: str) -> None:
    assert bound(RESPONSES, {"input": "hi", "service_tier": tier}) is None
    assert bound(RESPONSES, {"input": "hi", "service_tier": "auto"}) is not None


CONVERSED = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
UNTOLD: dict[str, tuple[Operation, dict[str, Any]]] = {
    "fast": (MESSAGES, {"messages": [], "max_tokens": 100, "speed": "fast"}),
    "in one country": (MESSAGES, {"messages": [], "max_tokens": 100, "inference_geo": "us"}),
    "predicted": (CHAT, {"messages": [], "max_tokens": 1, "prediction": {"type": "content", "content": "x" * 9}}),
    "many answers": (INVOKE, {"prompt": "hi", "max_tokens": 10, "n": 16}),
    "many images": (INVOKE, {"prompt": "hi", "max_tokens": 10, "num_generations": 5}),
    "passed on": (CONVERSE, {**CONVERSED, "additionalModelRequestFields": {"max_tokens": 9999}}),
}


@pytest.mark.parametrize(("operation", "body"), UNTOLD.values(), ids=UNTOLD)
def test_what_costs_more_than_its_limits_tell_has_no_bound(operation: Operation, body: dict[str, Any]) -> None:
    assert Admission(512, lambda: "nonce").bound(ModelRequest({"model": "m", **body}, operation), 100, PRICE) is None


@pytest.mark.parametrize("tokens", [-1, 0, True, "9"])
def test_a_limit_that_is_none_limits_nothing(tokens: object) -> None:
    request = ModelRequest({"model": "m", **CONVERSED, "inferenceConfig": {"maxTokens": tokens}}, CONVERSE)

    assert request.max_output_tokens is None
    assert Admission(512, lambda: "nonce").bound(request, 100, PRICE)


def test_the_longest_limit_of_a_model_counts() -> None:
    request = ModelRequest({"prompt": "hi", "max_tokens": 1, "max_completion_tokens": 900}, INVOKE)

    assert request.max_output_tokens == 900
