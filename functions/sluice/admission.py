"""What a call may cost, before it is made: the reservation that goes on the ledger first.

The bound holds whatever the model does: a token is at least one byte of the prompt, so its bytes bound it; the
answer is bounded by what the caller named, else by the most the model answers with. The estimate is what such a call
probably costs and is never mixed with the bound.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sluice.domain.call import Call, ChatRequest, Target
from sluice.domain.price import Price, Priced
from sluice.domain.record import Reservation
from sluice.domain.usage import Usage
from sluice.metering import tokens_in
from sluice.pricing import bound, cost

MESSAGE_TOKENS = 16
# 2833 + 5667 a tile, eight tiles: gpt-4o-mini at high detail, the dearest in OpenAI's vision guide.
LINKED_IMAGE_TOKENS = 48_169
LINKED_FILE_TOKENS = 1_050_000  # the largest context window that a file can fill, linked or packed into the body
LEASE_MARGIN_SECONDS = 60
READ_BY_THE_MODEL = ("messages", "tools", "functions", "response_format")


@dataclass(frozen=True, slots=True)
class Admission:
    """Writes reservations. `typical_output_tokens` is the operator's assumption, not a measurement."""

    typical_output_tokens: int
    nonce: Callable[[], str]

    def reservation(self, call: Call, target: Target, priced: Priced, payload_bytes: int) -> Reservation:
        """The reservation of a call whose body for the provider has that many bytes."""
        request, price = call.request, priced.price
        return Reservation(
            request_id=call.request_id,
            nonce=self.nonce(),
            principal=call.principal,
            started_ms=call.started_ms,
            lease=int(call.started_ms / 1000 + call.deadline - call.started) + LEASE_MARGIN_SECONDS,
            surface=call.surface,
            path=call.path,
            route=request.model,
            provider=target.provider,
            model=target.model,
            is_stream=request.is_stream,
            bound=_bound(request, payload_bytes, price),
            estimate=self._estimate(request, payload_bytes, price),
            price_version=priced.version,
            bytes_in=call.bytes_in,
            metadata=call.metadata,
        )

    def _estimate(self, request: ChatRequest, payload_bytes: int, price: Price | None) -> int | None:
        typical = self.typical_output_tokens
        output = min(_output_limit(request, price) or typical, typical) * request.choices
        return cost(Usage(input=tokens_in(payload_bytes), output=output), price, request.service_tier)


def prompt_bytes(request: ChatRequest) -> int:
    """The UTF-8 size of what the model reads: messages, tools and the shape asked for."""
    read = {name: request.body[name] for name in READ_BY_THE_MODEL if name in request.body}
    return len(json.dumps(read, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))


def _bound(request: ChatRequest, payload_bytes: int, price: Price | None) -> int | None:
    output = _output_limit(request, price)
    if price is None or output is None or _has_audio(request):
        return None
    messages = request.body["messages"]
    linked = sum(_linked_tokens(part) for message in messages for part in _parts(message))
    tokens = payload_bytes + MESSAGE_TOKENS * len(messages) + linked
    return bound(tokens, output * request.choices, price, request.service_tier)


def _output_limit(request: ChatRequest, price: Price | None) -> int | None:
    """What the caller named, else the model's own limit; None where neither is known."""
    return request.max_output_tokens or (price.max_output_tokens if price else None)


def _parts(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    content = message.get("content")
    return (part for part in content if isinstance(part, dict)) if isinstance(content, list) else iter(())


def _linked_tokens(part: Mapping[str, Any]) -> int:
    """Tokens of what its bytes in the prompt do not bound: a link, or pages packed into few bytes."""
    if part.get("image_url") is not None:
        return LINKED_IMAGE_TOKENS
    return LINKED_FILE_TOKENS if part.get("file") is not None else 0


def _has_audio(request: ChatRequest) -> bool:
    """Audio has rates of its own, which the price table does not hold: its bound is unknown."""
    parts = (part for message in request.body["messages"] for part in _parts(message))
    return "audio" in (request.body.get("modalities") or ()) or any(part.get("type") == "input_audio" for part in parts)
