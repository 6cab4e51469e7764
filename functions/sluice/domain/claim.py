"""What one call takes of a rate limit."""

from dataclasses import dataclass

from sluice.domain.policy import Rate


@dataclass(frozen=True, slots=True)
class Claim:
    """One call under one rate, in the name of `of`.

    `call_id` tells the call's stream from others, `lease` is when it ends at the latest (epoch seconds), `tokens` what
    it probably takes, prompt and answer.
    """

    rate: Rate
    of: str
    call_id: str
    lease: int
    tokens: int
    is_enforced: bool = True
