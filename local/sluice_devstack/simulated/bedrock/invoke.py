"""InvokeModel: each family's own body, what is asked in it, and what was said in that family's own words.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html: the last chunk
holds what the call took, unless a guardrail blocked it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from sluice_devstack.simulated.bedrock import chat_family, claude, converse, converse_request
from sluice_devstack.simulated.bedrock.exceptions import invalid
from sluice_devstack.simulated.bedrock.frames import Message, chunk
from sluice_devstack.simulated.bedrock.model_id import Family, ModelId
from sluice_devstack.simulated.bedrock.question import Question
from sluice_devstack.simulated.bedrock.said import Said
from sluice_devstack.simulated.bedrock.text_families import TEXT_FAMILIES, TextFamily
from sluice_devstack.simulated.reply import time_of_a_token

Body = dict[str, Any]
Fields = dict[str, Any]
METRICS, ACTION, TRACE = (f"amazon-bedrock-{name}" for name in ("invocationMetrics", "guardrailAction", "trace"))
NONSENSE = (LookupError, TypeError, AttributeError, ValueError)


@dataclass(frozen=True, slots=True)
class Wire:
    """One family's bodies, asked and answered."""

    question: Callable[[Body, ModelId], Question]
    whole: Callable[[Said, ModelId, Random], Fields]
    events: Callable[[Said, ModelId, Random], Iterator[Fields]]


def wire(model: ModelId, body: Mapping[str, Any]) -> Wire:
    """Claude's first models take both the Messages API's body and a prompt."""
    is_messages = model.family is Family.CLAUDE_TEXT and "messages" in body
    return WIRES[Family.CLAUDE if is_messages else model.family]


def asked(body: Body, model: ModelId) -> Question:
    """Raises Refused for a body that the family does not take."""
    try:
        return wire(model, body).question(body, model)
    except NONSENSE as error:
        message = f"Malformed input request: {error}, please reformat your input and try again."
        raise invalid(message) from error


def document(said: Said, model: ModelId, one: Wire, random: Random, is_guarded: bool) -> Fields:
    return {**one.whole(said, model, random), **(_guarded(said) if is_guarded else {})}


def messages(said: Said, model: ModelId, one: Wire, random: Random, is_guarded: bool) -> Iterator[Message]:
    events = list(one.events(said, model, random))
    guarded = _guarded(said) if is_guarded else {}
    for event in events[:-1]:
        yield chunk({**event, **({ACTION: guarded[ACTION]} if guarded else {})}, time_of_a_token(random))
    yield chunk({**events[-1], **guarded, **({} if said.is_blocked else {METRICS: _metrics(said, random)})})


def _metrics(said: Said, random: Random) -> Fields:
    used, latency = said.usage, random.randint(*converse.LATENCY_MS)
    counted = {"inputTokenCount": used.input_tokens, "outputTokenCount": used.output_tokens}
    cache = {"cacheReadInputTokenCount": used.cache_read, "cacheWriteInputTokenCount": used.cache_write}
    return {
        **counted,
        "invocationLatency": latency,
        "firstByteLatency": latency // 4,
        **(cache if said.has_cache else {}),
    }


def _guarded(said: Said) -> Fields:
    action = "INTERVENED" if said.is_blocked else "NONE"
    return {ACTION: action, **({TRACE: said.trace} if said.trace else {})}


def _claude_question(body: Body, model: ModelId) -> Question:
    claude.check(body)
    return claude.question(body, model)


def _nova_question(body: Body, model: ModelId) -> Question:
    if not body.get("messages"):
        raise invalid("Malformed input request: #: required key [messages] not found, please reformat your input.")
    return converse_request.question(body, model)


def _nova_events(said: Said, _model: ModelId, random: Random) -> Iterator[Fields]:
    return ({message.name: message.document} for message in converse.messages(said, random))


def _of_text(family: TextFamily) -> Wire:
    return Wire(
        question=family.question,
        whole=lambda said, _model, _random: family.whole(said),
        events=lambda said, _model, _random: family.events(said),
    )


CHAT = Wire(
    question=chat_family.question,
    whole=lambda said, model, _random: chat_family.document(said, model),
    events=lambda said, model, _random: chat_family.events(said, model),
)
WIRES = {
    Family.CLAUDE: Wire(
        question=_claude_question,
        whole=claude.document,
        events=claude.events,
    ),
    Family.NOVA: Wire(
        question=_nova_question,
        whole=lambda said, _model, random: converse.document(said, random),
        events=_nova_events,
    ),
    Family.OPENAI: CHAT,
    Family.OTHER: CHAT,
    **{name: _of_text(family) for name, family in TEXT_FAMILIES.items()},
}
