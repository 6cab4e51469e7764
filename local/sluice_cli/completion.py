"""One streamed chat completion as it arrives, in OpenAI's dialect.

https://platform.openai.com/docs/api-reference/chat-streaming. The stream has ended properly when `[DONE]` came; an
event with an `error` is the gateway's last word, and a stream that just stops has broken off.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sluice_cli.event_stream import Event, EventReader, EventTooLarge
from sluice_cli.failure import CommandFailed

DONE = "[DONE]"
SPOKEN = ("content", "refusal")


class Completion:
    """Iterate `texts()` once; what the stream says besides is there when it has ended."""

    def __init__(self, request_id: str, pieces: Iterable[bytes]) -> None:
        self.request_id = request_id
        self.usage: dict[str, Any] | None = None
        self.finish_reason: str | None = None
        self.is_over = False
        self._pieces = pieces

    def texts(self) -> Iterator[str]:
        """The text of each read that brought any, at once. Raises CommandFailed for an answer that did not end well."""
        reader = EventReader()
        for piece in self._pieces:
            text, failure = self._read(reader, piece)
            if text:
                yield text
            if failure:
                raise failure
        if not self.is_over:
            raise CommandFailed("the answer broke off before its end; the call's record says more")

    def _read(self, reader: EventReader, piece: bytes) -> tuple[str, CommandFailed | None]:
        """What one read has said, and the failure that came behind it."""
        said = ""
        try:
            for event in reader.feed(piece):
                said += "" if self.is_over else self._text(event)
        except EventTooLarge as error:
            return said, CommandFailed(f"the answer is no stream of chat completions: {error}")
        except CommandFailed as failure:
            return said, failure
        return said, None

    def _text(self, event: Event) -> str:
        if event.data == DONE:
            self.is_over = True
            return ""
        chunk = _object(event.data)
        if chunk.get("error"):  # some providers send an empty one with every chunk
            raise CommandFailed(f"the answer broke off: {error_line(chunk)}")
        self.usage = chunk["usage"] if isinstance(chunk.get("usage"), dict) else self.usage
        choices = chunk.get("choices")
        return "".join(map(self._said, choices)) if isinstance(choices, list) else ""

    def _said(self, choice: object) -> str:
        """What a choice adds to the answer; nothing where a provider sends something else in its place."""
        if not isinstance(choice, dict) or choice.get("index", 0) != 0:
            return ""
        self.finish_reason = choice.get("finish_reason") or self.finish_reason
        delta = choice.get("delta")
        said = [delta.get(name) for name in SPOKEN] if isinstance(delta, dict) else []
        return "".join(text for text in said if isinstance(text, str))


def code_of(document: dict[str, Any]) -> str:
    """The code, else the type, of an error in OpenAI's shape; empty for any other."""
    error = document.get("error")
    return str(error.get("code") or error.get("type") or "error") if isinstance(error, dict) else ""


def is_ours(document: dict[str, Any]) -> bool:
    """Whether the gateway itself made this error: its own name the call."""
    error = document.get("error")
    return isinstance(error, dict) and "request_id" in error


def error_line(document: dict[str, Any], whose: str = "") -> str:
    """An error in OpenAI's shape or in AWS's as one line: code, whose it is, and message."""
    error = document.get("error")
    if not isinstance(error, dict):
        message = error or document.get("message") or document.get("Message") or "no reason given"
        return one_line(str(message))
    code = f"{code_of(document)} ({whose})" if whose else code_of(document)
    return one_line(f"{code}: {error.get('message') or 'no reason given'}")


def one_line(text: str) -> str:
    return " ".join(text.split())


def _object(data: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CommandFailed(f"the answer is no stream of chat completions: it holds {data[:60]!r}") from error
    return value if isinstance(value, dict) else {}
