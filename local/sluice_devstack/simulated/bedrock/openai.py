"""OpenAI's endpoints on the Bedrock runtime: chat completions and responses, for the models that have them.

https://docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions.html
The answers are the simulated OpenAI's; a fault's name is one of its own (`simulated/faults.py`), as in
`openai.gpt-oss-f-trunc`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from sluice_devstack.simulated import catalogue, faults, rules
from sluice_devstack.simulated.bedrock.delivery import BedrockDelivery
from sluice_devstack.simulated.bedrock.faults import NAME
from sluice_devstack.simulated.bedrock.model_id import ModelId, model_id
from sluice_devstack.simulated.bedrock.replay import CHAT, PREFIX, RESPONSES, Recordings
from sluice_devstack.simulated.chat.endpoint import ChatCompletions
from sluice_devstack.simulated.connections import Connection
from sluice_devstack.simulated.endpoint import Endpoint
from sluice_devstack.simulated.refusal import Refusal, Refused, invalid, unknown_url
from sluice_devstack.simulated.responses.endpoint import Responses

SERVED = ("openai.", "xai.", PREFIX)
SILENT_KEY = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose body the endpoint takes."""

    path: str
    body: rules.Body
    is_stream: bool

    @property
    def model(self) -> str:
        return str(self.body["model"])


class OpenAIEndpoints:
    """`path` is what follows `/openai/v1/`."""

    def __init__(
        self, random: Random, delivery: BedrockDelivery, recordings: Recordings, now: Callable[[], float]
    ) -> None:
        self._delivery = delivery
        self._recordings = recordings
        self._endpoints: dict[str, Endpoint] = {CHAT: ChatCompletions(random, now), RESPONSES: Responses(random, now)}

    def asked(self, path: str, payload: bytes) -> Asked:
        """Raises Refused for an endpoint that is none and for a body that OpenAI would not take."""
        endpoint = self._endpoints.get(path)
        if endpoint is None:
            raise Refused(unknown_url("POST", f"/openai/v1/{path}"))
        body = rules.parse(payload, endpoint.rules)
        return Asked(path, body, endpoint.is_stream(body))

    async def answer(self, connection: Connection, asked: Asked) -> None:
        model = model_id(asked.model)
        if not model.base.startswith(SERVED):
            raise Refused(_not_served(asked))
        if model.base.startswith(PREFIX):
            recorded = self._recordings.recorded(model.base, asked.path)
            return await self._delivery.replayed(connection.exchange, recorded)
        if found := NAME.search(model.base):
            return await self._fail(connection, asked, model, faults.fault(found[1]))
        endpoint = self._endpoints[asked.path]
        known = catalogue.Model(asked.model, asked.model, is_reasoning=False, pace=model.pace)
        send = self._delivery.stream if asked.is_stream else self._delivery.whole
        return await send(connection.exchange, endpoint.reply(asked.body, known), model.pace)

    async def _fail(self, connection: Connection, asked: Asked, model: ModelId, fault: faults.Fault | None) -> None:
        if fault is None:
            raise Refused(invalid(404, f"There is no such fault as {asked.model} asks for.", "model"))
        if fault.refusal is not None:
            raise Refused(fault.refusal)
        if fault.is_silent_before_head:
            return await self._delivery.fall_silent(connection)
        endpoint = self._endpoints[asked.path]
        shape = endpoint.shape(asked.body) if asked.is_stream else None
        reply = endpoint.reply(asked.body, None)
        return await self._delivery.spoiled(connection, reply, fault, SILENT_KEY, model.pace, shape)


def _not_served(asked: Asked) -> Refusal:
    message = f"The model '{asked.model}' does not support the '/openai/v1/{asked.path}' API"
    return invalid(400, message, code="validation_error")
