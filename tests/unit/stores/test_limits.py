"""Rate limits: who is let in, and what is said to whom is not."""

from dataclasses import replace

import pytest
from tests.fakes.memory_dynamodb import failure
from tests.unit.stores.limiter import ALL, CALL, LEASE_SECONDS, REQUESTS, STREAMS, TOKENS, Site, let_in, refused

from sluice.domain.errors import LedgerBusy, RateLimited
from sluice.domain.policy import Rate
from sluice.stores.limit_row import KEPT_SECONDS
from sluice.stores.limits import MOST_REMEMBERED


@pytest.fixture
def site() -> Site:
    return Site()


def test_a_call_without_claims_asks_for_nothing(site: Site) -> None:
    permit = site.limits.enter([])
    permit.end(5)

    assert (permit.headers, permit.notes, site.table.calls) == ({}, (), [])


def test_a_rate_without_limits_asks_for_nothing(site: Site) -> None:
    site.enter(Rate("team")).end(5)

    assert site.table.calls == []


def test_a_claim_is_one_update_of_one_row(site: Site) -> None:
    site.enter(ALL, 100)

    now = site.hand.seconds
    now_ms = round(now * 1000)
    (stream,) = site.row(ALL).pop("op")
    assert site.table.calls == ["UpdateItem"]
    assert site.row(ALL) == {
        "pk": "L#team#fdee430d40bd",
        "sk": "L",
        "rt60": now_ms * 60 + 60_000,
        "tt6000": now_ms * 6000 + 100 * 60_000,
        "op": [stream],
        "exp": int(now) + KEPT_SECONDS,
    }
    assert stream.split(" ")[:2] == [CALL[:8], str(int(now) + LEASE_SECONDS)]


@pytest.mark.fault("C07")
def test_a_minutes_whole_amount_may_come_at_once_and_then_one_at_a_time(site: Site) -> None:
    assert let_in(site, REQUESTS, 10) == 7

    site.hand.seconds += 8.571  # a seventh of a minute, and not quite
    assert let_in(site, REQUESTS, 1) == 0

    site.hand.seconds += 0.001
    assert let_in(site, REQUESTS, 2) == 1

    site.hand.seconds += 51.428
    assert let_in(site, REQUESTS, 10) == 6

    site.hand.seconds += 3600
    assert let_in(site, REQUESTS, 10) == 7


def test_every_caller_has_a_limit_of_its_own(site: Site) -> None:
    assert let_in(site, REQUESTS, 10) == 7

    assert site.enter(REQUESTS, of="bob").headers["x-ratelimit-remaining-requests"] == "6"
    assert let_in(site, replace(REQUESTS, name="other"), 10) == 7


def test_a_call_that_is_let_in_is_told_what_is_left(site: Site) -> None:
    site.enter(ALL, 100)
    permit = site.enter(ALL, 100)

    assert permit.headers == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "58",
        "x-ratelimit-reset-requests": "2s",
        "x-ratelimit-limit-tokens": "6000",
        "x-ratelimit-remaining-tokens": "5800",
        "x-ratelimit-reset-tokens": "2s",
    }


def test_of_several_limits_the_one_with_the_least_left_is_told(site: Site) -> None:
    tight = Rate("tight", requests_per_minute=2)
    wide = Rate("wide", requests_per_minute=50, tokens_per_minute=1000)

    permit = site.limits.enter(
        [site.claim(wide), site.claim(tight), site.claim(replace(tight, name="shadow"), is_enforced=False)]
    )

    assert permit.headers["x-ratelimit-limit-requests"] == "2"
    assert permit.headers["x-ratelimit-remaining-requests"] == "1"
    assert permit.headers["x-ratelimit-limit-tokens"] == "1000"


