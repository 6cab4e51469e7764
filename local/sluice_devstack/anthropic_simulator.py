"""A simulated Anthropic on loopback: Messages, the counting of tokens and the list of models, under `/v1`.

As `simulator.py` does for OpenAI: what is said is made in `simulated/anthropic/`, how it leaves is in
`simulated/delivery.py`, and model names pick the pace and the fault.
"""

import json
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from random import Random
from urllib.parse import urlsplit

from sluice_devstack.http1 import BodyTooLarge, Exchange
from sluice_devstack.simulated import catalogue
from sluice_devstack.simulated.anthropic import failures, names, refusals, rules
from sluice_devstack.simulated.anthropic.answer import OK, Answer
from sluice_devstack.simulated.anthropic.delivery import MessageDelivery, headers, request_id
from sluice_devstack.simulated.anthropic.request import Body, MessagesRequest
from sluice_devstack.simulated.anthropic.speaker import Speaker
from sluice_devstack.simulated.connections import Connection, Connections
from sluice_devstack.simulated.delivery import HUMAN_TOKENS_PER_SECOND
from sluice_devstack.simulated.faults import Fault
from sluice_devstack.simulated.refusal import Refusal, Refused
from sluice_devstack.simulated.reply import JSON
from sluice_devstack.simulator import KEPT_BODY_BYTES, KEPT_REQUESTS, STALL_SECONDS, Received

MAX_BODY_BYTES = 32 * 1024 * 1024
REQUIRED = ("model", "messages", "max_tokens")

Handle = Callable[[Connection, bytes], Awaitable[None]]


class SimulatedAnthropic:
    """Accepts the given keys. `tokens_per_second` None: as fast as it goes. To be used inside one event loop."""

    def __init__(
        self,
        api_keys: Collection[str],
        tokens_per_second: float | None = HUMAN_TOKENS_PER_SECOND,
        stall_seconds: float = STALL_SECONDS,
        random: Random | None = None,
    ) -> None:
        self.requests: deque[Received] = deque(maxlen=KEPT_REQUESTS)
        self.leaked_connections = 0
        self._api_keys = frozenset(api_keys)
        self._random = random or Random()
        self._delivery = MessageDelivery(self._random, tokens_per_second, stall_seconds)
        self._speaker = Speaker(self._random)
        self._failed_once: set[str] = set()
        self._connections = Connections(self._handle)
        self._leak = Connections(self._count_leak)
        self._leak_url = ""
        self._routes: dict[str, tuple[str, Handle]] = {
            "/v1/messages": ("POST", self._answer),
            "/v1/messages/count_tokens": ("POST", self._count),
            "/v1/models": ("GET", self._models),
        }

    async def start(self, port: int = 0) -> str:
        """Listens on 127.0.0.1 and returns the base URL, `/v1` included."""
        self._leak_url = f"http://127.0.0.1:{await self._leak.start()}/v1/messages"
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
            self.requests.append(Received(exchange.method, path, dict(exchange.headers), payload[:KEPT_BODY_BYTES]))
            self._check_headers(exchange)
            await self._route(exchange.method, path)(connection, payload)
        except BodyTooLarge:
            await self._refuse(exchange, refusals.TOO_LARGE)
        except Refused as refused:
            await self._refuse(exchange, refused.refusal)

    async def _count_leak(self, connection: Connection) -> None:
        self.leaked_connections += 1
        await connection.exchange.respond(200, [], b"leaked")

    def _check_headers(self, exchange: Exchange) -> None:
        key = _key(exchange)
        if not key:
            raise refusals.NO_KEY
        if key not in self._api_keys:
            raise refusals.WRONG_KEY
        if not exchange.header("anthropic-version"):
            raise refusals.NO_VERSION

    def _route(self, method: str, path: str) -> Handle:
        found = self._routes.get("/v1/models" if path.startswith("/v1/models/") else path)
        if found is None:
            raise refusals.not_found("Not found")
        if found[0] != method:
            raise refusals.wrong_method()
        return found[1]

    async def _answer(self, connection: Connection, payload: bytes) -> None:
        body = rules.parse(payload, REQUIRED, rules.KNOWN)
        fault = failures.fault(body["model"])
        if fault is not None:
            return await self._fail(connection, body, fault)
        request = MessagesRequest(body)
        model, pace = names.served(body["model"])
        answer = Answer(self._speaker.say(request), model, self._random, request.is_stream)
        send = self._delivery.stream if request.is_stream else self._delivery.whole
        return await send(connection.exchange, answer, pace)

    async def _fail(self, connection: Connection, body: Body, fault: Fault) -> None:
        """Answers `ok`, spoiled as the fault says."""
        if fault.is_silent_before_head:
            return await self._delivery.fall_silent(connection)
        model = body["model"]
        if fault.refusal is not None and not (fault.is_once and model in self._failed_once):
            self._failed_once.add(model)
            raise Refused(fault.refusal)
        is_stream = MessagesRequest(body).is_stream
        answer = Answer(OK, model, self._random, is_stream)
        key = _key(connection.exchange)
        pace = catalogue.PACES.get(catalogue.pace_suffix(model))
        shape = failures.SHAPE if is_stream else None
        return await self._delivery.spoiled(connection, answer, fault, key, pace, shape)

    async def _count(self, connection: Connection, payload: bytes) -> None:
        body = rules.parse(payload, ("model", "messages"), rules.COUNTED)
        names.served(body["model"])
        await self._respond(connection.exchange, {"input_tokens": self._speaker.count(MessagesRequest(body))})

    async def _models(self, connection: Connection, _payload: bytes) -> None:
        models = names.listed()
        name = urlsplit(connection.exchange.target).path.removeprefix("/v1/models").strip("/")
        if not name:
            ends = {"first_id": models[0]["id"], "last_id": models[-1]["id"]}
            return await self._respond(connection.exchange, {"data": models, "has_more": False, **ends})
        found = next((one for one in models if one["id"] == names.SNAPSHOTS.get(name, name)), None)
        if found is None:
            raise refusals.not_found(f"model: {name}")
        return await self._respond(connection.exchange, found)

    async def _respond(self, exchange: Exchange, document: object) -> None:
        named = headers(request_id(self._random))
        await exchange.respond(200, [("content-type", JSON), *named], json.dumps(document).encode())

    async def _refuse(self, exchange: Exchange, refused: Refusal) -> None:
        id = request_id(self._random)
        extra = [(name, value.replace("{leak}", self._leak_url)) for name, value in refused.headers.items()]
        body = refused.body.replace("{key}", _key(exchange)).replace(refusals.REQUEST_ID, id)
        await exchange.respond(
            refused.status, [("content-type", refused.content_type), *headers(id), *extra], body.encode()
        )


def _key(exchange: Exchange) -> str:
    """Under either of its headers: the newer SDKs send it as a bearer's."""
    scheme, _, token = exchange.header("authorization").partition(" ")
    return exchange.header("x-api-key") or (token.strip() if scheme.lower() == "bearer" else "")
