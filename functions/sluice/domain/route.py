"""What a public model name leads to: targets, and what is done when one fails."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from sluice.domain.call import RetryWish, Target

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
FALLEN_BACK = RETRIED | {401, 402, 403, 404}


class Strategy(StrEnum):
    """How the targets of a route are put in order, for each call anew."""

    PRIORITY = "priority"  # as they are written
    WEIGHTED = "weighted"  # by chance, in proportion to their weights
    ROUND_ROBIN = "round-robin"  # in turns
    LATENCY = "latency"  # the one that has begun its answers soonest
    COST = "cost"  # the cheapest that the request fits


class Backoff(StrEnum):
    """How the longest wait grows from one attempt to the next."""

    CONSTANT = "constant"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"


class Sticky(StrEnum):
    """What a conversation is known by, so that it stays at one target: the caller's id of it, or how it begins."""

    SESSION = "session"
    PREFIX = "prefix"


@dataclass(frozen=True, slots=True)
class Retry:
    """`attempts` are the most at one target, the first one included, `statuses` those that are worth another."""

    attempts: int = 2
    backoff: Backoff = Backoff.EXPONENTIAL
    delay_seconds: float = 0.5
    statuses: frozenset[int] = RETRIED

    def wished(self, wish: RetryWish) -> "Retry":
        """With what the caller asked for in its place."""
        return replace(
            self,
            attempts=wish.attempts or self.attempts,
            backoff=Backoff(wish.backoff) if wish.backoff else self.backoff,
            delay_seconds=self.delay_seconds if wish.delay_seconds is None else wish.delay_seconds,
        )


@dataclass(frozen=True, slots=True)
class Leg:
    """One target of a route, and what the route says of it.

    `timeouts` replace its provider's, by their names there. `override` replaces fields of the request and `drop` takes
    some out, both by the caller's names for them. `max_input_tokens` is the most of a prompt that the
    model takes, where the price table does not say it.
    """

    target: Target
    weight: int = 1
    timeouts: Mapping[str, float] = field(default_factory=dict)
    override: Mapping[str, Any] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    max_input_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A public model name. `fallback_statuses` are those of one target after which the next is asked."""

    name: str
    legs: tuple[Leg, ...]
    strategy: Strategy = Strategy.PRIORITY
    retry: Retry = field(default_factory=Retry)
    sticky: Sticky | None = None
    fallback_statuses: frozenset[int] = FALLEN_BACK
