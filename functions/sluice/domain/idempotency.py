"""A caller's own name of a call, under which it is made at most once."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Idempotent:
    """`key` is the row's: the principal and the SHA-256 of the caller's key. `digest` is that of what was asked."""

    key: str
    digest: str


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer that was kept whole. `request_id` is that of the call that made it."""

    request_id: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