def test_a_refusal_names_the_limit_and_how_long_to_wait(site: Site) -> None:
    let_in(site, REQUESTS, 7)

    error = refused(site, REQUESTS)

    assert str(error) == "the rate limit 'team' of 7 requests per minute is reached; try again in 8.572s"
    assert (error.status, error.code) == (429, "rate_limit_exceeded")
    assert error.headers == {
        "x-ratelimit-limit-requests": "7",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1m0s",
        "retry-after": "9",
        "retry-after-ms": "8572",
    }


def test_after_the_wait_it_is_told_to_take_a_call_is_let_in(site: Site) -> None:
    let_in(site, TOKENS, 5, 1100)

    wait_ms = int(refused(site, TOKENS, 1100).headers["retry-after-ms"])
    site.hand.seconds += (wait_ms - 1) / 1000
    refused(site, TOKENS, 1100)
    site.hand.seconds += 0.001

    assert site.enter(TOKENS, 1100).headers["x-ratelimit-remaining-tokens"] == "0"


def test_tokens_are_refused_in_their_own_words(site: Site) -> None:
    site.enter(TOKENS, 5500)

    error = refused(site, TOKENS, 600)

    words = "the rate limit 'team' of 6,000 tokens per minute has 500 left, and this call takes about 600"
    assert str(error) == f"{words}; try again in 1s"
    assert error.headers["retry-after"] == "1"


def test_what_can_never_fit_is_refused_for_good(site: Site) -> None:
    error = refused(site, TOKENS, 6001)

    assert str(error).startswith(
        "request too large for the rate limit 'team': it takes about 6,001 tokens, and 6,000 per"
    )
    assert error.headers == {"x-should-retry": "false"}
    assert site.table.calls == []
    assert site.enter(TOKENS, 6000)


@pytest.mark.parametrize(
    "rate", [Rate("none", requests_per_minute=0), Rate("none", tokens_per_minute=0), Rate("none", concurrent=0)]
)
def test_a_limit_of_nothing_lets_nobody_in(site: Site, rate: Rate) -> None:
    assert refused(site, rate).headers == {"x-should-retry": "false"}


@pytest.mark.parametrize("tokens", [0, 1])
def test_calls_of_few_tokens_are_told_how_long_to_wait(site: Site, tokens: int) -> None:
    site.enter(TOKENS, 6000).end(7000)

    assert refused(site, TOKENS, tokens).headers["retry-after"] in ("10", "11")


def test_so_many_calls_are_open_at_once(site: Site) -> None:
    permits = [site.enter(STREAMS), site.enter(STREAMS)]

    error = refused(site, STREAMS)
    permits[0].end(3)

    assert str(error) == "the rate limit 'team' of 2 calls at once is reached; try again when one has ended"
    assert error.headers == {"retry-after": "1", "retry-after-ms": "1000"}
    assert site.enter(STREAMS).headers == {}
    refused(site, STREAMS)


def test_a_call_whose_process_died_is_open_until_its_lease_is_over(site: Site) -> None:
    for _ in range(2):
        site.enter(STREAMS)

    site.hand.seconds += LEASE_SECONDS
    refused(site, STREAMS)
    site.hand.seconds += 1

    assert let_in(site, STREAMS, 3) == 2


def test_only_calls_whose_lease_is_over_make_room(site: Site) -> None:
    site.enter(STREAMS)
    site.hand.seconds += 2 * LEASE_SECONDS
    permit = site.enter(STREAMS)

    assert let_in(site, STREAMS, 2) == 1

    permit.end(0)
    assert let_in(site, STREAMS, 2) == 1


def test_calls_that_are_over_are_not_dropped_where_a_pace_refuses(site: Site) -> None:
    site.enter(replace(STREAMS, requests_per_minute=1))
    site.enter(STREAMS)
    site.hand.seconds += LEASE_SECONDS + 1
    site.enter(replace(REQUESTS, requests_per_minute=1))
    site.table.calls.clear()

    refused(site, replace(STREAMS, requests_per_minute=1))

    assert site.table.calls == ["UpdateItem"]


