"""What a call may cost, before it is made: the reservation that goes on the ledger first.

The bound holds whatever the model does: a token is at least one byte of the prompt, so its bytes bound it; the
answer is bounded by what the caller named, else by the most the model answers with. The estimate is what such a call
probably costs and is never mixed with the bound.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sluice.domain.call import Call, ModelRequest, Target
from sluice.domain.price import Price, Priced
from sluice.domain.record import Reservation
from sluice.domain.route import Leg
from sluice.domain.usage import Usage
from sluice.metering import tokens_in
from sluice.pricing import bound, cost
from sluice.routing.order import Quote

MESSAGE_TOKENS = 16
# 2833 + 5667 a tile, eight tiles: gpt-4o-mini at high detail, the dearest in OpenAI's vision guide.
LINKED_IMAGE_TOKENS = 48_169
LINKED_FILE_TOKENS = 1_050_000  # the largest context window that a file can fill, linked or packed into the body
LEASE_MARGIN_SECONDS = 60
# What parts of messages are called, or have: OpenAI's, Anthropic's, Bedrock's.
IMAGES = frozenset({"image_url", "input_image", "image"})
FILES = frozenset({"file", "input_file", "document", "video"})
# What the provider adds: searches of OpenAI, xAI and Anthropic; of OpenAI's predictions the tokens it rejects.
UNTOLD = ("web_search_options", "search_parameters", "mcp_servers", "prediction")
# Of InvokeModel and of what Converse passes on: answers and lengths that no limit of ours counts.
MANY = ("num_generations", "numResults")
PASSED_ON = "additionalModelRequestFields"
LENGTHS = ("max_tokens", "max_completion_tokens", "max_tokens_to_sample", "max_gen_len", "max_new_tokens", "n", *MANY)
OWN_TOOLS = frozenset({"function", "custom", "namespace", "apply_patch", "local_shell"})  # the caller runs these


@dataclass(frozen=True, slots=True)
class Admission:
    """Writes reservations. `typical_output_tokens` is the operator's assumption, not a measurement."""

    typical_output_tokens: int
    nonce: Callable[[], str]

    def reservation(
        self, call: Call, target: Target, priced: Priced, payload_bytes: int, context_tokens: int = 0
    ) -> Reservation:
        """The reservation of a call whose body for the provider has that many bytes.

        `context_tokens` are those of the stored answers it builds on, which the provider reads again.
        """
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
            bound=_bound(request, payload_bytes + context_tokens, price),
            estimate=self.estimate(request, payload_bytes, context_tokens, price),
            price_version=priced.version,
            bytes_in=call.bytes_in,
            metadata=call.metadata,
            operation=request.operation.name,
            key_id=call.principal.key.id if call.principal.key else None,
            tokens=sum(self._tokens(request, payload_bytes, context_tokens, price)),
        )

    def bound(self, request: ModelRequest, payload_bytes: int, price: Price | None) -> int | None:
        """The most that a request of so many bytes can cost at that price; None where that is unknown."""
        return _bound(request, payload_bytes, price)

    def estimate(
        self, request: ModelRequest, payload_bytes: int, context_tokens: int, price: Price | None
    ) -> int | None:
        """What such a request probably costs, nano-dollars; None where that is unknown."""
        if not request.operation.is_priced or _is_dearer(request.body):
            return None
        if request.operation.is_free:
            return 0
        prompt, output = self._tokens(request, payload_bytes, context_tokens, price)
        return cost(Usage(input=prompt, output=output), price, request.service_tier)

    def _tokens(
        self, request: ModelRequest, payload_bytes: int, context_tokens: int, price: Price | None
    ) -> tuple[int, int]:
        """Of the prompt and of the answer, as such a request probably has."""
        typical = self.typical_output_tokens if request.operation.has_output_tokens else 0
        output = min(_output_limit(request, price) or typical, typical) * request.generated
        return tokens_in(payload_bytes) + context_tokens, output


def quotes(admission: Admission, prices: Callable[[Target], Priced]) -> Callable[[Leg, ModelRequest], Quote]:
    """What a leg would cost for a request, by the size of its prompt, and whether it is within the model's limits."""

    def quote(leg: Leg, request: ModelRequest) -> Quote:
        price, size = prices(leg.target).price, prompt_bytes(request)
        longest = leg.max_input_tokens or (price.max_input_tokens if price else None)
        most = price.max_output_tokens if price else None
        fits = _within(tokens_in(size), longest) and _within(request.max_output_tokens or 0, most)
        return Quote(admission.estimate(request, size, 0, price), fits)

    return quote


