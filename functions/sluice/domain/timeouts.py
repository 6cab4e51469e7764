"""How long a call waits."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a call waits, in seconds; 0 turns a heartbeat off.

    The first byte and the idle time are those of one attempt, the total that of all attempts together.
    """

    connect_timeout_seconds: float = 5
    first_byte_timeout_seconds: float = 300
    idle_timeout_seconds: float = 120
    total_timeout_seconds: float = 900
    heartbeat_seconds: float = 10
    early_heartbeat_seconds: float = 0
