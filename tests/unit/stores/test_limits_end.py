"""The end of calls under rate limits: what is corrected, and that it is once."""

import pytest
from tests.fakes.memory_dynamodb import failure, lost, throttled
from tests.unit.stores.limiter import ALL, REQUESTS, STREAMS, TOKENS, Site, refused

from sluice.stores.limit_row import KEPT_SECONDS
from sluice.stores.limits import Permit


@pytest.fixture
def site() -> Site:
    return Site()


def test_at_the_end_tokens_are_corrected_to_what_was_used(site: Site) -> None:
    site.enter(TOKENS, 5000).end(1000)
    assert site.enter(TOKENS, 0).headers["x-ratelimit-remaining-tokens"] == "5000"

    site.enter(TOKENS, 1000).end(9000)
    error = refused(site, TOKENS, 1)

    assert error.headers["x-ratelimit-reset-tokens"] == "1m40s"
    assert error.headers["retry-after"] == "41"
    assert site.row(TOKENS)["exp"] == int(site.hand.seconds) + KEPT_SECONDS + 80


def test_time_that_is_over_is_not_given_back(site: Site) -> None:
    early = site.enter(TOKENS, 6000)
    site.hand.seconds += 30
    site.enter(TOKENS, 3000)

    early.end(0)

    assert site.enter(TOKENS, 0).headers["x-ratelimit-remaining-tokens"] == "3000"


def test_nothing_is_written_at_the_end_where_nothing_is_to_correct(site: Site) -> None:
    exact, over, counted = site.enter(TOKENS, 100), site.enter(TOKENS, 600), site.enter(REQUESTS)
    site.hand.seconds += 7  # after which the second has flowed off
    site.table.calls.clear()

    exact.end(100)
    over.end(0)
    counted.end(50)

    assert site.table.calls == []


def test_a_call_is_ended_once(site: Site) -> None:
    permit = site.enter(ALL, 100)
    permit.end(300)
    after = site.row(ALL)

    permit.end(300)
    permit.end(0)

    assert site.row(ALL) == after
    Permit().end(3)


@pytest.mark.parametrize("error", [failure("AccessDeniedException"), failure("ValidationException"), lost()])
def test_an_end_that_cannot_be_written_is_said_and_not_raised(
    site: Site, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    permit = site.enter(TOKENS, 100)
    site.table.before = [error]

    permit.end(300)

    assert "limits.uncorrected" in caplog.text


def test_an_end_is_tried_for_a_quarter_of_a_second(site: Site) -> None:
    permit = site.enter(ALL, 100)
    site.table.before = [throttled()] * 100

    permit.end(300)

    assert sum(site.hand.slept) <= 0.25
    assert len(site.row(ALL)["op"]) == 1


def test_an_end_whose_answer_is_lost_happens_once(site: Site) -> None:
    moment = round(site.hand.seconds * 1000) * 6000
    with_stream, without = site.enter(ALL, 100), site.enter(TOKENS, 100)
    site.table.after = [lost()]
    with_stream.end(300)
    site.table.after = [lost()]
    without.end(300)

    assert site.row(ALL)["tt6000"] == moment + 600 * 60_000


def test_a_row_that_expired_meanwhile_stays_away(site: Site) -> None:
    permits = [site.enter(ALL, 100), site.enter(TOKENS, 100), site.enter(STREAMS)]
    site.table.items.clear()

    for permit in permits:
        permit.end(300)

    assert site.table.items == {}
