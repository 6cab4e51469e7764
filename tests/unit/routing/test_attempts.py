from datetime import UTC, datetime
from email.utils import format_datetime
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from sluice.domain.errors import (
    CircuitOpen,
    DeadlineReached,
    GatewayError,
    InvalidRequest,
    LedgerBusy,
    SecretUnavailable,
    UpstreamAuth,
    UpstreamError,
    UpstreamLost,
    UpstreamProtocol,
    UpstreamRefused,
    UpstreamReported,
    UpstreamTimeout,
    UpstreamTls,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from sluice.domain.route import FALLEN_BACK, Backoff, Retry
from sluice.routing.attempts import (
    JITTER_SECONDS,
    MAX_BACKOFF_SECONDS,
    MAX_RETRY_AFTER_SECONDS,
    Health,
    Meaning,
    falls_back,
    health,
    meaning_of_preparing,
    most,
    retry_after,
    wait_seconds,
)

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC).timestamp()
PATIENT = Retry(attempts=5)
RETRIED = (408, 409, 425, 429, 500, 502, 503, 504, 529)
NEXT_ONLY = (401, 402, 403, 404)
FINAL = (400, 405, 413, 422, 451, 501)


def refused(status: int, kind: type[UpstreamError] = UpstreamRefused) -> UpstreamError:
    error = kind("no")
    error.status = status
    return error


def date(seconds_from_now: float) -> str:
    return format_datetime(datetime.fromtimestamp(NOW + seconds_from_now, UTC), usegmt=True)


@pytest.mark.parametrize("kind", [UpstreamRefused, UpstreamReported])
@pytest.mark.parametrize(
    ("statuses", "attempts", "is_next"), [(RETRIED, 5, True), (NEXT_ONLY, 1, True), (FINAL, 1, False)]
)
def test_a_status_decides_by_table(
    kind: type[UpstreamError], statuses: tuple[int, ...], attempts: int, *, is_next: bool
) -> None:
    for status in statuses:
        error = refused(status, kind)

        assert (most(error, PATIENT), falls_back(error, FALLEN_BACK)) == (attempts, is_next), status


@pytest.mark.parametrize(
    ("error", "attempts", "is_next"),
    [
        (UpstreamUnreachable("refused"), 5, True),
        (UpstreamLost("lost"), 2, True),
        (UpstreamTruncated("cut"), 2, True),
        (UpstreamTls("expired"), 1, True),
        (UpstreamTimeout("silent"), 1, True),
        (UpstreamAuth("key"), 1, True),
        (UpstreamProtocol("html"), 1, True),
        (CircuitOpen("open"), 1, True),
        (DeadlineReached("over"), 1, False),
        (GatewayError("defect"), 1, False),
    ],
)
def test_a_failure_without_a_status_decides_by_its_class(error: GatewayError, attempts: int, *, is_next: bool) -> None:
    assert (most(error, PATIENT), falls_back(error, FALLEN_BACK)) == (attempts, is_next)


@pytest.mark.fault("U04")
@pytest.mark.parametrize("error", [UpstreamLost("lost"), UpstreamTruncated("cut")])
@pytest.mark.parametrize("attempts", [1, 2, 3, 5])
def test_what_may_have_been_paid_for_is_tried_once_more_at_most(error: GatewayError, attempts: int) -> None:
    assert most(error, Retry(attempts=attempts)) == min(attempts, 2)


def test_a_routes_own_statuses_count() -> None:
    retry = Retry(attempts=3, statuses=frozenset({500}))
    fallback = frozenset({429})

    assert (most(refused(500), retry), falls_back(refused(500), fallback)) == (3, False)
    assert (most(refused(429), retry), falls_back(refused(429), fallback)) == (1, True)


@pytest.mark.parametrize(
    ("error", "meant"),
    [
        (InvalidRequest("tools"), Meaning.NEXT),
        (SecretUnavailable("gone"), Meaning.NEXT),
        (LedgerBusy("busy"), Meaning.END),
        (GatewayError("defect"), Meaning.END),
    ],
)
def test_a_target_that_cannot_be_asked_leads_to_the_next_unless_we_failed(error: GatewayError, meant: Meaning) -> None:
    assert meaning_of_preparing(error) is meant


