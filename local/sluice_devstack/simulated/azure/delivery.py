"""How an answer leaves: as one of the simulated OpenAI does, under Azure's headers, as recorded."""

from random import Random
from uuid import UUID

from sluice_devstack.simulated.delivery import Delivery
from sluice_devstack.simulated.reply import REQUESTS_PER_MINUTE, TOKENS_PER_MINUTE, Reply

REGION = "Simulated US 2"


def headers(random: Random) -> list[tuple[str, str]]:
    """What stands beside every body."""
    return [("apim-request-id", _id(random)), ("x-content-type-options", "nosniff"), ("x-ms-region", REGION)]


def _id(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


class AzureDelivery(Delivery):
    """Sends answers of models."""

    def _headers(self, reply: Reply) -> list[tuple[str, str]]:
        return [
            ("content-type", reply.content_type),
            *headers(self._random),
            ("azureml-model-session", "d016-20250930181259"),
            ("x-ms-rai-invoked", "true"),
            ("x-ratelimit-limit-requests", str(REQUESTS_PER_MINUTE)),
            ("x-ratelimit-limit-tokens", str(TOKENS_PER_MINUTE)),
            ("x-ratelimit-remaining-requests", str(REQUESTS_PER_MINUTE - 1)),
            ("x-ratelimit-remaining-tokens", str(max(0, TOKENS_PER_MINUTE - reply.input_tokens))),
            ("x-request-id", _id(self._random)),
        ]
