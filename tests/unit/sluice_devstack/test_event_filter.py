"""Filter patterns of an event source mapping, as Lambda reads them."""

import pytest
from tests.house.repository import ROOT

from sluice_devstack.event_filter import wants
from sluice_devstack.intrinsics import TemplateError
from sluice_devstack.template import Template

BUS = {"EventBus": "arn:aws:events:us-east-1:123456789012:event-bus/sluice"}


def record(key: str, status: str | None = None) -> dict[str, object]:
    image = {"NewImage": {"pk": {"S": key}, **({"st": {"S": status}} if status else {})}}
    return {"eventID": "1", "dynamodb": {"Keys": {"pk": {"S": key}}, **(image if status != "gone" else {})}}


@pytest.mark.parametrize(
    ("key", "status", "without_bus", "with_bus"),
    [
        ("R#1", "S", True, True),
        ("R#1", "A", True, True),
        ("R#1", "R", False, False),
        ("R#1", "gone", False, False),
        ("K#1", "A", False, False),
        ("B#team", None, False, True),
        ("D#20261120", None, False, False),
        ("Z#1", None, False, False),
    ],
)
def test_the_rollup_hears_of_calls_that_ended_and_of_budgets_where_there_is_a_bus(
    key: str, status: str | None, without_bus: bool, with_bus: bool
) -> None:
    heard = []
    for parameters in ({}, BUS):
        stream = Template.load(ROOT, parameters).function("RollupFunction").stream
        assert stream
        heard.append(wants(stream.patterns, record(key, status)))

    assert heard == [without_bus, with_bus]


def test_without_patterns_everything_is_heard_of() -> None:
    assert wants([], record("R#1"))


def test_the_stream_is_the_ledgers_in_batches_of_a_hundred() -> None:
    stream = Template.load(ROOT).function("RollupFunction").stream

    assert stream
    assert (stream.table, stream.batch_size) == (Template.load(ROOT).table().name, 100)
    assert Template.load(ROOT).function("SweeperFunction").stream is None


def test_a_pattern_that_is_not_known_is_no_guess() -> None:
    with pytest.raises(TemplateError, match="cannot filter a stream by"):
        wants([{"eventID": [{"exists": True}]}], record("R#1"))
