"""The parts of a chat message, as content blocks of Anthropic's Messages API.

https://platform.claude.com/docs/en/api/messages
"""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from sluice.domain.errors import InvalidImageUrl, InvalidRequest, UnsupportedImage, UnsupportedParameter
from sluice.translation.requests import message_value

Block = dict[str, Any]
Part = Mapping[str, Any]
IMAGES = {
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/png": "image/png",
    "image/gif": "image/gif",
    "image/webp": "image/webp",
}
PDF = "application/pdf"


def blocks(content: Any, param: str) -> list[Block]:
    """The blocks of a content that is a string, a list of parts or null. Blank text, which the API refuses, is none."""
    if content is None:
        return []
    if isinstance(content, str):
        return text_blocks({"text": content}, param)
    parts = message_value.items(content, param)
    return [block for index, part in enumerate(parts) for block in part_blocks(part, f"{param}[{index}]")]


def part_blocks(part: Any, param: str) -> list[Block]:
    of_type = message_value.mapping(part, param)
    kind = message_value.text(of_type.get("type"), f"{param}.type")
    if kind not in BLOCKS:
        message = f"{param} is a {kind!r} part; this model takes {', '.join(BLOCKS)}"
        raise UnsupportedParameter(message, param=f"{param}.type")
    return [cached(block, of_type) for block in BLOCKS[kind](of_type, param)]


def cached(block: Block, part: Part) -> Block:
    """The block with the part's cache_control, which keeps its meaning."""
    given = part.get("cache_control")
    return {**block, "cache_control": dict(given)} if isinstance(given, Mapping) else block


def text_blocks(part: Part, param: str) -> list[Block]:
    written = message_value.text(part.get("text"), f"{param}.text")
    return [{"type": "text", "text": written}] if written.strip() else []


def refusal_blocks(part: Part, param: str) -> list[Block]:
    return text_blocks({"text": message_value.text(part.get("refusal"), f"{param}.refusal")}, param)


def image_blocks(part: Part, param: str) -> list[Block]:
    path = f"{param}.image_url"
    given = part.get("image_url")
    url = given if isinstance(given, str) else message_value.mapping(given, path).get("url")
    return [{"type": "image", "source": image_source(message_value.text(url, f"{path}.url"), f"{path}.url")}]


def image_source(url: str, param: str) -> Block:
    """An https URL goes on as it is: Anthropic fetches it, the gateway does not."""
    if url.startswith("https://"):
        return {"type": "url", "url": url}
    if not url.startswith("data:"):
        raise InvalidImageUrl(f"{param} must be a data: URL or an https URL", param=param)
    media_type, data = encoded(url, param)
    if media_type not in IMAGES:
        known = "image/jpeg, image/png, image/gif or image/webp"
        raise UnsupportedImage(f"{param} must hold {known}", param=param)
    return {"type": "base64", "media_type": IMAGES[media_type], "data": data}


def file_blocks(part: Part, param: str) -> list[Block]:
    file = message_value.mapping(part.get("file"), f"{param}.file")
    if file.get("file_id") is not None:
        message = f"{param}.file.file_id names a file of another provider; send its bytes as file_data"
        raise UnsupportedParameter(message, param=f"{param}.file.file_id")
    path = f"{param}.file.file_data"
    media_type, data = encoded(message_value.text(file.get("file_data"), path), path)
    title = file.get("filename")
    titled = {"title": title} if isinstance(title, str) and title else {}
    return [{"type": "document", "source": document_source(media_type, data, path), **titled}]


def document_source(media_type: str, data: str, param: str) -> Block:
    if media_type == PDF:
        return {"type": "base64", "media_type": PDF, "data": data}
    if media_type.startswith("text/"):
        return {"type": "text", "media_type": "text/plain", "data": written(data, param)}
    raise UnsupportedParameter(f"{param} must hold {PDF} or text/plain", param=param)


def written(data: str, param: str) -> str:
    try:
        return b64decode(data, validate=True).decode()
    except (NotBase64, ValueError) as error:
        raise InvalidRequest(f"{param} must be base64 of UTF-8 text", param=param) from error


def encoded(url: str, param: str) -> tuple[str, str]:
    """Media type and base64 of a data: URL."""
    head, comma, data = url.partition(",")
    kind, *flags = head.removeprefix("data:").split(";")
    if not comma or not head.startswith("data:") or "base64" not in flags:
        raise InvalidRequest(f"{param} must be like data:{PDF};base64,...", param=param)
    return kind.strip().lower(), unquoted(data)


def unquoted(data: str) -> str:
    """Percent-encoded base64 as base64; anything else as it is, for the provider to judge."""
    return unquote_to_bytes(data).decode("utf-8", "replace") if "%" in data else data


BLOCKS: dict[str, Callable[[Part, str], list[Block]]] = {
    "text": text_blocks,
    "image_url": image_blocks,
    "file": file_blocks,
    "refusal": refusal_blocks,
}
