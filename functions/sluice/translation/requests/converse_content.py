"""What a message holds, as blocks of Converse: text, images, files, audio."""

from collections.abc import Callable, Iterator
from typing import Any

from sluice.domain.errors import UnsupportedImage, UnsupportedParameter
from sluice.translation.requests import converse_media
from sluice.translation.requests.converse_cache import points
from sluice.translation.requests.draft import Draft
from sluice.translation.requests.json_values import Value

Block = dict[str, Any]
TEXT_PARTS = ("text",)
SPOKEN_PARTS = {"text": "text", "refusal": "refusal"}  # an assistant's parts, and the field that holds their text


class Content:
    """The contents of one conversation; files are numbered through all of it."""

    __slots__ = ("_documents", "_draft", "_makers")

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._documents = 0
        self._makers: dict[str, Callable[[Value], list[Block]]] = {
            "text": lambda part: text_blocks(part.field("text").text()),
            "image_url": self._image,
            "file": lambda part: [converse_media.document(part.field("file"), self._next_name(), draft.family)],
            "input_audio": lambda part: [converse_media.audio(part.field("input_audio"), draft.family)],
        }

    def of_user(self, message: Value) -> list[Block]:
        """Each part's blocks, and its cache point behind them."""
        return self._cached(message, "messages", lambda part: self._makers[kind(part, self._makers)](part))

    def of_system(self, message: Value) -> list[Block]:
        return self._cached(message, "system", _text_of)

    def of_assistant(self, message: Value) -> list[Block]:
        return self._cached(message, "messages", _spoken)

    def of_result(self, message: Value) -> list[Block]:
        """What a tool answered: its blocks without cache points, which may not stand within a result."""
        return [block for part in parts(message.field("content")) for block in self._result_part(part)]

    def _result_part(self, part: Value) -> list[Block]:
        if kind(part, self._makers) == "image_url" and not self._draft.family.takes_result_images:
            raise UnsupportedImage(
                f"{self._draft.family.name} takes no images of tools; send them as the user's", param=part.path
            )
        if kind(part, self._makers) == "input_audio":
            path = part.field("type").path
            raise UnsupportedParameter(
                f"{path}: a tool's result holds no sound; want text, image_url or file", param=path
            )
        return self._makers[kind(part, self._makers)](part)

    def _cached(self, message: Value, place: str, maker: Callable[[Value], list[Block]]) -> list[Block]:
        found: list[Block] = []
        for part in parts(message.field("content")):
            blocks = maker(part)
            found += blocks + (points(part, place, self._draft) if blocks else [])
        return found + (points(message, place, self._draft) if found and "cachePoint" not in found[-1] else [])

    def _image(self, part: Value) -> list[Block]:
        image = part.field("image_url")
        if image.field("detail").raw not in (None, "auto"):
            self._draft.warn("detail")
        return [converse_media.image(image.field("url"), self._draft.family)]

    def _next_name(self) -> str:
        self._documents += 1
        return f"document-{self._documents}"


def parts(content: Value) -> Iterator[Value]:
    """The parts of a content; a string is one part of text, null none."""
    if content.is_absent:
        return iter(())
    if isinstance(content.raw, str):
        return iter((Value({"type": "text", "text": content.raw}, content.path),))
    if not isinstance(content.raw, list):
        content.wrong("a string or a list of parts")
    return content.items()


def kind(part: Value, known: Any) -> str:
    found = part.field("type")
    return found.one_of(tuple(known))


def text_blocks(text: str) -> list[Block]:
    """Converse refuses text that is empty or blank."""
    return [{"text": text}] if text.strip() else []


def _text_of(part: Value) -> list[Block]:
    kind(part, TEXT_PARTS)
    return text_blocks(part.field("text").text())


def _spoken(part: Value) -> list[Block]:
    return text_blocks(part.field(SPOKEN_PARTS[kind(part, SPOKEN_PARTS)]).text())
