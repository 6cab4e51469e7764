"""The parts of a message in a Responses answer: text with its citations, or a refusal.

https://platform.openai.com/docs/api-reference/responses-streaming (response.content_part, response.output_text,
response.refusal).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sluice.translation.answers.json_value import Json, text


class Kind(NamedTuple):
    """The key that holds a part's text, its lists, and which of them each event about the text repeats."""

    key: str
    lists: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()


KINDS = {"output_text": Kind("text", ("annotations", "logprobs"), ("logprobs",)), "refusal": Kind("refusal")}


class Part:
    """One part. `place` says which, in every event's own keys."""

    __slots__ = ("_annotations", "_length", "_place", "_text", "kind")

    def __init__(self, kind: str, place: Json) -> None:
        self.kind = kind
        self._place = place
        self._text: list[str] = []
        self._length = 0
        self._annotations: list[Json] = []

    def value(self) -> Json:
        told: Json = {"type": self.kind} | {name: [] for name in KINDS[self.kind].lists}
        if self._annotations:
            told["annotations"] = list(self._annotations)
        return told | {KINDS[self.kind].key: "".join(self._text)}

    def opened(self) -> Json:
        return {"type": "response.content_part.added", **self._place, "part": self.value()}

    def said(self, piece: str) -> Json:
        self._text.append(piece)
        self._length += len(piece)
        return self._event("delta", delta=piece)

    def cited(self, citation: Json) -> Json:
        """`citation` is chat's url_citation; one that does not say where it belongs stands where it came."""
        places = {name: _place(citation.get(name), self._length) for name in ("start_index", "end_index")}
        words = {name: text(citation.get(name)) for name in ("url", "title")}
        annotation = {"type": "url_citation", **places, **words}
        place = {**self._place, "annotation_index": len(self._annotations)}
        self._annotations.append(annotation)
        return {"type": "response.output_text.annotation.added", **place, "annotation": annotation}

    def closed(self) -> Iterator[Json]:
        yield self._event("done", **{KINDS[self.kind].key: "".join(self._text)})
        yield {"type": "response.content_part.done", **self._place, "part": self.value()}

    def _event(self, name: str, **told: Any) -> Json:
        repeated: Json = {name: [] for name in KINDS[self.kind].repeated}
        return {"type": f"response.{self.kind}.{name}", **self._place, **told, **repeated}


def _place(value: object, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default
