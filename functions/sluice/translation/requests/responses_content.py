"""The parts of a Responses item's content, as those of a chat message.

https://platform.openai.com/docs/api-reference/responses/create (input): the same parts under other names, except that
OpenAI's own files, and what lies behind an address, are not in the request and so have nothing to become.
"""

from collections.abc import Callable
from typing import Any

from sluice.domain.errors import UnsupportedParameter
from sluice.translation.requests.json_values import Value
from sluice.translation.requests.responses_fields import kept

CACHE_CONTROL = "cache_control"
INLINE = "send the content itself as a data URL"


def content(value: Value) -> str | list[dict[str, Any]]:
    """A string as it is, and a list of parts in chat's words."""
    if isinstance(value.raw, str):
        return value.raw
    if not isinstance(value.raw, list):
        value.wrong("a string or a list of parts")
    return [_part(part) for part in value.items()]


def _part(part: Value) -> dict[str, Any]:
    kind = part.field("type")
    if (make := PARTS.get(kind.text())) is None:
        words = f"{kind.path}: this model's API has no such part; want one of {', '.join(PARTS)}"
        raise UnsupportedParameter(words, param=kind.path)
    return make(part) | _cached(part)


def _cached(part: Value) -> dict[str, Any]:
    """The end of a prefix that is worth keeping, which OpenAI and the other families mark alike."""
    if not part.field(CACHE_CONTROL).is_absent:
        return kept(part.raw, CACHE_CONTROL)
    is_marked = not part.field("prompt_cache_breakpoint").is_absent
    return {CACHE_CONTROL: {"type": "ephemeral"}} if is_marked else {}


def _text(part: Value) -> dict[str, Any]:
    return {"type": "text", "text": part.field("text").text()}


def _refusal(part: Value) -> dict[str, Any]:
    return {"type": "refusal", "refusal": part.field("refusal").text()}


def _image(part: Value) -> dict[str, Any]:
    _refuse_stored(part)
    url = part.field("image_url").text()
    return {"type": "image_url", "image_url": {"url": url, **kept(part.raw, "detail")}}


def _file(part: Value) -> dict[str, Any]:
    _refuse_stored(part)
    address = part.field("file_url")
    if not address.is_absent:
        words = f"{address.path}: nothing is fetched for callers; {INLINE} in file_data"
        raise UnsupportedParameter(words, param=address.path)
    return {"type": "file", "file": {"file_data": part.field("file_data").text(), **kept(part.raw, "filename")}}


def _audio(part: Value) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": part.field("input_audio").object()}


def _refuse_stored(part: Value) -> None:
    stored = part.field("file_id")
    if not stored.is_absent:
        words = f"{stored.path}: this model's provider does not hold OpenAI's files; {INLINE}"
        raise UnsupportedParameter(words, param=stored.path)


PARTS: dict[str, Callable[[Value], dict[str, Any]]] = {
    "input_text": _text,
    "output_text": _text,
    "text": _text,
    "refusal": _refusal,
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
}
