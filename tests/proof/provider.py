"""The provider that both gateways call: it says what each stream's fate is, and remembers what it has served."""

import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.proof.fate import Fate, Manner, billed

from sluice_prove.chat_faults import CHUNKED, EVENT_STREAM, JSON, document, failure
from sluice_prove.peer import Asked, Peer
from sluice_prove.provider import LOOPBACK, Listener

WORDS_AT_ONCE = 8
PAUSE_SECONDS = 0.004  # so that a death may come between
NOT_FOUND = failure("no such call", "invalid_request_error", "model_not_found")


@dataclass(frozen=True, slots=True)
class Served:
    """What one request got. `has_ended` says that the end of the answer got out, `bill` is in nano-dollars."""

    name: str
    key: str
    has_ended: bool
    bill: int


@dataclass(slots=True)
class ProofProvider:
    """A context manager. Calls are told apart by the field `user`."""

    fates: Mapping[str, Fate]
    cookie: str
    served: list[Served] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _listener: Listener = field(init=False)

    def __post_init__(self) -> None:
        self._listener = Listener(self._serve)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._listener.port}/v1"

    @property
    def bill(self) -> int:
        return sum(one.bill for one in list(self.served))

    def billed(self, model: str) -> int:
        return sum(one.bill for one in list(self.served) if self.fates[one.name].lane.model == model)

    def __enter__(self) -> "ProofProvider":
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._listener.stop()

    def _serve(self, sock: socket.socket) -> None:
        peer = Peer(sock, self._stopped)
        while True:
            asked = peer.request()
            fate = self.fates.get(str(asked.body.get("user")))
            if fate is None:
                document(peer, 404, NOT_FOUND, JSON)
            elif fate.repeats:
                self._refuse(peer, asked, fate)
            else:
                self._stream(peer, asked, fate)

    def _refuse(self, peer: Peer, asked: Asked, fate: Fate) -> None:
        self.served.append(Served(fate.name, asked.key, has_ended=True, bill=0))
        document(peer, 400, failure(f"not with the key {asked.key}", "invalid_request_error", "bad"), JSON)

    def _stream(self, peer: Peer, asked: Asked, fate: Fate) -> None:
        """Booked before a byte of it leaves: whoever dies then has been charged."""
        events = fate.events
        end = len(b"".join(events)) if fate.cut is None else int(fate.cut * len(b"".join(events)))
        finish = len(b"".join(events[:-2]))
        words = sum(len(b"".join(events[: number + 1])) <= end for number in range(fate.words))
        self.served.append(Served(fate.name, asked.key, end >= finish, billed(words)))
        more = (f"x-provider-key: {asked.key}", f"set-cookie: session={self.cookie}") if fate.leaks else ()
        peer.head(200, EVENT_STREAM, CHUNKED, *more)
        self._say(peer, events, end)
        if fate.cut is None:
            peer.end()
        else:
            break_off(peer, fate.manner)

    def _say(self, peer: Peer, events: tuple[bytes, ...], end: int) -> None:
        """Some words at a time, up to that byte."""
        said = 0
        for number in range(0, len(events), WORDS_AT_ONCE):
            piece = b"".join(events[number : number + WORDS_AT_ONCE])[: end - said]
            if piece:
                peer.chunk(piece)
            said += len(piece)
            peer.wait(PAUSE_SECONDS)


def break_off(peer: Peer, manner: Manner) -> None:
    if manner is Manner.END:
        peer.end()
    elif manner is Manner.RESET:
        peer.reset()
    else:
        peer.send(b"40\r\ndata: ")
        peer.close()
