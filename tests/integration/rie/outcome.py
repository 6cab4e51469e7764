"""What one invocation came to: the bytes that the Runtime API got, and what they mean."""

from dataclasses import dataclass

from sluice_devstack.prelude import DELIMITER, Prelude, PreludeReader

MASK = b"<request id>"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`data` is prelude, eight NUL bytes and body, or a plain result; of the request's own id only a mask is left."""

    data: bytes

    @classmethod
    def of(cls, data: bytes, request_id: str = "") -> "Outcome":
        """Without an id it is the one that the prelude tells."""
        return cls(data.replace((request_id or _told(data)).encode() or MASK, MASK))

    @property
    def is_framed(self) -> bool:
        return DELIMITER in self.data

    @property
    def prelude(self) -> Prelude | None:
        """None for a plain result; PreludeError for a head that is not one."""
        return _prelude(self.data)

    @property
    def body(self) -> bytes:
        return self.data.partition(DELIMITER)[2] if self.is_framed else self.data

    @property
    def status(self) -> str:
        found = self.prelude
        return str(found.status) if found else "result"


def _prelude(data: bytes) -> Prelude | None:
    if DELIMITER not in data:
        return None
    reader = PreludeReader()
    reader.feed(data)
    return reader.prelude


def _told(data: bytes) -> str:
    found = _prelude(data)
    return found.headers.get("x-request-id", "") if found else ""


def difference(one: Outcome, other: Outcome) -> str:
    """Where the two part, in words; empty where they are equal."""
    if one.data == other.data:
        return ""
    for name in ("status", "prelude", "body"):
        if getattr(one, name) != getattr(other, name):
            return f"{name}: {_short(getattr(one, name))} | {_short(getattr(other, name))}"
    return f"{len(one.data)} | {len(other.data)} bytes"


def _short(value: object) -> str:
    return repr(value)[:400]
