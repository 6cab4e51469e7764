"""A simulated Azure OpenAI resource on loopback: classic URLs and the v1 API, keys and tokens, the content filter.

As `simulator.py` does for OpenAI, whose answers these are: what is said is made in `simulated/`, what is Azure's own is
in `simulated/azure/`. A deployment has the name of its model, or the model that it was given; its name picks the pace
and the fault, `f-filter` is refused by the filter, and behind `-async` the filter speaks late.
"""

import json
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from random import Random

from sluice_devstack.http1 import BodyTooLarge, Exchange
from sluice_devstack.simulated import catalogue, faults, rules
from sluice_devstack.simulated.azure import filtered, refusals
from sluice_devstack.simulated.azure.address import Address, address
from sluice_devstack.simulated.azure.delivery import AzureDelivery, headers
from sluice_devstack.simulated.azure.filtered import LATER, FilteredEndpoint
from sluice_devstack.simulated.chat.endpoint import ChatCompletions
from sluice_devstack.simulated.connections import Connection, Connections
from sluice_devstack.simulated.delivery import HUMAN_TOKENS_PER_SECOND
from sluice_devstack.simulated.embeddings import Embeddings
from sluice_devstack.simulated.endpoint import Endpoint
from sluice_devstack.simulated.faults import Fault
from sluice_devstack.simulated.images.endpoint import ImageGenerations
from sluice_devstack.simulated.legacy import LegacyCompletions
from sluice_devstack.simulated.refusal import Refusal, Refused, wrong_method
from sluice_devstack.simulated.responses.endpoint import Responses
from sluice_devstack.simulated.speech.endpoint import Speech
from sluice_devstack.simulator import KEPT_BODY_BYTES, KEPT_REQUESTS, MAX_BODY_BYTES, STALL_SECONDS, Received

FILTERED = "f-filter"
TOKEN = "eyJ"  # begins every token of Entra ID, and no key
NO_DEPLOYMENTS: Mapping[str, str] = {}


