"""One call, from admission to settlement: the table of contents.

route ▶ judge ▶ admit ▶ open ▶ relay ▶ settle. Until `answer` returns, a failure is an answer with its own status;
after it, failures travel in band and the stream ends without `[DONE]`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from sluice import early
from sluice.admission import Admission, prompt_bytes
from sluice.answer import Answer, Keeping, Kept
from sluice.answering import Answering, ErrorBodies, Prepared, target_headers
from sluice.attempting import Attempting, Queue
from sluice.codecs.dialects import dialect
from sluice.domain.call import Call, ModelRequest, Target
from sluice.domain.clock import Clock
from sluice.domain.errors import (
    BudgetExceeded,
    GatewayError,
    InvalidRequest,
    LedgerBusy,
    NotFound,
    PolicyBlocked,
    Repeated,
    StillRunning,
)
from sluice.domain.price import Priced
from sluice.domain.principal import Principal
from sluice.domain.record import Outcome, Reservation, UsageRecord
from sluice.domain.reference import Reference
from sluice.domain.timeouts import Timeouts
from sluice.domain.usage import Usage, UsageSource
from sluice.gate import Amounts, Gate, Judged, Permit
from sluice.metering import Meter, bytes_of
from sluice.providers.watch import Watch
from sluice.routing.candidates import Candidate, Candidates
from sluice.settlement import Keeps, Settlement, Settles
from sluice.telemetry import Telemetry

if TYPE_CHECKING:
    from sluice import explanation
    from sluice.domain.idempotency import Idempotent, KeptAnswer

RELEASE_SECONDS = 0.5
SETTLING_SECONDS = 0.5
RATES = "x-ratelimit-"
WARNINGS, REPLAYED = "x-sluice-warnings", "idempotent-replayed"
BUDGET_FALLBACK = "budget_fallback"


class Ledger(Settles, Protocol):
    def reserve(self, reservation: Reservation) -> None: ...


class Owners(Keeps, Protocol):
    """Whose stored answers are whose."""

    def tokens(
        self, principal: Principal, provider: str, references: Sequence[Reference], *, is_patient: bool = True
    ) -> int: ...


class Repeats(Protocol):
    """The ends of calls that their callers have named."""

    def end(self, reservation: Reservation, record: UsageRecord, answer: "KeptAnswer | None") -> None: ...


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Answers calls with what it was built with. `error_bodies` are the surface's shapes of an error in band.

    `configuration` is the version of what it was built from, None where that is not known. `keeps_answers`: of calls
    that their callers have named, so that a repeat is answered.
    """

    candidates: Candidates
    answering: Answering
    attempting: Attempting
    prices: Callable[[Target], Priced]
    admission: Admission
    gate: Gate
    repeats: Callable[[], Repeats]
    ledger: Ledger
    owners: Owners
    telemetry: Telemetry
    clock: Clock
    configuration: int | None = None
    keeps_answers: bool = True

    def answer(self, call: Call, error_bodies: ErrorBodies) -> Answer:
        """Raises GatewayError while nothing was sent; a call that was reserved is settled then."""
        try:
            return self._answer(call, self._judged(call), error_bodies)
        except BudgetExceeded as error:
            from sluice.routing.rerouting import may_go_to, rerouted  # only a spent budget pays for it

            self._refused(call, error)
            if error.fallback is None or not may_go_to(call, error.fallback):
                raise
            return self._instead(rerouted(call, error.fallback), error_bodies, error)

    def _instead(self, call: Call, error_bodies: ErrorBodies, refusal: BudgetExceeded) -> Answer:
        """By the route that a budget without room names; where that cannot be taken, the budget's refusal stands."""
        try:
            judged = self._judged(call)
            return self._answer(call, replace(judged, warnings=(*judged.warnings, BUDGET_FALLBACK)), error_bodies)
        except BudgetExceeded as error:
            self._refused(call, error)
            raise
        except (PolicyBlocked, InvalidRequest, NotFound) as error:
            if error.is_recorded:  # it was made, and failed
                raise
            raise refusal from error

    def _judged(self, call: Call) -> Judged:
        return self.gate.judge(call, self.candidates.of(call))

    def _answer(self, call: Call, judged: Judged, error_bodies: ErrorBodies) -> Answer:
        queue = self._queue(call, judged.candidates, self.attempting)
        first = self._first(queue)
        try:
            settlement, permit = self._admit(call, judged, first, queue)
        except Repeated as repeated:
            return self._replayed(call, repeated.answer)
        answer = self._opened(call, first, queue, settlement, error_bodies)
        return self._told(answer, judged, permit, settlement)

    def _opened(
        self, call: Call, first: Prepared, queue: Queue, settlement: Settlement, error_bodies: ErrorBodies
    ) -> Answer:
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

    def _told(self, answer: Answer, judged: Judged, permit: Permit, settlement: Settlement) -> Answer:
        """With what the gate has to say; kept on its way where the call may be repeated."""
        warnings = [*filter(None, [answer.headers.get(WARNINGS)]), *judged.warnings]
        warned = {WARNINGS: ",".join(warnings)} if warnings else {}
        left = self.gate.left(settlement.reservation.holds)
        headers = {**_without_rates(answer.headers, permit), **permit.headers, **left, **warned}
        if settlement.reservation.idempotent is None or not self.keeps_answers:
            return Answer(headers, answer.body)
        from sluice.stores.idempotency import MAX_ANSWER_BYTES

        body = Keeping(answer.body, MAX_ANSWER_BYTES)
        settlement.kept = partial(_kept, call_id=settlement.call.request_id, headers=headers, body=body)
        return Answer(headers, body)

    def _end_repeatable(self, settlement: Settlement, record: UsageRecord) -> None:
        self.repeats().end(settlement.reservation, record, settlement.kept() if settlement.kept else None)

    def _replayed(self, call: Call, answer: "KeptAnswer") -> Answer:
        """The answer that was given before: no provider is asked and nothing is charged."""
        fields = {"request_id": call.request_id, "http_status": 200, "outcome": "replayed", "path": call.path}
        self.telemetry.call({**fields, "surface": call.surface, "replay_of": answer.request_id})
        return Answer({**answer.headers, REPLAYED: "true"}, Kept(answer.body))

    def _refused(self, call: Call, error: BudgetExceeded) -> None:
        fields = {"request_id": call.request_id}
        self.telemetry.budget_refused(error.budget, is_false=error.is_false, fields=fields)

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

        judged = self.gate.judge(call, candidates, is_guarded=False)
        queue = self._queue(call, judged.candidates, attempting)
        first = self._first(queue)
        reservation = self._reservation(call, first, queue)
        holds = self.gate.holds(judged, partial(self._amounts, first, queue), call.started_ms / 1000)
        return explanation.Outlook(first, tuple(queue.candidates), replace(reservation, holds=holds), judged)

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

    def _admit(self, call: Call, judged: Judged, first: Prepared, queue: Queue) -> tuple[Settlement, Permit]:
        """Claims the rates and writes the reservation: not a byte leaves for a provider before that."""
        candidate, priced = first.candidate, self.prices(first.candidate.target)
        reservation = self._reservation(call, first, queue)
        holds = self.gate.holds(judged, partial(self._amounts, first, queue), call.started_ms / 1000)
        reservation = replace(reservation, holds=holds, idempotent=_idempotent(call))
        permit = self.gate.enter(call, judged, reservation)
        reservation = replace(reservation, notes=(*judged.notes, *permit.notes))
        try:
            self._reserve(reservation)
        except BaseException:
            permit.end(0)
            raise
        settlement = Settlement(
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
        if reservation.idempotent is not None:
            settlement.after.append(partial(self._end_repeatable, settlement))
        settlement.after.append(lambda record: permit.end(record.usage.total))
        settlement.after.append(lambda _: self.gate.look(reservation.holds))
        return settlement, permit

    def _reserve(self, reservation: Reservation) -> None:
        """Whoever repeats a call right behind its last byte may be before its settlement: asked once more."""
        try:
            try:
                self.ledger.reserve(reservation)
            except StillRunning:
                self.clock.sleep(SETTLING_SECONDS)
                self.ledger.reserve(reservation)
        except LedgerBusy as error:
            self._release(reservation, error)
            raise

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

    def _amounts(self, first: Prepared, queue: Queue) -> list[Amounts]:
        """Of each target that may answer."""
        candidates = (first.candidate, *queue.candidates)
        return [
            Amounts(str(one.target), self._bound_of(one, first), self._estimate_of(one, first)) for one in candidates
        ]

    def _bound_of(self, candidate: Candidate, first: Prepared) -> int | None:
        """By the size of its own prompt. What other stored answers than the first one's hold is not known yet."""
        request, known = candidate.request, first.candidate.request
        if request.references not in ((), known.references):
            return None
        size = _size(request, first)
        return self.admission.bound(request, size + first.context_tokens, self.prices(candidate.target).price)

    def _estimate_of(self, candidate: Candidate, first: Prepared) -> int | None:
        request, price = candidate.request, self.prices(candidate.target).price
        return self.admission.estimate(request, _size(request, first), first.context_tokens, price)

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
        record = replace(record, charges=(0,) * len(reservation.holds))
        self.ledger.settle(reservation, record, RELEASE_SECONDS)
        if reservation.idempotent is not None:
            self.repeats().end(reservation, record, None)

    def timeouts(self, prepared: Prepared) -> Timeouts:
        """The provider's timeouts, with what the route says and then what the caller asked for in their place."""
        candidate = prepared.candidate
        changes = {**candidate.leg.timeouts, **candidate.step.timeouts}
        timeouts = prepared.provider.settings.timeouts
        return replace(timeouts, **changes) if changes else timeouts


def _idempotent(call: Call) -> "Idempotent | None":
    """The caller's own name of the call, in the name of its principal."""
    if call.idempotency_key is None:
        return None
    from sluice.domain.idempotency import Idempotent
    from sluice.stores import idempotency  # only a call that has one pays for it

    return Idempotent(
        idempotency.key_of(call.principal.id, call.idempotency_key), idempotency.digest_of(call.asked or call)
    )


def _without_rates(headers: Mapping[str, str], permit: Permit) -> dict[str, str]:
    """Without the provider's own rates where ours apply: both at once would tell of neither."""
    return {name: value for name, value in headers.items() if not (permit.headers and name.startswith(RATES))}


def _kept(call_id: str, headers: dict[str, str], body: Keeping) -> "KeptAnswer | None":
    from sluice.domain.idempotency import KeptAnswer

    return None if body.kept is None else KeptAnswer(call_id, headers, bytes(body.kept))


def _size(request: ModelRequest, first: Prepared) -> int:
    """Bytes of a candidate's prompt, as far as the first one's body does not tell."""
    size = first.plan.size
    return size if _reads_the_same(request, first.candidate.request) else max(size, prompt_bytes(request))


def _reads_the_same(one: ModelRequest, other: ModelRequest) -> bool:
    """Whether they have the same prompt, as those of one call's models and targets have: it is measured once."""
    names = one.operation.read
    return one.operation is other.operation and all(one.body.get(name) is other.body.get(name) for name in names)
