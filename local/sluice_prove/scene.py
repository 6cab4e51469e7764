"""What a script knows besides the connection that it plays on."""

from collections.abc import Callable
from dataclasses import dataclass

from sluice_prove.peer import Asked, Peer


@dataclass(frozen=True, slots=True)
class Scene:
    """`number` counts the requests for this fault from 1; `canary` is a secret that no caller may ever see."""

    asked: Asked
    number: int
    stall_seconds: float
    canary: str
    leak_url: str

    @property
    def key(self) -> str:
        """What a careless provider repeats: the key that it was sent, else a secret of its own."""
        return self.asked.key or self.canary


Script = Callable[[Peer, Scene], None]