class SimulatedAzure:
    """Accepts the given keys and tokens. `deployments` are models by deployment, `tokens_per_second` None: as fast as
    it goes. To be used inside one event loop. `requests` have the query in their paths."""

    def __init__(
        self,
        api_keys: Collection[str],
        deployments: Mapping[str, str] = NO_DEPLOYMENTS,
        tokens_per_second: float | None = HUMAN_TOKENS_PER_SECOND,
        stall_seconds: float = STALL_SECONDS,
        random: Random | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.requests: deque[Received] = deque(maxlen=KEPT_REQUESTS)
        self.leaked_connections = 0
        self._api_keys = frozenset(api_keys)
        self._deployments = deployments
        self._random = random or Random()
        self._delivery = AzureDelivery(self._random, tokens_per_second, stall_seconds)
        self._failed_once: set[tuple[str, str]] = set()
        self._connections = Connections(self._handle)
        self._leak = Connections(self._count_leak)
        self._leak_url = ""
        self._endpoints: dict[str, Endpoint] = {
            "chat/completions": FilteredEndpoint(ChatCompletions(self._random, now)),
            "completions": FilteredEndpoint(LegacyCompletions(self._random, now)),
            "responses": Responses(self._random, now),
            "embeddings": Embeddings(),
            "images/generations": ImageGenerations(now),
            "audio/speech": Speech(),
        }

    async def start(self, port: int = 0) -> str:
        """Listens on 127.0.0.1 and returns the resource's endpoint, which has no path."""
        self._leak_url = f"http://127.0.0.1:{await self._leak.start()}/openai/v1/chat/completions"
        return f"http://127.0.0.1:{await self._connections.start(port)}"

    async def stop(self) -> None:
        """Ends every connection, also those that are stalled."""
        await self._connections.stop()
        await self._leak.stop()

    async def _handle(self, connection: Connection) -> None:
        exchange = connection.exchange
        try:
            payload = await exchange.body(MAX_BODY_BYTES)
            kept = Received(exchange.method, exchange.target, dict(exchange.headers), payload[:KEPT_BODY_BYTES])
            self.requests.append(kept)
            if not self._is_allowed(exchange):
                raise Refused(refusals.WRONG_KEY)
            await self._answer(connection, address(exchange.target), payload)
        except BodyTooLarge:
            await self._refuse(exchange, refusals.TOO_LARGE)
        except Refused as refused:
            await self._refuse(exchange, refused.refusal)

    async def _count_leak(self, connection: Connection) -> None:
        self.leaked_connections += 1
        await connection.exchange.respond(200, [], b"leaked")

    def _is_allowed(self, exchange: Exchange) -> bool:
        """A key may come as a bearer's too, as OpenAI's SDKs send it to the v1 API; a token only so."""
        is_misplaced = exchange.header("api-key").startswith(TOKEN)
        return not is_misplaced and _key(exchange) in self._api_keys

    async def _answer(self, connection: Connection, asked: Address, payload: bytes) -> None:
        exchange, endpoint = connection.exchange, self._endpoints.get(asked.operation)
        if endpoint is None:
            raise Refused(refusals.NOT_FOUND)
        if exchange.method != "POST":
            raise Refused(wrong_method(exchange.method, asked.operation))
        body = _body(payload, asked, endpoint)
        deployment = body["model"]
        if deployment == FILTERED:
            raise Refused(refusals.filtered(filtered.VIOLENT))
        if fault := faults.fault(deployment):
            return await self._fail(connection, asked.operation, body, fault)
        model = self._model(deployment, endpoint)
        send = self._delivery.stream if endpoint.is_stream(body) else self._delivery.whole
        return await send(exchange, endpoint.reply(body, model), model.pace)

    def _model(self, deployment: str, endpoint: Endpoint) -> catalogue.Model:
        """Raises Refused where nothing is deployed under that name."""
        try:
            return catalogue.model(self._deployments.get(deployment, deployment.removesuffix(LATER)), endpoint.kind)
        except Refused as refused:
            is_unknown = refused.refusal.status == 404
            raise Refused(refusals.DEPLOYMENT_NOT_FOUND) if is_unknown else refused from None

    async def _fail(self, connection: Connection, operation: str, body: rules.Body, fault: Fault) -> None:
        """Answers `ok`, spoiled as the fault says."""
        if fault.is_silent_before_head:
            return await self._delivery.fall_silent(connection)
        endpoint, deployment = self._endpoints[operation], body["model"]
        if fault.refusal is not None and not (fault.is_once and (operation, deployment) in self._failed_once):
            self._failed_once.add((operation, deployment))
            raise Refused(fault.refusal)
        pace = catalogue.PACES.get(catalogue.pace_suffix(deployment))
        shape = endpoint.shape(body) if endpoint.is_stream(body) else None
        answer, key = endpoint.reply(body, None), _key(connection.exchange)
        return await self._delivery.spoiled(connection, answer, fault, key, pace, shape)

    async def _refuse(self, exchange: Exchange, refused: Refusal) -> None:
        extra = [(name, value.replace("{leak}", self._leak_url)) for name, value in refused.headers.items()]
        body = refused.body.replace("{key}", _key(exchange)).encode()
        named = [("content-type", refused.content_type), *headers(self._random), *extra]
        await exchange.respond(refused.status, named, body)


def _key(exchange: Exchange) -> str:
    scheme, _, token = exchange.header("authorization").partition(" ")
    return exchange.header("api-key") or (token.strip() if scheme.lower() == "bearer" else "")


def _body(payload: bytes, asked: Address, endpoint: Endpoint) -> rules.Body:
    """The body under OpenAI's rules, with the URL's deployment as its model."""
    body = rules.parse(_named(payload, asked.deployment), endpoint.rules)
    for name in asked.unknown_fields:
        if name in body:
            raise Refused(rules.unknown_parameter(name))
    return body


def _named(payload: bytes, deployment: str | None) -> bytes:
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):  # for the rules to refuse
        return payload
    is_replaced = deployment is not None and isinstance(body, dict)
    return json.dumps({**body, "model": deployment}).encode() if is_replaced else payload
