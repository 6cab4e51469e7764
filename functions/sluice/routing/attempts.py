"""What a failed attempt means for the call: once more at the same target, on to the next one, or the end.

Retries wait with full jitter, and as long as the provider asked, within the cap and the call's time
(https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/). What a provider asks is read as
OpenAI's SDK reads it, so that the same header means the same on both sides of the gateway.
"""

import math
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum
from random import Random

from sluice.domain.errors import (
    CircuitOpen,
    GatewayError,
    InvalidRequest,
    NotFound,
    SecretUnavailable,
    UpstreamAuth,
    UpstreamLost,
    UpstreamProtocol,
    UpstreamRefused,
    UpstreamReported,
    UpstreamTimeout,
    UpstreamTls,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from sluice.domain.route import Backoff, Retry

MAX_RETRY_AFTER_SECONDS = 20.0
MAX_BACKOFF_SECONDS = 8.0
JITTER_SECONDS = 0.1  # on top of what a provider asked for: all who were told the same would come back at once
THROTTLED = 429


class Meaning(Enum):
    """What may come after a failure. RETRY: the same target once more, then the next."""

    RETRY = "retry"
    NEXT = "next"
    END = "end"


class Health(Enum):
    """What a failure says about its target: it fails, it is well and refuses this request, or neither."""

    FAILING = "failing"
    WELL = "well"
    UNKNOWN = "unknown"


# The first class that fits; a refusal and a reported error are judged by their status.
BY_CLASS: tuple[tuple[type[GatewayError], Meaning], ...] = (
    (UpstreamLost, Meaning.RETRY),
    (UpstreamUnreachable, Meaning.RETRY),
    (UpstreamTruncated, Meaning.RETRY),
    (UpstreamTls, Meaning.NEXT),
    (UpstreamTimeout, Meaning.NEXT),  # the wait was the whole patience with this target
    (UpstreamAuth, Meaning.NEXT),
    (UpstreamProtocol, Meaning.NEXT),
    (CircuitOpen, Meaning.NEXT),
    (SecretUnavailable, Meaning.NEXT),
    (InvalidRequest, Meaning.NEXT),  # of a plan: another target may take what this one cannot
    (NotFound, Meaning.NEXT),
)
JUDGED_BY_STATUS = (UpstreamRefused, UpstreamReported)
# The provider may have worked, and be paid, for nothing: once more, whatever is configured.
MAYBE_PAID = (UpstreamLost, UpstreamTruncated)
MOST_PAID = 2
# What says something about the target's health, and not about the request or the account.
FAILING_STATUSES = frozenset({500, 502, 503, 504, 529})
FAILING = (UpstreamUnreachable, UpstreamTruncated, UpstreamTls, UpstreamTimeout, UpstreamProtocol)


def most(error: GatewayError, retry: Retry) -> int:
    """How many attempts one target may have, where one ended in this error before the answer was committed."""
    if isinstance(error, JUDGED_BY_STATUS):
        return retry.attempts if error.status in retry.statuses else 1
    if _by_class(error) is not Meaning.RETRY:
        return 1
    return min(retry.attempts, MOST_PAID) if isinstance(error, MAYBE_PAID) else retry.attempts


def falls_back(error: GatewayError, fallback_statuses: frozenset[int]) -> bool:
    """Whether the next target may be asked after this error."""
    if isinstance(error, JUDGED_BY_STATUS):
        return error.status in fallback_statuses
    return _by_class(error) is not Meaning.END


def _by_class(error: GatewayError) -> Meaning:
    return next((meant for kind, meant in BY_CLASS if isinstance(error, kind)), Meaning.END)


def meaning_of_preparing(error: GatewayError) -> Meaning:
    """What may be done where a target cannot even be asked."""
    return _by_class(error)


def health(error: GatewayError) -> Health:
    """What the breaker is told."""
    if isinstance(error, JUDGED_BY_STATUS):
        if error.status in FAILING_STATUSES:
            return Health.FAILING
        return Health.UNKNOWN if error.status == THROTTLED else Health.WELL
    return Health.FAILING if isinstance(error, FAILING) else Health.UNKNOWN


def wait_seconds(retry: Retry, attempt: int, asked: float | None, random: Random) -> float | None:
    """How long to wait after the failure of that attempt (1 is the first); None where the provider wants too long."""
    if asked is not None:
        return None if asked > MAX_RETRY_AFTER_SECONDS else asked + random.uniform(0, JITTER_SECONDS)
    return random.uniform(0, min(MAX_BACKOFF_SECONDS, retry.delay_seconds * _growth(retry.backoff, attempt)))


def _growth(backoff: Backoff, attempt: int) -> float:
    return {Backoff.CONSTANT: 1.0, Backoff.LINEAR: attempt, Backoff.EXPONENTIAL: 2.0 ** (attempt - 1)}[backoff]


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds a provider asks to wait; None where it says nothing that makes sense. `now` is epoch seconds.

    `retry-after-ms` first, then `retry-after` in seconds or as a date; more than an hour, what has passed, and what is
    no number are as if it had not been said.
    """
    for seconds in (_milliseconds(headers), _number(headers.get("retry-after")), _date(headers, now)):
        if seconds is not None:
            return seconds if 0 < seconds <= 3600 else None
    return None


def _milliseconds(headers: Mapping[str, str]) -> float | None:
    found = _number(headers.get("retry-after-ms"))
    return None if found is None else found / 1000


def _number(text: str | None) -> float | None:
    """Infinities too; not what is no number."""
    try:
        value = float(text) if text is not None and text.isascii() else math.nan
    except ValueError:
        return None
    return None if math.isnan(value) else value


def _date(headers: Mapping[str, str], now: float) -> float | None:
    try:
        until = parsedate_to_datetime(headers.get("retry-after", ""))
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    return (until if until.tzinfo else until.replace(tzinfo=UTC)).timestamp() - now
