"""A whole gateway in one process, with a scripted provider and a ledger in memory."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from sluice.admission import Admission
from sluice.domain.call import Call, Target
from sluice.domain.clock import Clock
from sluice.domain.errors import GatewayError, SecretUnavailable, UnknownReference
from sluice.domain.price import Price, Priced, Rates
from sluice.domain.principal import Principal
from sluice.domain.record import Reservation, UsageRecord
from sluice.domain.reference import Reference, Stored
from sluice.domain.usage import Usage
from sluice.pipeline import Pipeline
from sluice.providers.anthropic import Anthropic as AnthropicProvider
from sluice.providers.bedrock import Bedrock as BedrockProvider
from sluice.providers.openai import Provider as OpenAIProvider
from sluice.providers.plan import Provider
from sluice.routing.selection import Selection
from sluice.settings import ProviderSettings, Timeouts
from sluice.surfaces.anthropic import Anthropic
from sluice.surfaces.application import Application
from sluice.surfaces.bedrock import Bedrock
from sluice.surfaces.calls import Calls
from sluice.surfaces.openai import OpenAI
from sluice.telemetry import Telemetry
from sluice.wiring import ERRORS, PATHS, anthropic_routes, bedrock_routes, openai_routes

PRICE = Price(Rates(1_000_000, 100_000, 0, 0, 4_000_000), max_output_tokens=1000)
KEY = "sk-fake-provider-key"
SECRET = "sluice/openai"


class HandClock:
    """A clock that moves only when told, or when something sleeps."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.clock = Clock(now=lambda: 1_795_000_000 + self.seconds, monotonic=lambda: self.seconds, sleep=self.advance)

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class MemoryLedger:
    """Keeps what it is given; `refusal` is raised instead of reserving."""

    reserved: list[Reservation] = field(default_factory=list)
    settled: list[UsageRecord] = field(default_factory=list)
    refusal: GatewayError | None = None

    def reserve(self, reservation: Reservation) -> None:
        if self.refusal:
            raise self.refusal
        self.reserved.append(reservation)

    def settle(self, reservation: Reservation, record: UsageRecord, budget_seconds: float = 1.0) -> bool:
        if reservation not in self.reserved:
            return False
        self.settled.append(record)
        return True


@dataclass
class MemoryOwners:
    """Whose stored answers are whose, with their tokens."""

    kept: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)

    def tokens(self, principal: Principal, provider: str, references: Sequence[Reference]) -> int:
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

    def key(self, secret_id: str) -> str:
        if not self.keys:
            raise SecretUnavailable(f"the secret {secret_id} has no api_key")
        return self.keys[0]

    def refused(self, secret_id: str, key: str) -> str | None:
        self.keys.remove(key)
        return self.keys[0] if self.keys else None


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

    def call(self, fields: Any) -> None:
        self.calls.append(dict(fields))

    def trouble(self, message: str, fields: Any) -> None:
        self.troubles.append(message)


@dataclass
class Context:
    """What Lambda hands the handler."""

    aws_request_id: str = "11111111-2222-4333-8444-555555555555"
    remaining_milliseconds: int = 60_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_milliseconds


def made(settings: ProviderSettings, client: httpx.Client) -> Provider:
    """A provider of its kind; requests to Bedrock are marked where they would be signed."""
    if settings.kind == "bedrock":
        return BedrockProvider(settings, client, _marked)
    if settings.kind == "anthropic":
        return AnthropicProvider(settings, client)
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
        self.owners = MemoryOwners()
        self.keys = Keyring()
        self.telemetry = Quiet()
        self._provider = provider
        self.handler = self._application(settings).handler()

    def _application(self, settings: dict[str, Any]) -> Application:
        client = httpx.Client(transport=httpx.MockTransport(self._send))
        timeouts, kind = settings.pop("timeouts", Timeouts()), settings.pop("kind", "openai")
        name, targets = settings.pop("name", kind), settings.pop("targets", {})
        secret, url = (
            (None, "https://provider.invalid") if kind == "bedrock" else (SECRET, "https://provider.invalid/v1")
        )
        provider = ProviderSettings(name, kind, url, secret, timeouts, **settings)
        selection = Selection({name: provider}, {"mini": f"{name}/gpt-5-mini"}, targets)
        pipeline = Pipeline(
            selection,
            {name: made(provider, client)},
            self._price,
            Admission(512, lambda: "nonce"),
            self.keys,
            self.ledger,
            self.owners,
            self.telemetry,
            self.hand.clock,
        )
        calls = Calls(pipeline, self.hand.clock)
        routes = (
            *openai_routes(OpenAI(calls, selection, ("mini", "openai/gpt-5-mini"), 1_795_000_000)),
            *anthropic_routes(Anthropic(calls)),
            *bedrock_routes(Bedrock(calls, selection, {name: "us-east-1"} if kind == "bedrock" else {})),
        )
        return Application(routes, self.telemetry, self.hand.clock, PATHS, ERRORS)

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
