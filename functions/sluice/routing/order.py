"""In which order a call tries the targets of its route: one function for each strategy.

Round robin needs no shared counter. Each environment begins at a random place and goes round from there, so of its n
calls each of k targets gets n/k, rounded down or up: at most (k-1)/k away from n/k. With E environments a target's
count differs from its even share by at most E(k-1)/k, whatever the number of calls and however they are spread over
environments, and a lone call is as likely to go to one target as to another.

A conversation that is to stay where it is goes by rendezvous hashing: every environment ranks the targets in the same
order for it, without knowing of the others, and a target that is added or taken away moves no other's conversations.
https://www.eecs.umich.edu/techreports/cse/96/CSE-TR-316-96.pdf
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import NamedTuple

from sluice.domain.call import ModelRequest
from sluice.domain.route import Leg, Route, Strategy

EXPLORED = 0.05  # of calls by latency, in any order: a slow target's recovery would never be seen otherwise
DIGEST_BITS = 52  # what a float between 0 and 1 holds with a half to spare, so that no share is 0 or 1


class Quote(NamedTuple):
    """What a leg would probably cost for a request, nano-dollars, None where unknown, and whether it can take it."""

    cost: int | None
    fits: bool


Averages = Callable[[Sequence[str]], Mapping[str, float | None]]
Quotes = Callable[[Leg, ModelRequest], Quote]
Legs = tuple[Leg, ...]


class Order:
    """Puts legs in order. `averages` are milliseconds to the first chunk, by target; `quote` prices a leg."""

    def __init__(self, random: Random, averages: Averages, quote: Quotes) -> None:
        self._random = random
        self._averages = averages
        self._quote = quote
        self._turns: dict[str, int] = {}  # where the next call of a route begins
        self._strategies: dict[Strategy, Callable[[Route, ModelRequest, bool], Legs]] = {
            Strategy.PRIORITY: lambda route, *_: route.legs,
            Strategy.WEIGHTED: lambda route, *_: self._weighted(route.legs),
            Strategy.ROUND_ROBIN: lambda route, _, takes_turn: self._in_turn(route, takes_turn),
            Strategy.LATENCY: lambda route, *_: self._fastest(route.legs),
            Strategy.COST: lambda route, request, _: self._cheapest(route.legs, request),
        }

    def legs(
        self, route: Route, request: ModelRequest, conversation: str | None = None, *, takes_turn: bool = True
    ) -> Legs:
        """All legs of the route, each once. `conversation` says whose it is and which, None where none is to stay.

        Who only looks takes no turn: the next call then begins where it would have begun.
        """
        if len(route.legs) == 1:
            return route.legs
        if conversation is not None:
            return sticky(route.legs, conversation)
        return self._strategies[route.strategy](route, request, takes_turn)

    def _weighted(self, legs: Legs) -> Legs:
        """Drawn without putting back: https://doi.org/10.1016/j.ipl.2005.11.003 (Efraimidis and Spirakis)."""
        drawn = [(self._random.random() ** (1 / leg.weight), leg) for leg in legs]
        return tuple(leg for _, leg in sorted(drawn, key=lambda pair: pair[0], reverse=True))

    def _in_turn(self, route: Route, takes_turn: bool) -> Legs:
        length, place = len(route.legs), self._turns.get(route.name)
        place = self._random.randrange(length) if place is None else place % length
        self._turns[route.name] = place + takes_turn
        return route.legs[place:] + route.legs[:place]

    def _fastest(self, legs: Legs) -> Legs:
        """Those of which nothing is known come first, so that something will be."""
        if self._random.random() < EXPLORED:
            return tuple(self._random.sample(legs, len(legs)))
        averages = self._averages([str(leg.target) for leg in legs])
        return tuple(sorted(legs, key=lambda leg: averages.get(str(leg.target)) or 0.0))

    def _cheapest(self, legs: Legs, request: ModelRequest) -> Legs:
        """What the request does not fit, and what has no known price, comes last; equals stay as they are written."""
        quotes = {leg.target: self._quote(leg, request) for leg in legs}

        def rank(leg: Leg) -> tuple[bool, bool, int]:
            quote = quotes[leg.target]
            return not quote.fits, quote.cost is None, quote.cost or 0

        return tuple(sorted(legs, key=rank))


def sticky(legs: Legs, conversation: str) -> Legs:
    """The same order for the same conversation, everywhere; first places in proportion to the weights."""
    return tuple(sorted(legs, key=lambda leg: _score(leg, conversation), reverse=True))


def _score(leg: Leg, conversation: str) -> float:
    digest = hashlib.sha256(f"{leg.target}\n{conversation}".encode("utf-8", "replace")).digest()
    share = (int.from_bytes(digest[:8], "big") % 2**DIGEST_BITS + 0.5) / 2**DIGEST_BITS
    return -leg.weight / math.log(share)
