"""A whole gateway in one process, with a scripted provider and a ledger in memory."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
from tests.fakes.gates import MemoryBudgets, MemoryLimits, MemoryRepeats, gate

from sluice.admission import Admission, quotes
from sluice.answering import Answering
from sluice.attempting import Attempting
from sluice.domain.call import Call, Target
from sluice.domain.clock import Clock
from sluice.domain.errors import GatewayError, Repeated, SecretUnavailable, UnknownReference
from sluice.domain.price import Price, Priced, Rates
from sluice.domain.principal import Principal
from sluice.domain.record import Reservation, UsageRecord
from sluice.domain.reference import Reference, Stored
from sluice.domain.route import Leg, Route
from sluice.domain.timeouts import Timeouts
from sluice.domain.usage import Usage
from sluice.pipeline import Pipeline
from sluice.provider_settings import ProviderSettings
from sluice.providers.anthropic import Anthropic as AnthropicProvider
from sluice.providers.azure import Azure as AzureProvider
from sluice.providers.bedrock import Bedrock as BedrockProvider
from sluice.providers.openai import Provider as OpenAIProvider
from sluice.providers.plan import Provider
from sluice.routing.candidates import Candidates
from sluice.routing.order import Order
from sluice.routing.selection import Selection
from sluice.surfaces import paths
from sluice.surfaces.application import Application
from sluice.surfaces.calls import Calls
from sluice.surfaces.cloudflare import Api, Cloudflare
from sluice.telemetry import Telemetry

PRICE = Price(Rates(1_000_000, 100_000, 0, 0, 4_000_000), max_output_tokens=1000)
KEY = "sk-fake-provider-key"
SECRET = "sluice/openai"


class HandClock:
    """A clock that moves only when told, or when something sleeps."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.skew = 0.0  # by which the machine's time of day is wrong
        self.clock = Clock(
            now=lambda: 1_795_000_000 + self.seconds + self.skew, monotonic=lambda: self.seconds, sleep=self.advance
        )

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class MemoryLedger:
    """Keeps what it is given; `refusal` is raised instead of reserving. `repeats` knows answers that were kept."""

    reserved: list[Reservation] = field(default_factory=list)
    settled: list[UsageRecord] = field(default_factory=list)
    refusal: GatewayError | None = None
    budgets: MemoryBudgets = field(default_factory=MemoryBudgets)
    repeats: MemoryRepeats = field(default_factory=MemoryRepeats)

    def reserve(self, reservation: Reservation) -> None:
        if self.refusal:
            raise self.refusal
        if reservation.idempotent in self.repeats.kept:
            raise Repeated(self.repeats.kept[reservation.idempotent])
        self.budgets.hold(reservation.holds)
        self.reserved.append(reservation)

    def settle(self, reservation: Reservation, record: UsageRecord, budget_seconds: float = 1.0) -> bool:
        if reservation not in self.reserved:
            return False
        self.budgets.settle(reservation.holds, record.charges)
        self.settled.append(record)
        return True


@dataclass
class MemoryOwners:
    """Whose stored answers are whose, with their tokens."""

    kept: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    patience: list[bool] = field(default_factory=list)  # of those who asked

    def tokens(
        self, principal: Principal, provider: str, references: Sequence[Reference], *, is_patient: bool = True
    ) -> int:
        self.patience.append(is_patient)
        found = [self.kept.get((provider, one.id), ("", 0)) for one in references]
        if any(owner != principal.id for owner, _ in found):
            raise UnknownReference("not yours")
        return sum(tokens for _, tokens in found)

    def keep(self, call: Call, provider: str, stored: Sequence[Stored], usage: Usage) -> None:
        self.kept |= {(provider, one.id): (call.principal.id, usage.total) for one in stored}


