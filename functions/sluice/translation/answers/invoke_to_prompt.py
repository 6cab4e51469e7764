"""The answer to a quick prompt as plain text, piece by piece, whatever family it comes from.

A stream has ended where its model or Bedrock says so; each family has its own word for that.
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sluice.domain.errors import UpstreamTruncated
from sluice.translation.answers.invoke_to_text import piece, text
from sluice.translation.translation import Asked, Event

__all__ = ["Stream", "text"]

ENDS = (
    "amazon-bedrock-invocationMetrics",
    "messageStop",
    "stop_reason",
    "completionReason",
    "is_finished",
    "finish_reason",
)
STOPPED = ("amazon-bedrock-guardrailAction", "INTERVENED")


class Stream:
    """Each event is {"text": "..."}."""

    __slots__ = ("_has_ended",)

    is_over = False  # Bedrock closes it

    def __init__(self, _asked: Asked) -> None:
        self._has_ended = False

    def add(self, event: Event) -> Iterable[dict[str, Any]]:
        self._has_ended = self._has_ended or _ends(event)
        said = piece(event)
        return [{"text": said}] if said else []

    def end(self) -> Iterable[dict[str, Any]]:
        if not self._has_ended:
            raise UpstreamTruncated("upstream stream ended before completion")
        return [{"text": "\n"}]


def _ends(event: Mapping[str, Any]) -> bool:
    told = event.get("type") == "message_stop" or event.get(STOPPED[0]) == STOPPED[1]
    outputs = event.get("outputs")  # Mistral
    first = outputs[0] if isinstance(outputs, list) and outputs and isinstance(outputs[0], dict) else {}
    return told or any(event.get(name) or first.get(name) for name in ENDS)
