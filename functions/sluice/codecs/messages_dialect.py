"""Anthropic's Messages as rows of the table of dialects, and the counting of tokens, which never streams."""

from sluice.codecs import chat, messages, sse_events, typed
from sluice.codecs.count_tally import CountTally
from sluice.codecs.dialect import Dialect
from sluice.codecs.messages_tally import MessagesTally

MESSAGES = Dialect(
    tally=MessagesTally,
    is_marked=messages.is_marked,
    is_error=messages.is_error,
    is_final=messages.is_final,
    is_end=messages.is_end,
    is_extra=typed.is_extra,
    is_foreign=chat.is_done,
    has_content=messages.has_content,
    end=sse_events.typed({"type": "message_stop"}),
    error_event=messages.error_event,
    framing=sse_events.SSE,
    encode=sse_events.typed,
)
DIALECTS = {"messages": MESSAGES, "count": MESSAGES._replace(tally=CountTally)}