@dataclass
class Keyring:
    """Hands out its keys in order; a refused one is gone."""

    keys: list[str] = field(default_factory=lambda: [KEY])
    given: int = 0

    def check(self, secret_id: str) -> None:
        if not self.keys:
            raise SecretUnavailable(f"the secret {secret_id} has no api_key")

    def key(self, secret_id: str) -> str:
        self.check(secret_id)
        self.given += 1
        return self.keys[0]

    def refused(self, secret_id: str, key: str) -> str | None:
        self.keys.remove(key)
        return self.keys[0] if self.keys else None


@dataclass
class MemoryBreakers:
    """Breakers that a test opens, and what they were told. `unseen` ones are open, but it is not known here yet."""

    open: set[str] = field(default_factory=set)
    half_open: set[str] = field(default_factory=set)
    unseen: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    given_back: list[str] = field(default_factory=list)

    def called(self, target: str) -> None: ...

    def allows(self, target: str) -> bool:
        return target not in self.open | self.unseen

    def failed(self, target: str) -> None:
        self.failures.append(target)

    def succeeded(self, target: str) -> None: ...

    def undecided(self, target: str) -> None:
        self.given_back.append(target)

    def retry_after(self, target: str) -> float:
        return 5.0 if target in self.open else 0.0

    def state(self, target: str) -> str:
        return "open" if target in self.open else "half-open" if target in self.half_open else "closed"


@dataclass
class MemoryBudget:
    """So many retries and no more."""

    retries: int = 100
    calls: list[str] = field(default_factory=list)

    def called(self, provider: str) -> None:
        self.calls.append(provider)

    def may_retry(self, provider: str) -> bool:
        self.retries -= 1
        return self.retries >= 0


@dataclass
class MemoryPace:
    """What was seen, and the averages that a test says."""

    known: dict[str, float | None] = field(default_factory=dict)
    seen: list[tuple[str, float]] = field(default_factory=list)

    def saw(self, target: str, milliseconds: float) -> None:
        self.seen.append((target, milliseconds))

    def flush(self) -> None: ...

    def averages(self, targets: Sequence[str]) -> dict[str, float | None]:
        return {target: self.known.get(target) for target in targets}


class Pieces(httpx.SyncByteStream):
    """A body in the given pieces; an exception among them is raised, a callable is called."""

    def __init__(self, pieces: Sequence[bytes | Exception | Callable[[], None]]) -> None:
        self.pieces = pieces
        self.is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, bytes):
                yield piece
            else:
                piece()

    def close(self) -> None:
        self.is_closed = True


