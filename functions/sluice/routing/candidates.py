"""All that a call may try, in order: the steps its caller named, each step's route, each route's targets."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sluice.domain.call import Call, ModelRequest, Step, Target
from sluice.domain.errors import InvalidRequest, ModelNotFound
from sluice.domain.operation import BEDROCK_OPERATIONS
from sluice.domain.route import Leg, Retry, Route
from sluice.routing.conversation import conversation
from sluice.routing.order import Order
from sluice.routing.selection import Selection


@dataclass(frozen=True, slots=True)
class Candidate:
    """One target that a call may try.

    `request` is what it is asked, `retry` how often; `step_index` is that of the step that names it, `place` its own
    in the order of all.
    """

    step: Step
    step_index: int
    route: Route
    leg: Leg
    request: ModelRequest
    retry: Retry
    place: int = 0

    @property
    def target(self) -> Target:
        return self.leg.target

    @property
    def purse(self) -> str:
        """Whose retries it takes: its provider's, or those of all who call it with a key of their own."""
        return self.target.provider if self.step.key is None else f"{self.target.provider}+own"


@dataclass(frozen=True, slots=True)
class Candidates:
    """Finds the candidates of calls; no I/O but what a route's strategy needs."""

    selection: Selection
    order: Order

    def of(self, call: Call) -> tuple[Candidate, ...]:
        """In the order to try them, at least one. Raises ModelNotFound where a step leads nowhere."""
        found = (candidate for index, step in enumerate(call.steps) for candidate in self._of(call, step, index))
        kept = (candidate for candidate in found if _is_allowed(call, candidate))
        allowed = tuple(replace(candidate, place=place) for place, candidate in enumerate(kept))
        if not allowed:
            raise ModelNotFound("none of the targets is among the models and providers that are allowed", param="model")
        _check_keys(allowed)
        return allowed

    def _of(self, call: Call, step: Step, index: int) -> Iterator[Candidate]:
        route = self.selection.route(step.request.model, step.provider)
        which, takes_turn = conversation(route, call, step.request), not call.wishes.is_dry_run
        for leg in self.order.legs(route, step.request, which, takes_turn=takes_turn):
            yield Candidate(step, index, route, leg, _asked(step.request, leg), route.retry.wished(step.retry))


def _asked(request: ModelRequest, leg: Leg) -> ModelRequest:
    """With the leg's own fields; Bedrock's own operations have them elsewhere, and keep what they were given."""
    return request if request.operation.path in BEDROCK_OPERATIONS else request.of(leg.override, leg.drop)


def _check_keys(candidates: tuple[Candidate, ...]) -> None:
    """Raises InvalidRequest where a caller's own key would go to more than one provider: it is one provider's."""
    for key in {one.step.key for one in candidates} - {None}:
        providers = dict.fromkeys(one.target.provider for one in candidates if one.step.key == key)
        if len(providers) > 1:
            words = f"a key of your own goes to one provider, and this leads to {', '.join(providers)}"
            raise InvalidRequest(f"{words}; name a model of one")


def _is_allowed(call: Call, candidate: Candidate) -> bool:
    models, providers, target = call.wishes.models, call.wishes.providers, candidate.target
    names = (target.model, str(target), candidate.route.name)
    is_model = not models or any(_fits(name, wanted) for name in names for wanted in models)
    return is_model and (not providers or target.provider in providers)


def _fits(name: str, wanted: str) -> bool:
    """Whether a name is the wanted one, where `*` stands for any part without a slash.

    No regular expression: callers choose the patterns, and one with many stars would take for ever.
    """
    names, patterns = name.split("/"), wanted.split("/")
    return len(names) == len(patterns) and all(map(_part_fits, names, patterns))


def _part_fits(part: str, pattern: str) -> bool:
    """Each text between two stars where it stands first: what follows then has the most room."""
    if "*" not in pattern:
        return part == pattern
    first, *middle, last = pattern.split("*")
    place, end = len(first), len(part) - len(last)
    if end < place or not (part.startswith(first) and part.endswith(last)):
        return False
    for text in middle:
        found = part.find(text, place, end)
        if found < 0:
            return False
        place = found + len(text)
    return True
