"""What an answer to the counting of tokens adds up to: nothing, for it is free of charge.

https://platform.claude.com/docs/en/build-with-claude/token-counting,
https://docs.aws.amazon.com/bedrock/latest/userguide/count-tokens.html
"""

from sluice.codecs.dialect import Chunk
from sluice.domain.reference import Stored
from sluice.domain.usage import Usage


class CountTally:
    """The sum of one count."""

    __slots__ = ("model", "said_bytes", "service_tier", "usage")

    def __init__(self, _choices: int) -> None:
        self.usage: Usage | None = None
        self.model: str | None = None
        self.service_tier: str | None = None
        self.said_bytes = 0

    def add(self, _chunk: Chunk) -> None:
        self.usage = Usage()

    def add_earlier(self, chunk: Chunk) -> None:
        self.add(chunk)

    def adopt(self, tail: "CountTally") -> None:
        self.usage = tail.usage or self.usage

    @property
    def is_known(self) -> bool:
        return self.usage is not None

    @property
    def is_finished(self) -> bool:
        return self.usage is not None

    @property
    def finish_reason(self) -> str | None:
        """None: nothing was generated."""
        return None

    @property
    def stored(self) -> tuple[Stored, ...]:
        return ()
