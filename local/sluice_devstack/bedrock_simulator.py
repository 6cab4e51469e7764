"""A simulated Bedrock runtime on loopback: its operations on `/model/{id}`, OpenAI's endpoints under `/openai/v1`, and
guardrails under `/guardrail/{id}`.

Strategy: who may call what is `simulated/bedrock/access.py`, what is said and its bytes is beside it; here a call goes
from one to the other. Ids pick the family (`model_id.py`), the pace (`-fast`, `-slow`, `-instant` at the end), the
fault (`faults.py`) or a recording (`replay.py`).
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html
"""

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

from sluice_devstack.http1 import BodyTooLarge, Exchange
from sluice_devstack.simulated.bedrock import faults, guardrails, replay
from sluice_devstack.simulated.bedrock.access import Access, Caller
from sluice_devstack.simulated.bedrock.answers import Answers, parsed
from sluice_devstack.simulated.bedrock.delivery import BedrockDelivery
from sluice_devstack.simulated.bedrock.exceptions import invalid, refused
from sluice_devstack.simulated.bedrock.faults import Fault
from sluice_devstack.simulated.bedrock.frames import compact
from sluice_devstack.simulated.bedrock.model_id import ModelId, model_id
from sluice_devstack.simulated.bedrock.openai import OpenAIEndpoints
from sluice_devstack.simulated.bedrock.operation import Operation, Target, target
from sluice_devstack.simulated.bedrock.question import Guardrail
from sluice_devstack.simulated.bedrock.reply import request_id
from sluice_devstack.simulated.connections import Connection, Connections
from sluice_devstack.simulated.delivery import HUMAN_TOKENS_PER_SECOND
from sluice_devstack.simulated.refusal import Refusal, Refused
from sluice_devstack.simulated.reply import JSON
from sluice_devstack.simulator import KEPT_BODY_BYTES, KEPT_REQUESTS, STALL_SECONDS, Received

MAX_BODY_BYTES = 25_000_000
GUARDRAIL = "x-amzn-bedrock-guardrailidentifier"
GUARDRAIL_VERSION = "x-amzn-bedrock-guardrailversion"
TRACE = "x-amzn-bedrock-trace"
INVOCATIONS = (Operation.INVOKE, Operation.INVOKE_STREAM)
OPENAI_PATH = "/openai/v1/"


class SimulatedBedrock:
    """Answers whom `access` lets in. `recordings` is a folder, `tokens_per_second` None: as fast as it goes. To be used
    inside one event loop."""

    def __init__(
        self,
        access: Access,
        recordings: Path | None = None,
        tokens_per_second: float | None = HUMAN_TOKENS_PER_SECOND,
        stall_seconds: float = STALL_SECONDS,
        random: Random | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.requests: deque[Received] = deque(maxlen=KEPT_REQUESTS)
        self._access = access
        self._random = random or Random()
        self._recordings = replay.Recordings(recordings)
        self._delivery = BedrockDelivery(self._random, tokens_per_second, stall_seconds)
        self._answers = Answers(self._random)
        self._openai = OpenAIEndpoints(self._random, self._delivery, self._recordings, now)
        self._failed_once: set[tuple[str, Operation]] = set()
        self._connections = Connections(self._handle)

    async def start(self, port: int = 0) -> str:
        """Listens on 127.0.0.1 and returns the base URL, which has no path."""
        return f"http://127.0.0.1:{await self._connections.start(port)}"

    async def stop(self) -> None:
        """Ends every connection, also those that are stalled."""
        await self._connections.stop()

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
            caller = self._access.caller(exchange, payload)
            await self._route(connection, path, payload, caller)
        except BodyTooLarge:
            error = invalid(f"Member must have length less than or equal to {MAX_BODY_BYTES}")
            await self._refuse(exchange, error.refusal)
        except Refused as error:
            await self._refuse(exchange, error.refusal)

    async def _route(self, connection: Connection, path: str, payload: bytes, caller: Caller) -> None:
        found = target(path) if connection.exchange.method == "POST" else None
        if found:
            await self._operate(connection, found, payload, caller)
        elif connection.exchange.method == "POST" and (applied := guardrails.applied(path)):
            await self._apply(connection, applied, payload, caller)
        elif path.startswith(OPENAI_PATH):
            await self._converse_as_openai(connection, path.removeprefix(OPENAI_PATH), payload, caller)
        else:
            raise refused("UnknownOperationException", f"There is no operation {connection.exchange.method} {path}.")

    async def _operate(self, connection: Connection, found: Target, payload: bytes, caller: Caller) -> None:
        model = model_id(found.model)
        exchange = connection.exchange
        guardrail = _guardrail(exchange) if found.operation in INVOCATIONS else None
        self._access.check(caller, found.operation, found.model, guardrail.id if guardrail else _configured(payload))
        if model.base.startswith(replay.PREFIX):
            recorded = self._recordings.recorded(model.base, found.operation.value)
            return await self._delivery.replayed(exchange, recorded)
        fault = faults.fault(model.base)
        if fault is not None:
            return await self._fail(connection, found.operation, model, payload, fault)
        reply = self._answers.answer(found.operation, model, parsed(payload), guardrail)
        return await self._delivery.answered(exchange, reply, model.pace)

    async def _apply(self, connection: Connection, applied: guardrails.Applied, payload: bytes, caller: Caller) -> None:
        self._access.check_guardrail(caller, applied.guardrail)
        if applied.is_silent:
            return await self._delivery.fall_silent(connection)
        document = guardrails.judged(applied, parsed(payload))
        headers = [("content-type", JSON), request_id(self._random)]
        return await connection.exchange.respond(200, headers, compact(document))

    async def _fail(
        self, connection: Connection, operation: Operation, model: ModelId, payload: bytes, fault: Fault
    ) -> None:
        if fault.is_silent_before_head:
            return await self._delivery.fall_silent(connection)
        is_due = not (fault.is_once and (model.asked, operation) in self._failed_once)
        if fault.refusal is not None and is_due:
            self._failed_once.add((model.asked, operation))
            raise Refused(fault.refusal)
        reply = self._answers.ok(operation, model, parsed(payload))
        return await self._delivery.broken(connection, reply, fault, model.pace)

    async def _converse_as_openai(self, connection: Connection, path: str, payload: bytes, caller: Caller) -> None:
        asked = self._openai.asked(path, payload)
        operation = Operation.INVOKE_STREAM if asked.is_stream else Operation.INVOKE
        guardrail = _guardrail(connection.exchange)
        self._access.check(caller, operation, asked.model, guardrail.id if guardrail else "")
        await self._openai.answer(connection, asked)

    async def _refuse(self, exchange: Exchange, told: Refusal) -> None:
        headers = [("content-type", told.content_type), request_id(self._random), *told.headers.items()]
        await exchange.respond(told.status, headers, told.body.encode())


def _configured(payload: bytes) -> str:
    """The guardrail that Converse's body names; empty too for a body that makes no sense, which is refused later."""
    try:
        config = parsed(payload).get("guardrailConfig")
    except Refused:
        return ""
    return str(config.get("guardrailIdentifier") or "") if isinstance(config, dict) else ""


def _guardrail(exchange: Exchange) -> Guardrail | None:
    name = exchange.header(GUARDRAIL)
    traces = exchange.header(TRACE).upper().startswith("ENABLED")
    return Guardrail(name, exchange.header(GUARDRAIL_VERSION), traces) if name else None