@pytest.mark.parametrize(
    ("error", "told"),
    [
        *((refused(status), Health.FAILING) for status in (500, 502, 503, 504, 529)),
        *((refused(status), Health.WELL) for status in (400, 404, 408, 413, 422)),
        (refused(429), Health.UNKNOWN),
        *((kind("x"), Health.FAILING) for kind in (UpstreamUnreachable, UpstreamLost, UpstreamTls, UpstreamTruncated)),
        *((kind("x"), Health.FAILING) for kind in (UpstreamTimeout, UpstreamProtocol)),
        *((kind("x"), Health.UNKNOWN) for kind in (UpstreamAuth, DeadlineReached, GatewayError)),
    ],
)
def test_the_breaker_is_told_what_a_failure_says_of_the_target(error: GatewayError, told: Health) -> None:
    assert health(error) is told


@pytest.mark.fault("U07")
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": " 7 "}, 7),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7),
        ({"retry-after": date(12)}, 12),
        ({"retry-after": date(12).replace("GMT", "+0000")}, 12),
    ],
)
def test_what_a_provider_asks_is_read_in_every_form(headers: dict[str, str], seconds: float) -> None:
    assert retry_after(headers, NOW) == pytest.approx(seconds)


@pytest.mark.fault("U09")
@pytest.mark.parametrize(
    "value",
    ["1e9", "-5", "0", "NaN", "inf", "-inf", "5, 7", "", "soon", "\uff17", date(-60), date(90_000), "Sat, 99 Foo 2026"],
)
def test_what_makes_no_sense_was_not_said(value: str) -> None:
    assert retry_after({"retry-after": value}, NOW) is None
    assert retry_after({"retry-after-ms": value}, NOW) is None


@pytest.mark.fault("U09")
@settings(deadline=None)
@given(some.text(), some.text())
def test_any_text_is_a_sensible_number_of_seconds_or_nothing(value: str, milliseconds: str) -> None:
    found = retry_after({"retry-after": value, "retry-after-ms": milliseconds}, NOW)

    assert found is None or 0 < found <= 3600


@pytest.mark.fault("U09")
@settings(deadline=None)
@given(some.datetimes(), some.sampled_from(["GMT", "+2359", "-2359", "", "EST", "+9999"]))
def test_any_date_is_a_sensible_number_of_seconds_or_nothing(moment: datetime, zone: str) -> None:
    found = retry_after({"retry-after": f"{moment:%a, %d %b} {moment.year:04} {moment:%H:%M:%S} {zone}"}, NOW)

    assert found is None or 0 < found <= 3600


@pytest.mark.fault("U08")
@settings(deadline=None)
@given(
    some.sampled_from(Backoff),
    some.floats(0, 5),
    some.integers(1, 5),
    some.integers(),
)
def test_a_wait_is_anywhere_between_nothing_and_its_backoff(
    backoff: Backoff, delay: float, attempt: int, seed: int
) -> None:
    growth = {Backoff.CONSTANT: 1, Backoff.LINEAR: attempt, Backoff.EXPONENTIAL: 2 ** (attempt - 1)}[backoff]

    wait = wait_seconds(Retry(5, backoff, delay), attempt, None, Random(seed))

    assert wait is not None
    assert 0 <= wait <= min(MAX_BACKOFF_SECONDS, delay * growth)


@pytest.mark.fault("U08")
def test_waits_fill_their_whole_range() -> None:
    random = Random(1)

    waits = [wait_seconds(Retry(), 1, None, random) or 0 for _ in range(1000)]

    assert min(waits) < 0.05
    assert max(waits) > 0.45


@pytest.mark.fault("U07")
@settings(deadline=None)
@given(some.floats(0.001, MAX_RETRY_AFTER_SECONDS), some.integers())
def test_what_is_asked_for_is_waited_and_little_more(asked: float, seed: int) -> None:
    wait = wait_seconds(Retry(), 1, asked, Random(seed))

    assert wait is not None
    assert asked <= wait <= asked + JITTER_SECONDS


@pytest.mark.fault("U07")
def test_nobody_waits_longer_than_the_cap() -> None:
    assert wait_seconds(Retry(), 1, MAX_RETRY_AFTER_SECONDS + 0.1, Random(1)) is None
