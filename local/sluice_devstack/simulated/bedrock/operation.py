"""What a path asks for: an operation of the Bedrock runtime, named as AWS's API names it, and the model it is on."""

import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote


class Operation(Enum):
    """The name in AWS's API."""

    CONVERSE = "Converse"
    CONVERSE_STREAM = "ConverseStream"
    INVOKE = "InvokeModel"
    INVOKE_STREAM = "InvokeModelWithResponseStream"
    COUNT_TOKENS = "CountTokens"

    @property
    def is_stream(self) -> bool:
        return self in (Operation.CONVERSE_STREAM, Operation.INVOKE_STREAM)


ENDS = {
    "converse": Operation.CONVERSE,
    "converse-stream": Operation.CONVERSE_STREAM,
    "invoke": Operation.INVOKE,
    "invoke-with-response-stream": Operation.INVOKE_STREAM,
    "count-tokens": Operation.COUNT_TOKENS,
}
PATH = re.compile(rf"/model/(?P<model>.+)/(?P<end>{'|'.join(ENDS)})")


@dataclass(frozen=True, slots=True)
class Target:
    """The model's id is decoded; an ARN may have come with its slashes as they are."""

    operation: Operation
    model: str


def target(path: str) -> Target | None:
    """`path` is as on the wire; None for one that is no operation of this service."""
    found = PATH.fullmatch(path)
    return Target(ENDS[found["end"]], unquote(found["model"])) if found else None