def test_one_invocation_that_is_delivered_twice_is_open_twice(site: Site) -> None:
    first, second = site.enter(STREAMS), site.beside().enter(STREAMS)

    second.end(0)
    assert len(site.row(STREAMS)["op"]) == 1

    first.end(0)
    assert "op" not in site.row(STREAMS)


def test_a_claim_that_is_refused_takes_nothing(site: Site) -> None:
    site.enter(ALL, 5995)
    before = site.row(ALL)

    refused(site, ALL, 100)

    assert site.row(ALL) == before


def test_where_one_limit_refuses_the_others_have_all_back(site: Site) -> None:
    full = Rate("full", requests_per_minute=1)
    site.enter(ALL, 50)
    site.enter(full)
    before = site.row(ALL)

    with pytest.raises(RateLimited, match="'full'"):
        site.limits.enter([site.claim(ALL, 100), site.claim(full)])

    assert site.row(ALL) == before


def test_a_limit_in_the_shadow_counts_and_refuses_nothing(site: Site) -> None:
    for _ in range(7):
        assert site.enter(REQUESTS, is_enforced=False).notes == ()

    permit = site.enter(REQUESTS, is_enforced=False)
    permit.end(5)

    assert (permit.notes, permit.headers) == (("shadow:team",), {})
    assert site.enter(TOKENS, 6001, is_enforced=False).notes == ("shadow:team",)


def test_a_table_that_does_not_say_refuses_nothing_in_the_shadow(site: Site) -> None:
    site.table.before = [failure("AccessDeniedException")]

    assert site.enter(REQUESTS, is_enforced=False).notes == ("shadow:team",)


@pytest.mark.parametrize("tells", [True, False])
def test_what_another_environment_did_is_found_out(tells: bool) -> None:
    site = Site(tells)
    other = site.beside()
    assert let_in(other, ALL, 1) == 1
    site.table.calls.clear()

    permit = site.enter(ALL)

    assert permit.headers["x-ratelimit-remaining-requests"] == "58"
    assert site.table.calls == ["UpdateItem", *([] if tells else ["GetItem"]), "UpdateItem"]


def test_what_was_seen_last_is_right_mostly(site: Site) -> None:
    for seconds in (0, 0.5, 10, 0.5):
        site.hand.seconds += seconds
        site.enter(ALL).end(10)

    assert site.table.calls == ["UpdateItem"] * 8


def test_a_row_that_is_asked_for_by_many_is_given_up_in_the_end(site: Site) -> None:
    site.table.before = [failure("ConditionalCheckFailedException"), None] * 100

    with pytest.raises(LedgerBusy, match="too many") as caught:
        site.enter(REQUESTS)

    assert caught.value.headers == {"retry-after": "1"}


@pytest.mark.fault("C07")
def test_clocks_minutes_apart_grant_their_difference_once(site: Site) -> None:
    ahead = site.beside(180)
    assert let_in(site, REQUESTS, 10) == 7
    assert let_in(ahead, REQUESTS, 10) == 7

    for each in (site, ahead):
        each.hand.seconds += 60

    assert let_in(site, REQUESTS, 10) == 0
    assert let_in(ahead, REQUESTS, 10) == 7
    assert let_in(site, REQUESTS, 10) == 0


def test_a_limit_that_is_changed_begins_anew(site: Site) -> None:
    let_in(site, REQUESTS, 7)

    assert let_in(site, replace(REQUESTS, requests_per_minute=3), 10) == 3
    assert let_in(site, REQUESTS, 1) == 0


def test_what_is_remembered_of_rows_is_bounded(site: Site) -> None:
    for number in range(MOST_REMEMBERED + 5):
        site.enter(REQUESTS, of=f"caller-{number}")

    site.table.calls.clear()
    site.enter(REQUESTS, of=f"caller-{MOST_REMEMBERED}")
    site.enter(REQUESTS, of="caller-1")

    assert site.table.calls == ["UpdateItem"] * 3
