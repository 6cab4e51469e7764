"""The rules of a request: the first broken one answers, null counts as left out, a boolean is no number."""

import json
from typing import Any

import pytest

from sluice_devstack.simulated import rules
from sluice_devstack.simulated.refusal import Refused

RULES = (
    rules.has_model,
    rules.known(("model", "count", "name", "kind", "stream", "stream_options")),
    rules.required("name"),
    rules.typed("name", str, "a string"),
    rules.at_least("count", 1),
    rules.at_most("count", 9),
    rules.one_of("kind", ("a", "b", "c")),
    *rules.options_only_of_a_stream(("include_usage",)),
)
FIT = {"model": "m", "name": "n"}


@pytest.mark.parametrize(
    "body",
    [
        FIT,
        {**FIT, "count": None, "kind": None, "stream_options": None},
        {**FIT, "count": 9, "kind": "c"},
        {**FIT, "stream": True, "stream_options": {"include_usage": True}},
    ],
)
def test_what_breaks_no_rule_is_returned_as_it_came(body: dict[str, Any]) -> None:
    assert rules.parse(json.dumps(body).encode(), RULES) == body


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"model": ""}, None, None),
        ({"other": 1}, "unknown_parameter", "other"),
        ({"name": None}, "missing_required_parameter", "name"),
        ({"name": 5}, "invalid_type", "name"),
        ({"count": 0}, "integer_below_min_value", "count"),
        ({"count": 10}, "integer_above_max_value", "count"),
        ({"count": True}, "invalid_type", "count"),
        ({"count": 1.0}, "invalid_type", "count"),
        ({"kind": "d"}, "invalid_value", "kind"),
        ({"stream_options": []}, "invalid_type", "stream_options"),
        ({"stream_options": {"include_usage": True}}, None, "stream_options"),
        ({"stream": True, "stream_options": {"other": 1}}, "unknown_parameter", "stream_options.other"),
    ],
)
def test_a_broken_rule_is_a_refusal(changes: dict[str, Any], code: str | None, param: str | None) -> None:
    with pytest.raises(Refused) as refused:
        rules.parse(json.dumps({**FIT, **changes}).encode(), RULES)

    error = json.loads(refused.value.refusal.body)["error"]
    assert (refused.value.refusal.status, error["code"], error["param"]) == (400, code, param)


@pytest.mark.parametrize("payload", [b"", b"[]", b"5", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_object_of_json_is_refused(payload: bytes) -> None:
    with pytest.raises(Refused):
        rules.parse(payload, RULES)


def test_values_are_listed_as_a_person_would() -> None:
    body = json.loads(rules.invalid_value("kind", "d", ("a", "b", "c")).body)

    assert body["error"]["message"] == "Invalid value: 'd'. Supported values are: 'a', 'b' and 'c'."
