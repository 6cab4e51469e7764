"""A response as its events: numbered, each under its name, the keys in the order that recorded ones have.

https://platform.openai.com/docs/api-reference/responses-streaming and recorded streams. There is no `[DONE]`.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from sluice_devstack.simulated.endpoint import ERROR, Failure, Shape
from sluice_devstack.simulated.reply import EVENT_STREAM, Event, pretty, sse
from sluice_devstack.simulated.responses.output import Output, Stage, Step
from sluice_devstack.simulated.responses.snapshot import Snapshot

DATA = b"data: "


@dataclass(frozen=True, slots=True)
class ResponseReply:
    """A response from its first moment to its last."""

    first: Snapshot
    last: Snapshot
    output: tuple[Output, ...]
    random: Random
    includes_obfuscation: bool

    @property
    def input_tokens(self) -> int:
        return int((self.last.usage or {})["input_tokens"])

    @property
    def output_tokens(self) -> int:
        return int((self.last.usage or {})["output_tokens"])

    @property
    def content_type(self) -> str:
        return EVENT_STREAM

    def events(self) -> Iterator[Event]:
        for number, (kind, fields, wait) in enumerate(self._steps()):
            yield Event(named(f"response.{kind}", number, fields), wait)

    def json(self) -> bytes:
        return pretty(self.last.json())

    def _steps(self) -> Iterator[Step]:
        for kind in ("created", "in_progress"):
            yield kind, {"response": self.first.json()}, 0.0
        for index, item in enumerate(self.output):
            yield from item.steps(Stage(index, self.random, self.includes_obfuscation))
        yield self.last.status, {"response": self.last.json()}, 0.0


def named(kind: str, number: int, fields: dict[str, Any]) -> bytes:
    ordered = dict(sorted({**fields, "sequence_number": number}.items()))
    return sse({"type": kind, **ordered}, kind)


def _failed_response(events: Sequence[bytes]) -> dict[str, Any]:
    """The response that the first event spoke of, failed."""
    response: dict[str, Any] = json.loads(events[0].partition(DATA)[2])["response"]
    return {**response, "status": "failed", "error": {"code": ERROR["code"], "message": ERROR["message"]}}


def _on_the_wire(events: Sequence[bytes]) -> list[bytes]:
    count = len(events)
    failed = named("response.failed", count + 1, {"response": _failed_response(events)})
    return [named("error", count, {"error": ERROR}), failed]


def _as_documented(events: Sequence[bytes]) -> list[bytes]:
    flat = {name: ERROR[name] for name in ("code", "message", "param")}
    return [named("error", len(events), flat)]


def _status_only(events: Sequence[bytes]) -> list[bytes]:
    return [named("response.failed", len(events), {"response": _failed_response(events)})]


SHAPE = Shape(
    healthy=7,
    content=5,
    path=("delta",),
    last=lambda event: event.startswith(b"event: response.completed"),
    failing={
        Failure.ON_THE_WIRE: _on_the_wire,
        Failure.AS_DOCUMENTED: _as_documented,
        Failure.STATUS_ONLY: _status_only,
    },
)
