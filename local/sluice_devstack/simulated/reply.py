"""An answer of the simulated OpenAI before it leaves: its events one by one, or its whole document."""

import json
import string
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Protocol

LETTERS = string.ascii_letters + string.digits
REASONING_SPEED = 10.0  # hidden reasoning runs that much faster than visible text
REQUESTS_PER_MINUTE = 10_000
TOKENS_PER_MINUTE = 2_000_000
EVENT_STREAM = "text/event-stream; charset=utf-8"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Event:
    """One piece of a stream, and how many tokens' time the model takes before it."""

    data: bytes
    tokens: float = 0.0


class Reply(Protocol):
    """What an endpoint answers; its events joined are of `content_type`."""

    @property
    def input_tokens(self) -> int: ...

    @property
    def output_tokens(self) -> int: ...

    @property
    def content_type(self) -> str: ...

    def events(self) -> Iterator[Event]: ...


class Document(Protocol):
    """An answer as JSON."""

    @property
    def input_tokens(self) -> int: ...

    @property
    def output_tokens(self) -> int: ...

    def json(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Whole:
    """A reply that does not stream: one piece."""

    document: Document
    content_type: str = JSON

    @property
    def input_tokens(self) -> int:
        return self.document.input_tokens

    @property
    def output_tokens(self) -> int:
        return self.document.output_tokens

    def events(self) -> Iterator[Event]:
        yield Event(self.document.json())


def sse(document: object, name: str = "") -> bytes:
    """One server-sent event; with `name` under an `event:` line."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    line = f"event: {name}\n" if name else ""
    return line.encode() + b"data: " + text.encode("utf-8", "replace") + b"\n\n"


def pretty(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=2).encode("utf-8", "replace") + b"\n"


def letters(random: Random, count: int) -> str:
    return "".join(random.choices(LETTERS, k=count))


def obfuscation(random: Random) -> str:
    """Padding of a length that says nothing about the token beside it."""
    return letters(random, random.randint(1, 15))


def time_of_a_token(random: Random) -> float:
    return random.uniform(0.6, 1.4)


def headers(random: Random, input_tokens: int, processing_ms: int) -> list[tuple[str, str]]:
    """What OpenAI sends beside the body."""
    return [
        ("openai-organization", "sluice-simulated"),
        ("openai-processing-ms", str(processing_ms)),
        ("openai-version", "2020-10-01"),
        ("x-ratelimit-limit-requests", str(REQUESTS_PER_MINUTE)),
        ("x-ratelimit-limit-tokens", str(TOKENS_PER_MINUTE)),
        ("x-ratelimit-remaining-requests", str(REQUESTS_PER_MINUTE - 1)),
        ("x-ratelimit-remaining-tokens", str(max(0, TOKENS_PER_MINUTE - input_tokens))),
        ("x-ratelimit-reset-requests", "6ms"),
        ("x-ratelimit-reset-tokens", f"{input_tokens * 60_000 // TOKENS_PER_MINUTE}ms"),
        ("x-request-id", f"req_{random.getrandbits(128):032x}"),
        ("x-content-type-options", "nosniff"),
    ]
