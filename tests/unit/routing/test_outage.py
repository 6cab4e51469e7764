"""Sixteen environments through ten seconds in which a provider fails: what reaches it, and when all is well again."""

from dataclasses import dataclass, field

from tests.unit.routing.environments import PROVIDER, TARGET, Environment, Region

ENVIRONMENTS = 16
TICK_SECONDS = 0.5  # each environment has a call in each
FAILS_FROM, FAILS_UNTIL = 10.0, 20.0
END = 40.0


@dataclass(slots=True)
class Tally:
    """By second since the start: what was sent to the provider, and what was refused without it."""

    calls: int = 0
    attempts: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def sent(self, start: float, end: float) -> int:
        return sum(start <= at < end for at in self.attempts)


def serve(one: Environment, at: float, tally: Tally) -> None:
    """One call, which asks the one target there is twice at most."""
    tally.calls += 1
    one.budget.called(PROVIDER)
    for attempt in range(2):
        if attempt and not one.budget.may_retry(PROVIDER):
            return
        if not one.breakers.allows(TARGET):
            tally.refused.append(at)
            return
        one.breakers.called(TARGET)
        tally.attempts.append(at)
        if not FAILS_FROM <= at < FAILS_UNTIL:
            one.breakers.succeeded(TARGET)
            return
        one.breakers.failed(TARGET)


def through_an_outage() -> tuple[Tally, list[Environment]]:
    region, tally = Region(), Tally()
    environments = region.environments(ENVIRONMENTS)
    for tick in range(int(END / TICK_SECONDS)):
        for one in environments:
            serve(one, tick * TICK_SECONDS, tally)
        region.hand.seconds += TICK_SECONDS
    return tally, environments


def test_a_provider_that_fails_gets_no_more_than_a_tenth_beside_its_calls() -> None:
    tally, _ = through_an_outage()

    assert len(tally.attempts) <= 1.2 * tally.calls
    assert len(tally.attempts) - tally.calls <= 10


def test_it_is_left_alone_but_for_each_environments_first_failure_and_the_probes() -> None:
    tally, _ = through_an_outage()

    first = tally.sent(FAILS_FROM, FAILS_FROM + 2 * TICK_SECONDS)
    probes = tally.sent(FAILS_FROM + 2 * TICK_SECONDS, FAILS_UNTIL)

    assert first <= 2 * ENVIRONMENTS
    assert probes == 1
    assert len(tally.refused) > 200


def test_a_probe_finds_it_well_and_all_calls_reach_it_again() -> None:
    tally, environments = through_an_outage()
    per_second = ENVIRONMENTS / TICK_SECONDS

    assert tally.sent(30, END) == per_second * (END - 30)
    assert {one.breakers.state(TARGET) for one in environments} == {"closed"}
