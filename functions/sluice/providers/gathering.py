"""Several requests of one call, one after the other, as one answer.

Some embedding models take one text at a time. The answers are read whole, with the tokens that their heads count, and
stand together in one object; a failure says what was used before it.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx

from sluice.domain.errors import UpstreamError, UpstreamProtocol
from sluice.domain.usage import Usage
from sluice.providers.upstream import Upstream

MAX_GATHERED_BYTES = 16 * 1024 * 1024
TOKENS_HEADER = "x-amzn-bedrock-input-token-count"
JSON = "application/json"


class Gathered:
    """The answers of all requests: {"answers": [...], "tokens": [...], "usage": {...}}."""

    def __init__(self, body: bytes, headers: httpx.Headers) -> None:
        self.pieces: Iterator[bytes] = iter((body,))
        self.headers = headers

    status = 200
    content_type = JSON

    @classmethod
    def of(cls, payloads: Sequence[bytes], post: Callable[[bytes], Upstream]) -> "Gathered":
        """Raises UpstreamError, whose `used` tells what the requests before it cost."""
        answers: list[Any] = []
        tokens: list[int | None] = []
        headers, room = httpx.Headers(), MAX_GATHERED_BYTES
        for payload in payloads:
            try:
                answer, headers, size = _read(post(payload))
                answers.append(answer)
                tokens.append(_tokens(headers, answer))
                room = _left(room, size)
            except UpstreamError as error:
                error.used = Usage(input=_sum(tokens)) if answers else None
                raise
        return cls(_object(answers, tokens), headers)

    def over(self) -> None:
        """Every answer has been read to its end."""

    def close(self) -> None:
        """Every connection has been given back."""


def _left(room: int, size: int) -> int:
    """Raises UpstreamProtocol, which is final: every try would be paid for again."""
    if size > room:
        words = (
            f"the embeddings asked for are larger than {MAX_GATHERED_BYTES} bytes together; send fewer texts at once"
        )
        raise UpstreamProtocol(words, headers={"x-should-retry": "false"})
    return room - size


def _read(upstream: Upstream) -> tuple[dict[str, Any], httpx.Headers, int]:
    try:
        body = upstream.read(MAX_GATHERED_BYTES)
        upstream.over()
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    finally:
        upstream.close()
    if not isinstance(value, dict):
        raise UpstreamProtocol("the provider's answer is not a JSON object")
    return value, upstream.headers, len(body)


def _tokens(headers: httpx.Headers, answer: dict[str, Any]) -> int | None:
    text = headers.get(TOKENS_HEADER, "")
    counted = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else answer.get("inputTextTokenCount")
    return counted if isinstance(counted, int) and not isinstance(counted, bool) and counted >= 0 else None


def _sum(tokens: Sequence[int | None]) -> int:
    return sum(one or 0 for one in tokens)


def _object(answers: list[Any], tokens: list[int | None]) -> bytes:
    usage = None if None in tokens else {"prompt_tokens": _sum(tokens), "total_tokens": _sum(tokens)}
    return json.dumps({"answers": answers, "tokens": tokens, "usage": usage}, separators=(",", ":")).encode()
