"""How a message leaves: as an answer of the simulated OpenAI does, under Anthropic's headers."""

from random import Random

from sluice_devstack.simulated.delivery import Delivery
from sluice_devstack.simulated.reply import Reply, letters

REQUESTS_PER_MINUTE = 4000
RESET = "2030-01-01T00:00:00Z"


def headers(request_id: str) -> list[tuple[str, str]]:
    """What Anthropic sends beside the body."""
    return [
        ("request-id", request_id),
        ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000"),
        ("anthropic-ratelimit-requests-limit", str(REQUESTS_PER_MINUTE)),
        ("anthropic-ratelimit-requests-remaining", str(REQUESTS_PER_MINUTE - 1)),
        ("anthropic-ratelimit-requests-reset", RESET),
    ]


def request_id(random: Random) -> str:
    return f"req_01{letters(random, 22)}"


class MessageDelivery(Delivery):
    """Sends messages."""

    def _headers(self, reply: Reply) -> list[tuple[str, str]]:
        return [("content-type", reply.content_type), *headers(request_id(self._random))]
