"""What is to become of each stream: drawn from the seed before anything starts, so that a run can be repeated.

What is drawn is repeated; which of two things happens first is not, where processes race.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from random import Random

CUT, LEAKING, REPEATING = 0.30, 0.05, 0.03  # shares of the streams
PROMPT_TOKENS = 20
FEWEST_WORDS, MAX_TOKENS = 24, 44
TARGETS = 40  # models of a lane: one that breaks off so often would have its breaker opened
INPUT_NANO, OUTPUT_NANO = 1_000, 10_000  # nano-dollars a token: 1 and 10 dollars a million


class Manner(StrEnum):
    """How the provider breaks off."""

    END = "end"  # HTTP ends as it should, the answer does not: so it looks behind a proxy whose server has died
    RESET = "reset"
    CHUNK = "chunk"  # closed within an HTTP chunk whose length was announced


@dataclass(frozen=True, slots=True)
class Lane:
    """Streams of one model, which share a budget. `share` is of all streams, `kills` of these, `room` is what the
    budget has room for, as a share of what all of them would cost if none were cut."""

    model: str
    share: float
    kills: float
    room: float


LANES = (
    Lane("strict", 0.4, 0.02, 0.55),
    Lane("typical", 0.3, 0.02, 0.55),
    Lane("wide", 0.3, 0.10, 4.0),
)


@dataclass(frozen=True, slots=True)
class Fate:
    """One stream. `cut` is where the provider breaks off, from 0 to 1 of its bytes, None for never. `leaks`: its key
    and a cookie stand in the provider's headers; `repeats`: it refuses, and its words repeat its key. `killed` is when
    somebody dies, in seconds after the call's start, None for nobody."""

    name: str
    lane: Lane
    target: int
    words: int
    cut: float | None
    manner: Manner
    leaks: bool
    repeats: bool
    killed: float | None

    @property
    def model(self) -> str:
        return f"{self.lane.model}-{self.target}"

    @property
    def cost(self) -> int:
        """Nano-dollars of the whole answer."""
        return billed(self.words)

    @property
    def text(self) -> str:
        return "".join(f"word{number} " for number in range(self.words))

    @property
    def events(self) -> tuple[bytes, ...]:
        """The provider's stream, the end of the answer being its last but two."""
        spoken = [_event(_choice({"content": f"word{number} "})) for number in range(self.words)]
        return (*spoken, _event(_choice({}, "stop")), _event(_used(self.words)), b"data: [DONE]\n\n")


def billed(words: int) -> int:
    """What a provider charges that has said so many words."""
    return PROMPT_TOKENS * INPUT_NANO + words * OUTPUT_NANO


def fates(seed: int, calls: int, typical_seconds: float) -> list[Fate]:
    """The streams in the order of their calls, lanes mixed."""
    random = Random(seed)
    lanes = [lane for lane in LANES for _ in range(round(lane.share * calls))]
    random.shuffle(lanes)
    return [_fate(random, number, lane, typical_seconds) for number, lane in enumerate(lanes)]


def limit(lane: Lane, streams: list[Fate]) -> int:
    """The lane's budget, in nano-dollars."""
    return int(lane.room * sum(one.cost for one in streams if one.lane is lane))


def _fate(random: Random, number: int, lane: Lane, typical_seconds: float) -> Fate:
    odds = random.random()
    return Fate(
        name=f"call-{number}",
        lane=lane,
        target=number % TARGETS,
        words=random.randint(FEWEST_WORDS, MAX_TOKENS),
        cut=random.random() if odds < CUT else None,
        manner=random.choice(list(Manner)),
        leaks=CUT < odds < CUT + LEAKING,
        repeats=CUT + LEAKING < odds < CUT + LEAKING + REPEATING,
        killed=random.uniform(0, typical_seconds) if random.random() < lane.kills else None,
    )


def _event(value: object) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def _choice(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, object]:
    return _named([{"index": 0, "delta": delta, "finish_reason": finish_reason}])


def _used(words: int) -> dict[str, object]:
    usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": words, "total_tokens": PROMPT_TOKENS + words}
    return {**_named([]), "usage": usage}


def _named(choices: list[dict[str, object]]) -> dict[str, object]:
    return {
        "id": "chatcmpl-proof",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "proof",
        "choices": choices,
    }
