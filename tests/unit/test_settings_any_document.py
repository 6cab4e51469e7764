from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from sluice.domain.errors import Misconfigured
from sluice.settings import settings

ENVIRON = {"SLUICE_TABLE": "ledger"}
WHOLE: dict[str, Any] = {
    "defaults": {
        "idle_timeout_seconds": 30,
        "access": "block",
        "retry": {"attempts": 2, "backoff": "linear", "statuses": [503]},
    },
    "patterns": {"ticket": "TCK-[0-9]{6}"},
    "idempotency": {"keep_answers": False},
    "policies": [
        {
            "name": "developers",
            "who": {"arn": ["arn:aws:sts::*"], "account": "1*", "tags": {"team": ["a", "b"]}},
            "models": ["short", "openai/*"],
            "when": {"env": "prod"},
            "budget": [{"usd": "5.00", "window": "day", "overshoot": "25%", "fallback": "short"}, {"usd": 5}],
            "rate": {"requests_per_minute": 6, "per": "tag:team"},
            "guard": {"patterns": ["card", "ticket"], "action": "mask", "guardrail": "x", "guardrail_version": "1"},
        },
        {"name": "nobody", "who": "*", "models": "long", "action": "block", "mode": "shadow"},
    ],
    "secrets": {"ttl_seconds": 60, "max_stale_seconds": 60, "rest_seconds": 60},
    "ledger": {"typical_output_tokens": 5},
    "cloudflare": {"account": "a", "gateway": "b"},
    "providers": {
        "openai": {"kind": "openai", "secret": "sluice/openai", "models": ["gpt-5"], "stored_objects": False},
        "groq": {"kind": "compatible", "preset": "groq", "secret": "sluice/groq", "usage": True},
        "own": {
            "kind": "compatible",
            "base_url": "https://example.com/v1",
            "price_family": "openai",
            "prices": {"large": {"input": "1", "output": "2", "max_output_tokens": 9}},
        },
        "bedrock": {"kind": "bedrock", "region": "eu-west-1", "endpoint": "https://example.com"},
    },
    "routes": {
        "short": "openai/gpt-5",
        "long": {
            "strategy": "weighted",
            "sticky": "session",
            "retry": {"attempts": 3, "delay_seconds": 0.5},
            "fallback_statuses": [429],
            "targets": [
                {"model": "openai/gpt-5", "weight": 3, "override": {"user": "x"}, "drop": ["seed"]},
                {"model": "bedrock/x", "base_model": "y", "api": "openai", "first_byte_timeout_seconds": 5},
            ],
        },
    },
}
ODD: tuple[Any, ...] = (
    *(0, -1, 2**70, 0.5, float("nan"), float("inf"), True, "", "x", "/", "é" * 300, "http://[", "a/b"),
    *([], [[]], ["x"], [{}], [0], {}, {"": ""}, {"x": {}}, {"model": 1}, {"targets": {}}, date(2026, 11, 21)),
)
Place = tuple[str | int, ...]


def places(value: Any, above: Place = ()) -> Iterator[Place]:
    """Of everything in a document, itself included."""
    yield above
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in inner:
        yield from places(held, (*above, key))


def changed(value: Any, place: Place, odd: Any) -> Any:
    """The document with something else in that place."""
    if not place:
        return odd
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = changed(value[place[0]], place[1:], odd)
    return copy


def refusal(document: Any) -> str:
    try:
        settings(document, ENVIRON)
    except Misconfigured as error:
        return error.message
    return ""


@pytest.mark.fault("K05")
def test_a_document_with_anything_in_any_place_is_settings_or_misconfigured() -> None:
    assert refusal(WHOLE) == ""

    refused = [refusal(changed(WHOLE, place, odd)) for place in places(WHOLE) for odd in ODD]

    assert len(refused) > 1500
    assert sum(map(bool, refused)) > len(refused) / 2


@pytest.mark.fault("K05")
def test_a_document_with_a_key_of_any_name_in_any_table_is_settings_or_misconfigured() -> None:
    tables = [place for place in places(WHOLE) if isinstance(found(place), dict)]

    refused = [refusal(changed(WHOLE, place, found(place) | {"x y": odd})) for place in tables for odd in ODD]

    assert sum(map(bool, refused)) > len(refused) / 2


def found(place: Place) -> Any:
    value: Any = WHOLE
    for key in place:
        value = value[key]
    return value
