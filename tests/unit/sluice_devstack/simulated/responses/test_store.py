"""Kept responses: histories, items, and an end to both."""

import pytest

from sluice_devstack.simulated.refusal import Refused
from sluice_devstack.simulated.responses.store import KEPT_RESPONSES, StoredResponses


def test_a_history_holds_what_was_said_and_what_was_answered() -> None:
    stored = StoredResponses()

    stored.keep("resp_1", [{"role": "user"}], [{"id": "msg_1"}])

    assert stored.history("resp_1") == [{"role": "user"}, {"id": "msg_1"}]
    assert stored.item("msg_1") == {"id": "msg_1"}


def test_the_oldest_go_when_there_are_too_many_and_so_do_their_items() -> None:
    stored = StoredResponses()

    for number in range(KEPT_RESPONSES + 1):
        stored.keep(f"resp_{number}", [], [{"id": f"msg_{number}"}])

    with pytest.raises(Refused):
        stored.history("resp_0")
    assert not stored.has_item("msg_0")
    assert stored.has_item("msg_1")
