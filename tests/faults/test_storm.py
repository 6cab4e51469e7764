"""A provider that fails for ten seconds, 100 callers and 16 environments: retries do not make it worse (U17).

The provider refuses everything, then recovers. The retry budget and the breaker are items of the table, so this runs on
a DynamoDB that keeps its word under concurrency.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random

import pytest
from tests.e2e.provider import Asked, Provider, document, provider, stream
from tests.e2e.rig import Answer, Rig, compatible, eventually, rig
from tests.engines import Engine, one_exact, running
from tests.fakes.raw_provider import Peer

CALLERS, ENVIRONMENTS = 100, 16
OUTAGE_SECONDS, PAUSE_SECONDS = 10.0, 2.5
ALONE = 5  # failures by which an environment opens for itself, if it never hears of the others
MOST_ATTEMPTS = 1.2  # for a call
STARTING_SECONDS = 60.0
SEED = 17
REFUSAL = b'{"error":{"message":"not now","type":"server_error","param":null,"code":"busy"}}'
GOOD = (
    b'data: {"choices":[{"index":0,"delta":{"content":"word"},"finish_reason":"stop"}]}\n\n',
    b"data: [DONE]\n\n",
)


@pytest.fixture(scope="module", params=one_exact())
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with running(request.param, tmp_path_factory.mktemp("storm-engine")) as one:
        yield one


@dataclass(slots=True)
class Outage:
    """A provider that refuses until it is told to be well.."""

    is_over: threading.Event = field(default_factory=threading.Event)
    refused: int = 0
    served: int = 0

    def __call__(self, peer: Peer, asked: Asked) -> None:
        if self.is_over.is_set():
            self.served += 1
            stream(*GOOD)(peer, asked)
        else:
            self.refused += 1
            document(REFUSAL, 503)(peer, asked)


@dataclass(slots=True)
class Storm:
    """Callers that come again and again until they are told to stop, whatever they are told."""

    site: Rig
    is_over: threading.Event = field(default_factory=threading.Event)
    answers: list[Answer] = field(default_factory=list)

    def call_on(self, seed: int) -> None:
        random = Random(seed)
        self.is_over.wait(random.uniform(0, PAUSE_SECONDS))  # not all at the same moment
        while not self.is_over.is_set():
            self.answers.append(self.site.ask("test/any"))
            self.is_over.wait(random.uniform(0.5, 1.5) * PAUSE_SECONDS)


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.fault("U17")
def test_retries_stay_within_their_budget_and_the_breaker_opens_probes_and_closes(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    options = {"store": engine.url, "environments": ENVIRONMENTS}
    with (
        provider() as upstream,
        rig(tmp_path_factory.mktemp("storm"), {"test": compatible(upstream.url)}, **options) as site,
    ):
        start_all(site, upstream)
        outage, storm = Outage(), Storm(site)
        upstream.play("any", outage)
        with ThreadPoolExecutor(CALLERS) as callers:
            calling = [callers.submit(storm.call_on, SEED * number) for number in range(CALLERS)]
            storm.is_over.wait(OUTAGE_SECONDS)
            during = list(storm.answers)
            outage.is_over.set()
            eventually(lambda: outage.served > CALLERS / 2 or None, "the breaker has closed", STARTING_SECONDS)
            storm.is_over.set()
        for each in calling:
            each.result()

        assert_calm(storm, outage, during)
        assert site.ask("test/any").status == 200
        assert sum(len(record["attempts"]) for record in site.settled_records()) == len(upstream.asked)


def start_all(site: Rig, upstream: Provider) -> None:
    """As many calls at once as there are to be environments: none ends before all have begun."""
    together = threading.Barrier(ENVIRONMENTS)

    def waits_for_all(peer: Peer, asked: Asked) -> None:
        together.wait(STARTING_SECONDS)
        stream(*GOOD)(peer, asked)

    upstream.play("start", waits_for_all)
    with ThreadPoolExecutor(ENVIRONMENTS) as callers:
        answers = list(callers.map(lambda _: site.ask("test/start"), range(ENVIRONMENTS)))
    assert {answer.status for answer in answers} == {200}
    assert len(site.stack.environments) == ENVIRONMENTS


def assert_calm(storm: Storm, outage: Outage, during: list[Answer]) -> None:
    """Attempts for each call, in the outage and in all; most callers are refused here, and then served again."""
    attempts = outage.refused + outage.served
    told = Counter(code(answer) for answer in storm.answers)
    figures = f"{len(storm.answers)} calls, {attempts} attempts, {outage.refused} refused, {dict(told)}"
    print(figures)
    assert outage.refused <= ENVIRONMENTS * ALONE, figures  # on a quiet machine 14 to 21
    assert outage.refused <= MOST_ATTEMPTS * len(during), figures
    assert attempts <= MOST_ATTEMPTS * len(storm.answers), figures
    assert told["circuit_open"] > len(during) / 2, figures
    assert outage.refused < len(during), figures
    assert told["none"] >= CALLERS / 2, figures
    assert set(told) <= {"circuit_open", "busy", "none"}, figures
    assert all(answer.headers.get("retry-after") for answer in storm.answers if answer.status == 503), figures


def code(answer: Answer) -> str:
    return "none" if answer.status == 200 else str(answer.error["code"])
