"""One call, from admission to settlement: the table of contents.

route ▶ admit ▶ open ▶ relay ▶ settle. Until `answer` returns, a failure is an answer with its own status; after it,
failures travel in band and the stream ends without `[DONE]`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from sluice import early
from sluice.admission import Admission, prompt_bytes
from sluice.answer import Answer
from sluice.answering import Answering, ErrorBodies, Prepared, target_headers
from sluice.attempting import Attempting, Queue
from sluice.codecs.dialects import dialect
from sluice.domain.call import Call, ModelRequest, Target
from sluice.domain.clock import Clock
from sluice.domain.errors import GatewayError, LedgerBusy
from sluice.domain.price import Priced
from sluice.domain.principal import Principal
from sluice.domain.record import Outcome, Reservation, UsageRecord
from sluice.domain.reference import Reference
from sluice.domain.timeouts import Timeouts
from sluice.domain.usage import Usage, UsageSource
from sluice.metering import Meter, bytes_of
from sluice.providers.watch import Watch
from sluice.routing.candidates import Candidate, Candidates
from sluice.settlement import Keeps, Settlement, Settles
from sluice.telemetry import Telemetry

if TYPE_CHECKING:
    from sluice import explanation

RELEASE_SECONDS = 0.5


class Ledger(Settles, Protocol):
    def reserve(self, reservation: Reservation) -> None: ...


class Owners(Keeps, Protocol):
    """Whose stored answers are whose."""

    def tokens(
        self, principal: Principal, provider: str, references: Sequence[Reference], *, is_patient: bool = True
    ) -> int: ...


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Answers calls with what it was built with. `error_bodies` are the surface's shapes of an error in band.

    `configuration` is the version of what it was built from, None where that is not known.
    """

    candidates: Candidates
    answering: Answering
    attempting: Attempting
    prices: Callable[[Target], Priced]
    admission: Admission
    ledger: Ledger
    owners: Owners
    telemetry: Telemetry
    clock: Clock
    configuration: int | None = None

    def answer(self, call: Call, error_bodies: ErrorBodies) -> Answer:
        """Raises GatewayError while nothing was sent; a call that was reserved is settled then."""
        queue = self._queue(call, self.candidates.of(call), self.attempting)
        first = self._first(queue)
        settlement = self._admit(call, first, queue)
        watch = Watch(self.timeouts(first), call.deadline, self.clock.monotonic)
        opening = partial(
            self.attempting.answer, first, queue, watch, settlement, error_bodies, self._meter, self.timeouts
        )
        try:
            return self._early(call, first, opening, watch, settlement, error_bodies) or opening()
        except GatewayError as error:
            error.headers |= target_headers(settlement)
            settlement.fail(error)
            raise
        except BaseException:
            settlement.fail(GatewayError("an internal error"))
            raise
        finally:
            if settlement.error:
                settlement.close()

    def explain(self, call: Call) -> dict[str, Any]:
        """What `answer` would do. Nothing is sent, written or charged, and no secret is read.

        Raises ModelNotFound, and LedgerBusy where a stored answer's owner cannot be known.
        """
        from sluice import explanation  # only a dry run pays for it

        answering = replace(self.answering, keys=explanation.NoKeys())
        candidates, attempting = self.candidates.of(call), replace(self.attempting, answering=answering)
        try:
            outlook = self._outlook(call, candidates, attempting)
        except explanation.REFUSALS as refusal:
            outlook = explanation.Outlook(refusal=refusal)
        self.telemetry.call(explanation.log_fields(call, outlook))
        explaining = explanation.Explaining(
            answering,
            self.attempting.breakers,
            self.admission,
            self.prices,
            self._bound_of,
            self.timeouts,
            self.configuration,
        )
        return explaining.document(call, candidates, outlook)

    def _outlook(self, call: Call, candidates: Sequence[Candidate], attempting: Attempting) -> "explanation.Outlook":
        from sluice import explanation

        queue = self._queue(call, candidates, attempting)
        first = self._first(queue)
        reservation = self._reservation(call, first, queue)
        return explanation.Outlook(first, tuple(queue.candidates), reservation)

    def _early(
        self,
        call: Call,
        first: Prepared,
        opening: Callable[[], Answer],
        watch: Watch,
        settlement: Settlement,
        error_bodies: ErrorBodies,
    ) -> Answer | None:
        """The answer with heartbeats before it has begun, where they are asked for and its dialect has them."""
        operation, seconds = call.request.operation, self.timeouts(first).early_heartbeat_seconds
        spoken = dialect(operation.dialect)
        is_one = all(step.request.operation is operation and step.request.is_stream for step in call.steps)
        if not (seconds and spoken.framing.heartbeat and is_one):
            return None
        return early.answer(opening, watch, seconds, settlement, error_bodies(operation), spoken)

    def _queue(self, call: Call, candidates: Sequence[Candidate], attempting: Attempting) -> Queue:
        patience = iter((True,))
        return attempting.queue(candidates, partial(self._prepared, call.principal, attempting.answering, patience))

    def _prepared(
        self, principal: Principal, answering: Answering, patience: Iterator[bool], candidate: Candidate
    ) -> Prepared:
        """With the tokens of the stored answers that it builds on, which are read before anything is sent.

        A stored answer is its principal's at one provider. Raises UnknownReference at every other, for each candidate
        anew: the steps of a call may name different ones. Only the first is waited for, or a call that names many which
        nobody made would outlast its own time.
        """
        prepared = answering.prepared(candidate)
        if not prepared.references:
            return prepared
        is_patient = next(patience, False)
        tokens = self.owners.tokens(principal, candidate.target.provider, prepared.references, is_patient=is_patient)
        return replace(prepared, context_tokens=tokens)

    def _first(self, queue: Queue) -> Prepared:
        """The first candidate that can be asked. What builds on the same stored answers can go nowhere else."""
        prepared = queue.next()
        if prepared.references:
            queue.keep(prepared.candidate)
        return prepared

    def _admit(self, call: Call, first: Prepared, queue: Queue) -> Settlement:
        """Writes the reservation: not a byte leaves for a provider before that."""
        candidate, priced = first.candidate, self.prices(first.candidate.target)
        reservation = self._reservation(call, first, queue)
        try:
            self.ledger.reserve(reservation)
        except LedgerBusy as error:
            self._release(reservation, error)
            raise
        return Settlement(
            call,
            candidate.target,
            reservation,
            self._meter(first),
            self.ledger,
            self.owners,
            priced.price,
            self.telemetry,
            self.clock,
        )

    def _reservation(self, call: Call, first: Prepared, queue: Queue) -> Reservation:
        candidate, size, context_tokens = first.candidate, first.plan.size, first.context_tokens
        priced = self.prices(candidate.target)
        of_the_first = replace(call, steps=(replace(candidate.step, request=candidate.request),))
        reservation = self.admission.reservation(of_the_first, candidate.target, priced, size, context_tokens)
        return replace(reservation, route=call.request.model, bound=self._bound(reservation, first, queue))

    def _bound(self, reservation: Reservation, first: Prepared, queue: Queue) -> int | None:
        """The largest of all candidates: any of them may answer. None where one is unknown."""
        bounds = [reservation.bound, *(self._bound_of(candidate, first) for candidate in queue.candidates)]
        known = [bound for bound in bounds if bound is not None]
        return max(known) if len(known) == len(bounds) else None

    def _bound_of(self, candidate: Candidate, first: Prepared) -> int | None:
        """By the size of its own prompt. What other stored answers than the first one's hold is not known yet."""
        request, known = candidate.request, first.candidate.request
        if request.references not in ((), known.references):
            return None
        size = first.plan.size
        if not _reads_the_same(request, known):
            size = max(size, prompt_bytes(request))
        return self.admission.bound(request, size + first.context_tokens, self.prices(candidate.target).price)

    def _meter(self, prepared: Prepared) -> Meter:
        request = prepared.candidate.request
        return Meter(
            lambda: prompt_bytes(request) + bytes_of(prepared.context_tokens),
            self.clock.monotonic,
            request.choices,
            prepared.plan.dialect,
        )

    def _release(self, reservation: Reservation, error: LedgerBusy) -> None:
        """A reservation whose answer got lost may stand all the same: nothing was sent, so it is to cost nothing."""
        record = UsageRecord(
            Outcome.FAILED, error.status, Usage(), UsageSource.COUNTED, cost=0, attempts=(), error_code=error.code
        )
        self.ledger.settle(reservation, record, RELEASE_SECONDS)

    def timeouts(self, prepared: Prepared) -> Timeouts:
        """The provider's timeouts, with what the route says and then what the caller asked for in their place."""
        candidate = prepared.candidate
        changes = {**candidate.leg.timeouts, **candidate.step.timeouts}
        timeouts = prepared.provider.settings.timeouts
        return replace(timeouts, **changes) if changes else timeouts


def _reads_the_same(one: ModelRequest, other: ModelRequest) -> bool:
    """Whether they have the same prompt, as those of one call's models and targets have: it is measured once."""
    names = one.operation.read
    return one.operation is other.operation and all(one.body.get(name) is other.body.get(name) for name in names)
