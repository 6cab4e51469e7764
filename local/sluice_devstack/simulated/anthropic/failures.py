"""Failures on demand, by the model's name: those of the simulated OpenAI, with what Anthropic says in their place.

`f-529` is overload before the answer, `f-errevent` overload inside it.
"""

from collections.abc import Mapping

from sluice_devstack.simulated import faults
from sluice_devstack.simulated.anthropic.refusals import OVERLOADED, RATE_LIMIT, error, refusal
from sluice_devstack.simulated.endpoint import Failure, Shape
from sluice_devstack.simulated.faults import Fault
from sluice_devstack.simulated.reply import sse

LAST = b"event: message_stop\n"
SHAPE = Shape(
    healthy=4,
    content=3,
    path=("delta", "text"),
    last=lambda event: event.startswith(LAST),
    failing={Failure.ON_THE_WIRE: lambda _events: [sse(error(*OVERLOADED), "error")]},
)
FAULTS: Mapping[str, Fault] = {
    **faults.FAULTS,
    "f-429ra": Fault(refusal(429, "rate_limit_error", RATE_LIMIT, retry_after="2"), is_once=True),
    "f-429": Fault(refusal(429, "rate_limit_error", RATE_LIMIT)),
    "f-529": Fault(refusal(529, *OVERLOADED)),
    "f-503": Fault(refusal(503, "api_error", "Service unavailable")),
    "f-500once": Fault(refusal(500, "api_error", "Internal server error"), is_once=True),
    "f-401": Fault(refusal(401, "authentication_error", "invalid x-api-key: {key}")),
}


def fault(model: str) -> Fault | None:
    """The fault that a model's name asks for, None for a model that works."""
    if model in FAULTS:
        return FAULTS[model]
    return next((found for name, found in FAULTS.items() if model.startswith(f"{name}-")), None)
