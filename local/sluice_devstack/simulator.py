"""A simulated OpenAI on loopback: `/v1/chat/completions` and `/v1/models`, at a human pace, failing on demand.

Strategy: what is said and its bytes are made in `simulated/`, without sockets; here is only how they leave: one send
per event, waiting between tokens, and the ways a connection can end badly. Model names pick the pace and the fault
(`simulated/catalogue.py`, `simulated/faults.py`).
"""

import asyncio
import gzip
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from random import Random
from urllib.parse import urlsplit

from sluice_devstack.http1 import BodyTooLarge, Exchange
from sluice_devstack.simulated import catalogue, faults, refusal, wire
from sluice_devstack.simulated.completion import complete
from sluice_devstack.simulated.connections import Connection, Connections
from sluice_devstack.simulated.faults import OK, Ending, Fault
from sluice_devstack.simulated.refusal import Refusal, Refused
from sluice_devstack.simulated.request import ChatRequest, parse
from sluice_devstack.simulated.wire import Answer, Event

HUMAN_TOKENS_PER_SECOND = 32.0
FIRST_TOKEN_SECONDS = 0.3
WHOLE_ANSWER_SECONDS = 1.5  # nobody watches an answer that does not stream
STALL_SECONDS = 40.0
MAX_BODY_BYTES = 64 * 1024 * 1024
KEPT_REQUESTS = 1000
KEPT_BODY_BYTES = 64 * 1024
EVENT_STREAM = ("content-type", "text/event-stream; charset=utf-8")
JSON = ("content-type", "application/json")


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came; of the body the first 64 KB."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class SimulatedOpenAI:
    """Accepts the given keys. `tokens_per_second` None: as fast as it goes. To be used inside one event loop."""

    def __init__(
        self,
        api_keys: Collection[str],
        tokens_per_second: float | None = HUMAN_TOKENS_PER_SECOND,
        stall_seconds: float = STALL_SECONDS,
        random: Random | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.requests: deque[Received] = deque(maxlen=KEPT_REQUESTS)
        self.leaked_connections = 0
        self._api_keys = frozenset(api_keys)
        self._tokens_per_second = tokens_per_second
        self._stall_seconds = stall_seconds
        self._random = random or Random()
        self._now = now
        self._failed_once: set[str] = set()
        self._connections = Connections(self._handle)
        self._leak = Connections(self._count_leak)
        self._leak_url = ""
        self._routes: dict[str, dict[str, Callable[[Connection, bytes], Awaitable[None]]]] = {
            "/v1/chat/completions": {"POST": self._chat},
            "/v1/models": {"GET": self._models},
        }

    async def start(self, port: int = 0) -> str:
        """Listens on 127.0.0.1 and returns the base URL, `/v1` included."""
        self._leak_url = f"http://127.0.0.1:{await self._leak.start()}/v1/chat/completions"
        return f"http://127.0.0.1:{await self._connections.start(port)}/v1"

    async def stop(self) -> None:
        """Ends every connection, also those that are stalled."""
        await self._connections.stop()
        await self._leak.stop()

    async def idle(self) -> None:
        """Returns when no request is being answered."""
        await self._connections.idle()

    async def _handle(self, connection: Connection) -> None:
        exchange = connection.exchange
        try:
            payload = await exchange.body(MAX_BODY_BYTES)
            path = urlsplit(exchange.target).path
            kept = Received(exchange.method, path, dict(exchange.headers), payload[:KEPT_BODY_BYTES])
            self.requests.append(kept)
            self._check_key(exchange)
            await self._route(exchange.method, path)(connection, payload)
        except BodyTooLarge:
            await self._refuse(exchange, refusal.TOO_LARGE)
        except Refused as refused:
            await self._refuse(exchange, refused.refusal)

    async def _count_leak(self, connection: Connection) -> None:
        self.leaked_connections += 1
        await connection.exchange.respond(200, [], b"leaked")

    def _check_key(self, exchange: Exchange) -> None:
        key = _key(exchange)
        if not key:
            raise Refused(refusal.NO_KEY)
        if key not in self._api_keys:
            raise Refused(refusal.wrong_key(key))

    def _route(self, method: str, path: str) -> Callable[[Connection, bytes], Awaitable[None]]:
        methods = self._routes.get("/v1/models" if path.startswith("/v1/models/") else path)
        if methods is None:
            raise Refused(refusal.unknown_url(method, path))
        if method not in methods:
            raise Refused(refusal.wrong_method(method, path))
        return methods[method]

    async def _models(self, connection: Connection, _payload: bytes) -> None:
        listed = [_model_entry(name) for name in (*catalogue.SNAPSHOTS, *faults.FAULTS)]
        name = urlsplit(connection.exchange.target).path.removeprefix("/v1/models").strip("/")
        if not name:
            return await self._respond(connection.exchange, {"object": "list", "data": listed})
        found = next((entry for entry in listed if entry["id"] == name), None)
        if found is None:
            raise Refused(refusal.unknown_model(name))
        return await self._respond(connection.exchange, found)

    async def _chat(self, connection: Connection, payload: bytes) -> None:
        request = parse(payload)
        fault = faults.fault(request.model)
        if fault is not None:
            return await self._fail(connection, request, fault)
        model = catalogue.model(request.model)
        if model is None:
            raise Refused(refusal.unknown_model(request.model))
        if model.is_reasoning and request.body.get("max_tokens"):
            raise Refused(refusal.MAX_TOKENS_OF_REASONING)
        answer = Answer(
            completion=complete(request, model.is_reasoning),
            model=model.snapshot,
            created=int(self._now()),
            random=self._random,
            is_reasoning=model.is_reasoning,
            includes_usage=request.includes_usage,
            includes_obfuscation=request.includes_obfuscation,
        )
        speed = self._speed(model.pace)
        await self._pause(FIRST_TOKEN_SECONDS * HUMAN_TOKENS_PER_SECOND, speed)
        return await (self._stream if request.is_stream else self._whole)(connection.exchange, answer, speed)

    async def _stream(self, exchange: Exchange, answer: Answer, speed: float | None) -> None:
        exchange.start(200, [EVENT_STREAM, *self._headers(answer), ("transfer-encoding", "chunked")])
        if await self._send(exchange, answer.events(), speed):
            await exchange.end()

    async def _send(self, exchange: Exchange, events: Iterable[Event], speed: float | None) -> bool:
        """One send per event; False when the caller left, which ends the connection."""
        for event in events:
            await self._pause(event.tokens, speed)
            if exchange.is_gone or exchange.peer_has_hung_up:
                exchange.cut()
                return False
            exchange.write(event.data)
            await exchange.flush()
        return True

    async def _whole(self, exchange: Exchange, answer: Answer, speed: float | None) -> None:
        if speed is not None:
            tokens = answer.completion.usage["completion_tokens"]
            await asyncio.sleep(min(WHOLE_ANSWER_SECONDS, tokens / speed))
        await exchange.respond(200, [JSON, *self._headers(answer)], answer.json())

    async def _fail(self, connection: Connection, request: ChatRequest, fault: Fault) -> None:
        """Answers `ok`, spoiled as the fault says."""
        if fault.is_silent_before_head:
            return await self._fall_silent(connection)
        is_due = not (fault.is_once and request.model in self._failed_once)
        if fault.refusal is not None and is_due:
            self._failed_once.add(request.model)
            raise Refused(fault.refusal)
        answer = Answer(
            completion=OK,
            model=request.model,
            created=int(self._now()),
            random=self._random,
            includes_usage=request.includes_usage,
            includes_obfuscation=request.includes_obfuscation,
        )
        speed = self._speed(catalogue.PACES.get(catalogue.pace_suffix(request.model)))
        return await self._spoiled(connection, answer, fault, speed, request.is_stream)

    async def _spoiled(
        self, connection: Connection, answer: Answer, fault: Fault, speed: float | None, is_stream: bool
    ) -> None:
        exchange, key = connection.exchange, _key(connection.exchange)
        pieces = _stream_pieces(answer, fault) if is_stream else _json_pieces(answer, fault)
        echoed = [(name, value.format(key=key)) for name, value in fault.headers.items()]
        headers = [EVENT_STREAM if is_stream else JSON, *self._headers(answer), *echoed]
        if fault.is_gzip:
            headers.append(("content-encoding", "gzip"))
            return await exchange.respond(200, headers, gzip.compress(b"".join(pieces)))
        exchange.start(200, [*headers, ("transfer-encoding", "chunked")])
        await exchange.flush()
        if await self._send(exchange, [Event(piece, 1.0) for piece in pieces[: fault.events]], speed):
            await self._end(connection, fault.ending)
        return None

    async def _end(self, connection: Connection, ending: Ending) -> None:
        endings: dict[Ending, Callable[[Connection], Awaitable[None]]] = {
            Ending.PROPER: lambda connection: connection.exchange.end(),
            Ending.RESET: lambda connection: connection.reset(),
            Ending.CUT_CHUNK: lambda connection: connection.cut_inside_a_chunk(),
            Ending.SILENCE: self._fall_silent,
        }
        await endings[ending](connection)

    async def _fall_silent(self, connection: Connection) -> None:
        await asyncio.sleep(self._stall_seconds)
        connection.exchange.cut()

    async def _pause(self, tokens: float, speed: float | None) -> None:
        if tokens and speed is not None:
            await asyncio.sleep(tokens / speed)

    def _speed(self, pace: float | None) -> float | None:
        return None if pace is None or self._tokens_per_second is None else self._tokens_per_second * pace

    def _headers(self, answer: Answer) -> list[tuple[str, str]]:
        return wire.headers(self._random, answer.completion.prompt_tokens, self._random.randint(150, 600))

    async def _respond(self, exchange: Exchange, document: object) -> None:
        body = json.dumps(document, indent=2).encode() + b"\n"
        await exchange.respond(200, [JSON, *wire.headers(self._random, 0, 5)], body)

    async def _refuse(self, exchange: Exchange, refused: Refusal) -> None:
        extra = [(name, value.replace("{leak}", self._leak_url)) for name, value in refused.headers.items()]
        body = refused.body.replace("{key}", _key(exchange)).encode()
        headers = [("content-type", refused.content_type), *wire.headers(self._random, 0, 5), *extra]
        await exchange.respond(refused.status, headers, body)


def _key(exchange: Exchange) -> str:
    scheme, _, key = exchange.header("authorization").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _model_entry(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": catalogue.CREATED, "owned_by": "sluice-simulated"}


def _stream_pieces(answer: Answer, fault: Fault) -> list[bytes]:
    return fault.edit([event.data for event in answer.events()])


def _json_pieces(answer: Answer, fault: Fault) -> list[bytes]:
    """The whole answer; in as many pieces as a stream has events where only some of them are sent."""
    body = answer.json()
    size = len(body) // 8 if fault.events is not None else len(body)
    return fault.edit_json([body[start : start + size] for start in range(0, len(body), size)])