def _within(tokens: int, limit: int | None) -> bool:
    return limit is None or tokens <= limit


def prompt_bytes(request: ModelRequest) -> int:
    """The UTF-8 size of what the model reads: messages, tools and the shape asked for."""
    read = {name: request.body[name] for name in request.operation.read if name in request.body}
    return len(json.dumps(read, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))


def _bound(request: ModelRequest, tokens: int, price: Price | None) -> int | None:
    """`tokens` bounds what is in the body and in what it refers to; what is linked comes on top."""
    if request.operation.is_free:
        return 0
    output = _output_limit(request, price)
    if price is None or output is None or _is_unbounded(request):
        return None
    messages = _messages(request)
    linked = sum(_linked_tokens(part) for message in messages for part in _parts(message))
    tokens += MESSAGE_TOKENS * max(len(messages), 1) + linked
    return bound(tokens, output * request.generated, price, request.service_tier)


def _output_limit(request: ModelRequest, price: Price | None) -> int | None:
    """What the caller named, else the model's own limit; None where neither is known."""
    if not request.operation.has_output_tokens:
        return 0
    return request.max_output_tokens or (price.max_output_tokens if price else None)


def _messages(request: ModelRequest) -> list[Mapping[str, Any]]:
    """The messages of a chat, or the items of a response."""
    found = request.body.get("messages", request.body.get("input"))
    return [message for message in found if isinstance(message, dict)] if isinstance(found, list) else []


def _parts(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What a message consists of, or what a tool gave back."""
    for name in ("content", "output"):
        found = message.get(name)
        for part in found if isinstance(found, list) else [found]:
            if isinstance(part, dict):
                yield part
                result = part.get("toolResult", part)  # what a tool gave back may hold parts in turn
                held = result.get("content") if isinstance(result, dict) else None
                yield from (one for one in held if isinstance(one, dict)) if isinstance(held, list) else ()


def _linked_tokens(part: Mapping[str, Any]) -> int:
    """Tokens of what its bytes in the prompt do not bound: a link, or pages packed into few bytes."""
    kinds = {part.get("type"), *part} if isinstance(part.get("type"), str) else set(part)
    if kinds & IMAGES:
        return LINKED_IMAGE_TOKENS
    return LINKED_FILE_TOKENS if kinds & FILES else 0


def _is_unbounded(request: ModelRequest) -> bool:
    """Sound and images have rates of their own; what the provider adds itself (tools it runs, prompts and conversations
    it stores) has no limit that the request tells."""
    body = request.body
    if not request.operation.is_priced or body.get("conversation") or any(name in body for name in UNTOLD):
        return True
    if _is_dearer(body) or _counts_otherwise(request):
        return True
    return isinstance(body.get("prompt"), dict) or _has_audio(request) or _has_provider_tools(body)


def _is_dearer(body: Mapping[str, Any]) -> bool:
    """Anthropic's fast answers, and those that stay in a country, cost more than the list says."""
    return body.get("speed") == "fast" or body.get("inference_geo") == "us"


def _counts_otherwise(request: ModelRequest) -> bool:
    """Whether a model's own fields may make its answer longer than those that are known say."""
    passed, many = request.body.get(PASSED_ON), MANY if request.operation.has_choices else ("n", *MANY)
    is_longer = isinstance(passed, dict) and any(name in passed for name in LENGTHS)
    return is_longer or any((request.body.get(name) or 1) != 1 for name in many)


def _has_audio(request: ModelRequest) -> bool:
    parts = (part for message in _messages(request) for part in _parts(message))
    modalities = request.body.get("modalities")
    is_asked = isinstance(modalities, list) and "audio" in modalities
    return is_asked or any(part.get("type") == "input_audio" or "audio" in part for part in parts)


def _has_provider_tools(body: Mapping[str, Any]) -> bool:
    config = body.get("toolConfig")  # Converse's
    tools = config.get("tools") if isinstance(config, dict) else body.get("tools")
    found = [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    return any("systemTool" in tool or str(tool.get("type", "function")) not in OWN_TOOLS for tool in found)
