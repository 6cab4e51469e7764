"""Content blocks of Anthropic's Messages, as parts of a chat message.

https://platform.claude.com/docs/en/api/messages and https://platform.openai.com/docs/api-reference/chat/create
"""

from collections.abc import Callable, Mapping
from typing import Any

from sluice.domain.errors import InvalidRequest, UnsupportedParameter
from sluice.translation.requests import message_value

Part = dict[str, Any]
Block = Mapping[str, Any]


def parts(content: Any, param: str) -> list[Part]:
    """The parts that a user's or a tool's content comes to; a string is one text part."""
    if isinstance(content, str):
        return text_part({"text": content}, param) if content else []
    blocks = message_value.items(content, param)
    return [part for index, block in enumerate(blocks) for part in block_parts(block, f"{param}[{index}]")]


def block_parts(block: Any, param: str) -> list[Part]:
    """The parts of one block; its cache_control stays with the last of them."""
    of_type = message_value.mapping(block, param)
    kind = message_value.text(of_type.get("type"), f"{param}.type")
    if kind not in PARTS:
        known = ", ".join(PARTS)
        raise UnsupportedParameter(f"{param} is a {kind!r} block; this model takes {known}", param=f"{param}.type")
    found = PARTS[kind](of_type, param)
    if found and isinstance(of_type.get("cache_control"), Mapping):
        found[-1]["cache_control"] = dict(of_type["cache_control"])
    return found


def text_part(block: Block, param: str) -> list[Part]:
    return [{"type": "text", "text": message_value.text(block.get("text"), f"{param}.text")}]


def image_part(block: Block, param: str) -> list[Part]:
    return [{"type": "image_url", "image_url": {"url": image_url(source(block, param), f"{param}.source")}}]


def image_url(of_image: Block, param: str) -> str:
    """A data: URL, or the caller's own URL, which the provider may fetch and the gateway never does."""
    if of_image.get("type") == "base64":
        return data_url(of_image, param)
    if of_image.get("type") == "url":
        return message_value.name(of_image.get("url"), f"{param}.url")
    raise UnsupportedParameter(f"{param}.type must be base64 or url for this model", param=f"{param}.type")


def data_url(of_bytes: Block, param: str) -> str:
    media_type = message_value.name(of_bytes.get("media_type"), f"{param}.media_type")
    return f"data:{media_type};base64,{message_value.name(of_bytes.get('data'), f'{param}.data')}"


def document_parts(block: Block, param: str) -> list[Part]:
    of_document = source(block, param)
    kind = of_document.get("type")
    if not isinstance(kind, str) or kind not in DOCUMENTS:
        known = ", ".join(DOCUMENTS)
        raise UnsupportedParameter(f"{param}.source.type must be one of {known}", param=f"{param}.source.type")
    return DOCUMENTS[kind](block, of_document, f"{param}.source")


def file_parts(block: Block, of_document: Block, param: str) -> list[Part]:
    """What the document is about has no place in a file part, so it goes before it as text."""
    title = block.get("title")
    filename = title if isinstance(title, str) and title else "document.pdf"
    file = {"type": "file", "file": {"filename": filename, "file_data": data_url(of_document, param)}}
    return [*heading(block.get("context")), file]


def written_parts(block: Block, of_document: Block, param: str) -> list[Part]:
    written = message_value.text(of_document.get("data"), f"{param}.data")
    return [*heading(block.get("title"), block.get("context")), {"type": "text", "text": written}]


def nested_parts(block: Block, of_document: Block, param: str) -> list[Part]:
    return [*heading(block.get("title"), block.get("context")), *inner(of_document.get("content"), f"{param}.content")]


def search_result_parts(block: Block, param: str) -> list[Part]:
    return [*heading(block.get("title"), block.get("source")), *inner(block.get("content"), f"{param}.content")]


def inner(content: Any, param: str) -> list[Part]:
    """The content of a block that holds blocks itself, which can only be text and images."""
    for index, block in enumerate(content if isinstance(content, list) else []):
        if isinstance(block, Mapping) and block.get("type") not in ("text", "image"):
            raise InvalidRequest(f"{param}[{index}].type must be text or image", param=f"{param}[{index}].type")
    return parts(content, param)


def heading(*lines: Any) -> list[Part]:
    written = "\n".join(line for line in lines if isinstance(line, str) and line)
    return [{"type": "text", "text": written}] if written else []


def source(block: Block, param: str) -> Block:
    return message_value.mapping(block.get("source"), f"{param}.source")


PARTS: dict[str, Callable[[Block, str], list[Part]]] = {
    "text": text_part,
    "image": image_part,
    "document": document_parts,
    "search_result": search_result_parts,
}
DOCUMENTS: dict[str, Callable[[Block, Block, str], list[Part]]] = {
    "base64": file_parts,
    "text": written_parts,
    "content": nested_parts,
}
