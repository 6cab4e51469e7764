"""The providers of one side: the same random numbers and the same time on both, and addresses of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from sluice_devstack.aws import EmbeddedAws
from sluice_devstack.bedrock_simulator import SimulatedBedrock
from sluice_devstack.event_loop import EventLoopThread
from sluice_devstack.simulated.bedrock.access import Access, identity
from sluice_devstack.simulator import SimulatedOpenAI
from sluice_devstack.upstreams import BEDROCK, OPENAI, Upstreams

NOW = 1_795_176_000.0


@contextmanager
def simulated(providers: Upstreams, aws: EmbeddedAws, region: str, loop: EventLoopThread) -> Iterator[dict[str, str]]:
    """The variables that lead to them."""
    access = Access(map(identity, aws.holders.values()), aws.authority, [region])
    made: dict[str, SimulatedOpenAI | SimulatedBedrock] = {
        OPENAI: SimulatedOpenAI(providers.accepted_keys, tokens_per_second=None, random=Random(1), now=lambda: NOW),
        BEDROCK: SimulatedBedrock(access, tokens_per_second=None, random=Random(1), now=lambda: NOW),
    }
    urls = {kind: loop.run(provider.start()) for kind, provider in made.items()}
    try:
        yield providers.variables(urls)
    finally:
        for provider in made.values():
            loop.run(provider.stop())
