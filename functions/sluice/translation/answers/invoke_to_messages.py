"""InvokeModel's answers for Claude as the Messages API sends them: the same JSON, without what Bedrock adds.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sluice.domain.errors import UpstreamProtocol, UpstreamTruncated
from sluice.translation.answers.json_value import Json
from sluice.translation.translation import Asked, Event

OF_BEDROCK = "amazon-bedrock-"  # invocationMetrics, trace, guardrailAction


def whole(answer: Mapping[str, Any], asked: Asked) -> Json:
    """The Message as it came; UpstreamProtocol where the answer is none."""
    del asked
    if not isinstance(answer.get("content"), list):
        raise UpstreamProtocol("the provider answered 200 without a message; expected its content")
    return stripped(answer)


def stripped(event: Event) -> Json:
    return {key: value for key, value in event.items() if not key.startswith(OF_BEDROCK)}


class Stream:
    """The JSON of each chunk's bytes as the event of the Messages API that it is."""

    def __init__(self, asked: Asked) -> None:
        del asked
        self._is_over = False

    @property
    def is_over(self) -> bool:
        return self._is_over

    def add(self, event: Event) -> Iterable[Json]:
        """Nothing for JSON without a type, which is no event: Bedrock sends its own keys alone at times."""
        if self._is_over or not isinstance(event.get("type"), str):
            return ()
        self._is_over = event["type"] == "message_stop"
        return (stripped(event),)

    def end(self) -> Iterable[Json]:
        if not self._is_over:
            raise UpstreamTruncated("upstream stream ended before completion")
        return ()
