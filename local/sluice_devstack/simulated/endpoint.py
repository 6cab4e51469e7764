"""What the simulated OpenAI needs to know of one of its endpoints to answer there, and to fail there."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from sluice_devstack.simulated.catalogue import Kind, Model
from sluice_devstack.simulated.refusal import SERVER_ERROR
from sluice_devstack.simulated.reply import Reply
from sluice_devstack.simulated.rules import Body, Rule

ERROR = {"message": SERVER_ERROR, "type": "server_error", "param": None, "code": "server_error"}


class Failure(Enum):
    """How a stream tells that the model failed: as it is on the wire, as the reference documents it, in the status."""

    ON_THE_WIRE = auto()
    AS_DOCUMENTED = auto()
    STATUS_ONLY = auto()


Failing = Callable[[Sequence[bytes]], list[bytes]]


@dataclass(frozen=True, slots=True)
class Shape:
    """Where faults strike in the stream of the answer `ok`. Numbers count its events."""

    healthy: int  # how many are sent before it fails
    content: int = 0  # one with content
    path: tuple[str | int, ...] = ()  # where the JSON of that one has its text
    last: Callable[[bytes], bool] = field(default=lambda _event: False)  # tells that the stream is whole
    failing: Mapping[Failure, Failing] = field(default_factory=dict)  # of healthy events: what follows them
    is_text: bool = True

    def failed(self, events: Sequence[bytes], failure: Failure) -> list[bytes]:
        """The healthy events and what says that it failed; the usual way where the wanted one does not exist here."""
        failing = self.failing.get(failure, self.failing[Failure.ON_THE_WIRE])
        healthy = events[: self.healthy]
        return [*healthy, *failing(healthy)]


class Endpoint(Protocol):
    """One path that is POSTed to."""

    @property
    def kind(self) -> Kind: ...

    @property
    def rules(self) -> Collection[Rule]: ...

    def is_stream(self, body: Body) -> bool: ...

    def shape(self, body: Body) -> Shape: ...

    def reply(self, body: Body, model: Model | None) -> Reply:
        """The answer of that model; None: the small answer `ok`, for faults to spoil."""
