from dataclasses import replace

import pytest
from tests.unit.sluice_cli import calls
from tests.unit.sluice_cli.fake_table import FakeTable

from sluice.domain.record import Outcome
from sluice.domain.usage import Usage
from sluice_cli.commands.demo import booked
from sluice_cli.failure import CommandFailed
from sluice_cli.ledger import Ledger


def ledger(*items: calls.Item) -> Ledger:
    return Ledger(FakeTable(*items), "ledger")


def test_a_settled_call_with_its_usage_is_booked() -> None:
    found = booked(ledger(calls.settled()), "d4b2aac8", 0)

    assert (found["status"], found["cost"]) == ("settled", 32_850)


@pytest.mark.parametrize(
    ("items", "complaint"),
    [
        ([], "the ledger has no record of call d4b2aac8"),
        ([calls.reserved()], "it is reserved, not settled"),
        ([calls.abandoned()], "it is abandoned, not settled"),
        (
            [calls.settled(replace(calls.OUTCOME, outcome=Outcome.INCOMPLETE))],
            "its outcome is incomplete, not complete",
        ),
        ([calls.settled(replace(calls.OUTCOME, usage=Usage()))], "its usage is missing"),
        ([calls.settled(replace(calls.OUTCOME, usage=Usage(input=7)))], "its usage is missing"),
    ],
)
def test_a_call_that_is_not_booked_as_it_should_be_fails_the_demo(items: list[calls.Item], complaint: str) -> None:
    with pytest.raises(CommandFailed, match=complaint):
        booked(ledger(*items), "d4b2aac8", 0)