@dataclass
class Quiet(Telemetry):
    """Remembers what would have been logged."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    budgets_refused: list[tuple[str, bool]] = field(default_factory=list)

    def call(self, fields: Any) -> None:
        self.calls.append(dict(fields))

    def trouble(self, message: str, fields: Any) -> None:
        self.troubles.append(message)

    def budget_refused(self, budget: str, *, is_false: bool, fields: Any) -> None:
        self.budgets_refused.append((budget, is_false))


@dataclass
class Context:
    """What Lambda hands the handler."""

    aws_request_id: str = "11111111-2222-4333-8444-555555555555"
    remaining_milliseconds: int = 60_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_milliseconds


def alias(name: str, model: str) -> Route:
    """A route to one model, `provider/model`."""
    provider, _, model = model.partition("/")
    return Route(name, (Leg(Target(provider, model)),))


def made(settings: ProviderSettings, client: httpx.Client) -> Provider:
    """A provider of its kind; requests to Bedrock are marked where they would be signed."""
    if settings.kind == "bedrock":
        return BedrockProvider(settings, client, _marked)
    if settings.kind == "anthropic":
        return AnthropicProvider(settings, client)
    if settings.kind == "azure":
        return AzureProvider(settings, client)
    return OpenAIProvider.of(settings, client)


def _marked(_url: str, _payload: bytes, headers: Mapping[str, str]) -> dict[str, str]:
    return {**headers, "x-signed": "yes"}


class Gateway:
    """The gateway and everything a test may look at. `provider` answers the requests that leave.

    `settings` are those of the one provider; its `kind` is openai unless they say otherwise, its `name` the same.
    """

    def __init__(self, provider: Callable[[httpx.Request], httpx.Response], **settings: Any) -> None:
        self.hand = HandClock()
        self.requests: list[httpx.Request] = []
        self.ledger = MemoryLedger()
        self.limits = MemoryLimits()
        self.owners = MemoryOwners()
        self.keys = Keyring()
        self.telemetry = Quiet()
        self.breakers, self.budget, self.pace = MemoryBreakers(), MemoryBudget(), MemoryPace()
        self._provider = provider
        self.handler = self._application(settings).handler()

    def _application(self, settings: dict[str, Any]) -> Application:
        client = httpx.Client(transport=httpx.MockTransport(self._send))
        timeouts, kind = settings.pop("timeouts", Timeouts()), settings.pop("kind", "openai")
        name, targets = settings.pop("name", kind), settings.pop("targets", {})
        secret, policies = None if kind == "bedrock" else SECRET, settings.pop("policies", ())
        url = "https://provider.invalid" + ("" if kind in ("bedrock", "azure") else "/v1")
        provider = ProviderSettings(name, kind, url, secret, timeouts, **settings)
        selection = Selection({name: provider}, {"mini": alias("mini", f"{name}/gpt-5-mini")}, targets)
        pipeline = self._pipeline(selection, {name: made(provider, client)}, {"policies": policies})
        calls = Calls(pipeline, self.hand.clock, Cloudflare({name: Api(kind, provider.preset)}, {"mini"}))
        models, regions = ("mini", "openai/gpt-5-mini"), {name: "us-east-1"} if kind == "bedrock" else {}
        served = paths.surfaces(calls, selection, models, 1_795_000_000, regions, {})
        routes = paths.routes(served, None)
        return Application(routes, self.telemetry, self.hand.clock, paths.PATHS, paths.errors(None))

    def _pipeline(
        self, selection: Selection, providers: Mapping[str, Provider], policed: Mapping[str, Any] | None = None
    ) -> Pipeline:
        """`policed` is what the gate takes of a configuration."""
        clock, random, admission = self.hand.clock, Random(5), Admission(512, lambda: "nonce")
        kinds = {name: one.settings.kind for name, one in providers.items()}
        answering = Answering(providers, self.keys, clock)
        return Pipeline(
            Candidates(selection, Order(random, self.pace.averages, quotes(admission, self._price))),
            answering,
            Attempting(answering, self.breakers, self.budget, self.pace, self._price, random, clock),
            self._price,
            admission,
            gate(clock, self._price, self.limits, kinds, **(policed or {})),
            lambda: self.ledger.repeats,
            self.ledger,
            self.owners,
            self.telemetry,
            clock,
        )

    @staticmethod
    def _price(target: Target) -> Priced:
        return Priced(PRICE if target.model == "gpt-5-mini" else None, "2026-11-20-test")

    def _send(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._provider(request)

    def chat(self, body: object = None, **changes: Any) -> dict[str, Any]:
        """A chat completion; `body` is JSON or raw text, `changes` go into the event."""
        asked = {"model": "mini", "messages": [{"role": "user", "content": "hi"}]} if body is None else body
        text = asked if isinstance(asked, str) else json.dumps(asked)
        return self.post("/v1/chat/completions", text, **changes)

    def post(self, path: str, body: object, **changes: Any) -> dict[str, Any]:
        """Any operation; `body` is JSON or raw text."""
        text = body if isinstance(body, str) else json.dumps(body)
        return self.handler(event("POST", path, body=text, **changes), Context())


def event(method: str, path: str, headers: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    """A function URL event as Lambda makes it."""
    iam = {"userArn": "arn:aws:iam::123456789012:user/ada", "accountId": "123456789012"}
    return {
        "version": "2.0",
        "rawPath": path,
        "headers": {"content-type": "application/json", **(headers or {})},
        "requestContext": {"http": {"method": method, "path": path}, "authorizer": {"iam": iam}, "stage": "$default"},
        "isBase64Encoded": False,
        **changes,
    }
