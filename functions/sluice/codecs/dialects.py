"""The dialects whose answers are read or made, by the name that an operation has for them.

Those of Bedrock and Anthropic are loaded when a call first needs them: an environment that serves OpenAI alone does
not pay for them at its start.
"""

from collections.abc import Callable, Mapping
from functools import cache

from sluice.codecs import chat, sse_events, typed
from sluice.codecs.chat_tally import ChatTally
from sluice.codecs.dialect import Dialect
from sluice.codecs.typed_tally import ImageTally, TypedTally

RESPONSE_ENDS = frozenset({"response.completed", "response.incomplete"})
SPEECH_ENDS = frozenset({"speech.audio.done"})

CHAT = Dialect(
    tally=ChatTally,
    is_marked=chat.is_marked,
    is_error=chat.is_error,
    is_final=chat.is_final,
    is_end=chat.is_done,
    is_extra=chat.is_usage_alone,
    is_foreign=chat.is_foreign,
    has_content=chat.has_content,
    end=chat.DONE_EVENT,
    error_event=chat.error_event,
    framing=sse_events.SSE,
    encode=sse_events.data,
    terminal=chat.DONE_EVENT,
)
SPEECH = Dialect(
    tally=TypedTally,
    is_marked=typed.marker(SPEECH_ENDS),
    is_error=typed.is_error,
    is_final=chat.is_final,
    is_end=typed.end_judge(SPEECH_ENDS),
    is_extra=typed.is_extra,
    is_foreign=chat.is_done,
    has_content=typed.has_content,
    end=b"",
    error_event=typed.error_event,
    framing=sse_events.SSE,
    encode=sse_events.typed,
)
IMAGE = SPEECH._replace(tally=ImageTally, is_marked=typed.marker(frozenset()), is_end=typed.end_judge(frozenset()))
RESPONSES = SPEECH._replace(
    is_marked=typed.marker(RESPONSE_ENDS | {typed.FAILED}),
    is_final=typed.is_failed,
    is_end=typed.end_judge(RESPONSE_ENDS),
)

DIALECTS = {"chat": CHAT, "responses": RESPONSES, "image": IMAGE, "speech": SPEECH}


def dialect(name: str) -> Dialect:
    """The row of that name."""
    return DIALECTS.get(name) or _later(name)


@cache
def _later(name: str) -> Dialect:
    return LATER[name]()[name]


def _bedrock() -> Mapping[str, Dialect]:
    from sluice.codecs import bedrock_dialects

    return bedrock_dialects.DIALECTS


def _messages() -> Mapping[str, Dialect]:
    from sluice.codecs import messages_dialect

    return messages_dialect.DIALECTS


def _text() -> Mapping[str, Dialect]:
    from sluice.codecs import text_dialect

    return text_dialect.DIALECTS


LATER: dict[str, Callable[[], Mapping[str, Dialect]]] = {
    "converse": _bedrock,
    "invoke": _bedrock,
    "messages": _messages,
    "count": _messages,
    "text": _text,
}
