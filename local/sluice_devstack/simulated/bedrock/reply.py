"""An answer of the simulated Bedrock before it leaves: messages of an event stream, or a whole document."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import UUID

from sluice_devstack.simulated.bedrock.frames import CONTENT_TYPE, Message, compact
from sluice_devstack.simulated.bedrock.said import Usage
from sluice_devstack.simulated.reply import JSON, Event

Headers = tuple[tuple[str, str], ...]
REQUEST_ID = "x-amzn-requestid"


@dataclass(frozen=True, slots=True)
class Streamed:
    messages: tuple[Message, ...]
    usage: Usage
    random: Random
    headers: Headers = ()
    content_type: str = CONTENT_TYPE

    @property
    def input_tokens(self) -> int:
        return self.usage.input_tokens

    @property
    def output_tokens(self) -> int:
        return self.usage.output_tokens

    def events(self) -> Iterator[Event]:
        yield from (Event(message.encoded(self.random), message.tokens) for message in self.messages)


@dataclass(frozen=True, slots=True)
class Document:
    body: Mapping[str, Any]
    usage: Usage
    headers: Headers = ()
    content_type: str = JSON

    @property
    def input_tokens(self) -> int:
        return self.usage.input_tokens

    @property
    def output_tokens(self) -> int:
        return self.usage.output_tokens

    def events(self) -> Iterator[Event]:
        yield Event(compact(self.body))


BedrockReply = Streamed | Document


def request_id(random: Random) -> tuple[str, str]:
    return (REQUEST_ID, str(UUID(int=random.getrandbits(128), version=4)))
