import json
import time
from typing import Any

import pytest

from sluice.codecs.glimpse import END_BYTES, Glimpse

USAGE = {"prompt_tokens": 8, "total_tokens": 8}
LONG = [0.125] * END_BYTES  # about six times what is kept of one end
SECONDS = 1.0  # a hostile answer costs milliseconds; quadratic work would be many seconds


def glimpse(answer: bytes, piece_bytes: int = 60_000) -> dict[str, Any]:
    made = Glimpse()
    for start in range(0, len(answer), piece_bytes):
        made.feed(answer[start : start + piece_bytes])
    return made.read()


def dumped(**members: Any) -> bytes:
    return json.dumps(members).encode()


def test_usage_and_model_are_seen_behind_a_long_array() -> None:
    found = glimpse(dumped(object="list", data=LONG, model="m-1", usage=USAGE, service_tier="flex"))

    assert found == {"object": "list", "model": "m-1", "usage": USAGE, "service_tier": "flex"}


def test_usage_and_model_are_seen_before_it() -> None:
    found = glimpse(dumped(model="m-1", usage=USAGE, data=LONG))

    assert found == {"model": "m-1", "usage": USAGE}


def test_an_answer_without_them_tells_nothing() -> None:
    assert glimpse(dumped(created=5, data=LONG)) == {"usage": None}


@pytest.mark.parametrize("size", [END_BYTES - 40, END_BYTES, END_BYTES + 40, 2 * END_BYTES, 2 * END_BYTES + 40])
@pytest.mark.parametrize("piece_bytes", [1000, 65_536, 10**7])
def test_usage_is_seen_wherever_the_ends_meet(size: int, piece_bytes: int) -> None:
    pad = "x" * (size - len(dumped(data="", usage=USAGE)))

    assert glimpse(dumped(data=pad, usage=USAGE), piece_bytes)["usage"] == USAGE


@pytest.mark.parametrize("shift", range(0, 60, 3))
def test_usage_across_the_end_of_the_head_is_never_half_seen(shift: int) -> None:
    pad = "x" * (END_BYTES - len(dumped(pad="")) - shift)

    assert glimpse(dumped(pad=pad, usage=USAGE, data=LONG))["usage"] in (USAGE, None)


def test_only_members_of_the_outermost_object_count_in_the_head() -> None:
    chosen = {"id": "resp_of_another", "model": "cheap", "service_tier": "flex", "usage": {"input_tokens": 0}}

    found = glimpse(dumped(metadata=chosen, id="resp_1", status="completed", model="dear", output=LONG))

    assert found == {"id": "resp_1", "status": "completed", "model": "dear", "usage": None}


def test_text_that_looks_like_usage_is_only_text() -> None:
    text = '"usage": {"prompt_tokens": 1}, "model": "cheap"'

    assert glimpse(dumped(data=LONG, text=text)) == {"usage": None}


def test_the_last_usage_wins() -> None:
    schema = {"properties": {"usage": {"input_tokens": 0, "output_tokens": 0}}}

    assert glimpse(dumped(data=LONG, tools=[schema], usage=USAGE))["usage"] == USAGE


@pytest.mark.parametrize(
    "hostile",
    [
        b'{"a":' * 400_000,
        b"[" * 2_000_000,
        b'{"usage":' * 200_000,
        b'{"usage":{' * 200_000,
        b'"usage"' + b" " * 2_000_000 + b"{",
        b'"model"' * 300_000,
        b'{"model":"' + b"x" * 2_000_000,
        b'{"a"' + b" " * 2_000_000 + b":1}",
        b"\xff" * 2_000_000,
        b'{"' + b"\\" * 2_000_000,
        b'{"a":1' + b',"a":1' * 400_000,
        b"",
    ],
    ids=range(12),
)
def test_a_hostile_answer_costs_little_and_tells_nothing(hostile: bytes) -> None:
    since = time.process_time()

    found = glimpse(hostile)

    assert time.process_time() - since < SECONDS
    assert not found["usage"]
