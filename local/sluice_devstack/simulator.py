"""A simulated OpenAI on loopback: its endpoints under `/v1`, at a human pace, failing on demand.

Strategy: what is said and its bytes are made in `simulated/`, without sockets; how they leave is in
`simulated/delivery.py`; here is who may ask for what. Model names pick the pace and the fault
(`simulated/catalogue.py`, `simulated/faults.py`).
"""

import json
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from random import Random
from urllib.parse import urlsplit

from sluice_devstack.http1 import BodyTooLarge, Exchange
from sluice_devstack.simulated import catalogue, faults, refusal, reply, rules
from sluice_devstack.simulated.chat.endpoint import ChatCompletions
from sluice_devstack.simulated.connections import Connection, Connections
from sluice_devstack.simulated.delivery import HUMAN_TOKENS_PER_SECOND, Delivery
from sluice_devstack.simulated.embeddings import Embeddings
from sluice_devstack.simulated.endpoint import Endpoint
from sluice_devstack.simulated.faults import Fault
from sluice_devstack.simulated.images.endpoint import ImageGenerations
from sluice_devstack.simulated.legacy import LegacyCompletions
from sluice_devstack.simulated.refusal import Refusal, Refused
from sluice_devstack.simulated.responses.endpoint import Responses
from sluice_devstack.simulated.speech.endpoint import Speech

STALL_SECONDS = 40.0
MAX_BODY_BYTES = 64 * 1024 * 1024
KEPT_REQUESTS = 1000
KEPT_BODY_BYTES = 64 * 1024

Handle = Callable[[Connection, bytes], Awaitable[None]]


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
        self._random = random or Random()
        self._delivery = Delivery(self._random, tokens_per_second, stall_seconds)
        self._failed_once: set[tuple[str, str]] = set()
        self._connections = Connections(self._handle)
        self._leak = Connections(self._count_leak)
        self._leak_url = ""
        self._endpoints: dict[str, Endpoint] = {
            "/v1/chat/completions": ChatCompletions(self._random, now),
            "/v1/responses": Responses(self._random, now),
            "/v1/completions": LegacyCompletions(self._random, now),
            "/v1/embeddings": Embeddings(),
            "/v1/images/generations": ImageGenerations(now),
            "/v1/audio/speech": Speech(),
        }
        self._routes: dict[str, dict[str, Handle]] = {
            **{path: {"POST": self._asked(path)} for path in self._endpoints},
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

    def _route(self, method: str, path: str) -> Handle:
        methods = self._routes.get("/v1/models" if path.startswith("/v1/models/") else path)
        if methods is None:
            raise Refused(refusal.unknown_url(method, path))
        if method not in methods:
            raise Refused(refusal.wrong_method(method, path))
        return methods[method]

    async def _models(self, connection: Connection, _payload: bytes) -> None:
        listed = [_model_entry(name) for name in (*catalogue.SNAPSHOTS, *catalogue.OTHERS, *faults.FAULTS)]
        name = urlsplit(connection.exchange.target).path.removeprefix("/v1/models").strip("/")
        if not name:
            return await self._respond(connection.exchange, {"object": "list", "data": listed})
        found = next((entry for entry in listed if entry["id"] == name), None)
        if found is None:
            raise Refused(refusal.unknown_model(name))
        return await self._respond(connection.exchange, found)

    def _asked(self, path: str) -> Handle:
        endpoint = self._endpoints[path]

        async def answer(connection: Connection, payload: bytes) -> None:
            body = rules.parse(payload, endpoint.rules)
            fault = faults.fault(body["model"])
            if fault is not None:
                return await self._fail(connection, path, body, fault)
            model = catalogue.model(body["model"], endpoint.kind)
            send = self._delivery.stream if endpoint.is_stream(body) else self._delivery.whole
            return await send(connection.exchange, endpoint.reply(body, model), model.pace)

        return answer

    async def _fail(self, connection: Connection, path: str, body: rules.Body, fault: Fault) -> None:
        """Answers `ok`, spoiled as the fault says."""
        if fault.is_silent_before_head:
            return await self._delivery.fall_silent(connection)
        endpoint, model = self._endpoints[path], body["model"]
        is_due = not (fault.is_once and (path, model) in self._failed_once)
        if fault.refusal is not None and is_due:
            self._failed_once.add((path, model))
            raise Refused(fault.refusal)
        pace = catalogue.PACES.get(catalogue.pace_suffix(model))
        shape = endpoint.shape(body) if endpoint.is_stream(body) else None
        answer, key = endpoint.reply(body, None), _key(connection.exchange)
        return await self._delivery.spoiled(connection, answer, fault, key, pace, shape)

    async def _respond(self, exchange: Exchange, document: object) -> None:
        body = json.dumps(document, indent=2).encode() + b"\n"
        named = reply.headers(self._random, 0, 5)
        await exchange.respond(200, [("content-type", reply.JSON), *named], body)

    async def _refuse(self, exchange: Exchange, refused: Refusal) -> None:
        extra = [(name, value.replace("{leak}", self._leak_url)) for name, value in refused.headers.items()]
        body = refused.body.replace("{key}", _key(exchange)).encode()
        headers = [("content-type", refused.content_type), *reply.headers(self._random, 0, 5), *extra]
        await exchange.respond(refused.status, headers, body)


def _key(exchange: Exchange) -> str:
    scheme, _, key = exchange.header("authorization").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _model_entry(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": catalogue.CREATED, "owned_by": "sluice-simulated"}
