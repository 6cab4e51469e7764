"""Images, files and sound of chat.completions as blocks of Converse. Nothing is fetched.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
"""

import base64
import binascii
import re
from typing import Any, NamedTuple

from sluice.domain.errors import InvalidImageUrl, UnsupportedImage, UnsupportedParameter
from sluice.translation.family import Family
from sluice.translation.requests.json_values import Value

S3_URI = re.compile(r"s3://[a-z0-9][.\-a-z0-9]{1,61}[a-z0-9](/.*)?")
MAX_URI_LENGTH = 1024
MAX_HEAD = 1024  # characters of a data URL before its comma
NOT_FETCHED = "images by URL are not fetched; send the image itself, base64"
BLANKS = re.compile(r"\s+")

IMAGE_FORMATS = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
IMAGE_SUFFIXES = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "gif": "gif", "webp": "webp"}
OFFICE = "application/vnd.openxmlformats-officedocument"
DOCUMENT_FORMATS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    f"{OFFICE}.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    f"{OFFICE}.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
DOCUMENT_SUFFIXES = {**{kind: kind for kind in DOCUMENT_FORMATS.values()}, "htm": "html", "markdown": "md"}
AUDIO_FORMATS = (
    *("mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv"),
    *("mka", "x-aac", "m4a", "mpeg", "mpga", "pcm", "webm"),
)


class Data(NamedTuple):
    """What a data URL holds: its media type and its bytes in base64."""

    media_type: str
    base64: str


def image(url: Value, family: Family) -> dict[str, Any]:
    """Raises UnsupportedImage or InvalidImageUrl with the `param` at fault."""
    if not family.takes_images:
        raise UnsupportedImage(f"{family.name} takes no images; send text", param=url.path)
    address = url.text()
    if address.lower().startswith("s3://"):
        return _image_of_s3(url, family)
    data = data_url(address)
    if data is None or not is_base64(data.base64):
        raise InvalidImageUrl(f"{url.path}: {NOT_FETCHED}", param=url.path)
    if data.media_type not in IMAGE_FORMATS:
        raise UnsupportedImage(f"{url.path}: want {', '.join(IMAGE_SUFFIXES)}", param=url.path)
    return {"image": {"format": IMAGE_FORMATS[data.media_type], "source": {"bytes": data.base64}}}


def _image_of_s3(url: Value, family: Family) -> dict[str, Any]:
    address = url.text()
    if not family.takes_s3:
        raise InvalidImageUrl(f"{family.name} reads nothing from S3; send the image itself, base64", param=url.path)
    if not S3_URI.fullmatch(address) or len(address) > MAX_URI_LENGTH:
        raise InvalidImageUrl(f"{url.path}: want s3://bucket/key", param=url.path)
    kind = IMAGE_SUFFIXES.get(_suffix(address))
    if kind is None:
        raise UnsupportedImage(f"{url.path}: want a key that ends in {', '.join(IMAGE_SUFFIXES)}", param=url.path)
    return {"image": {"format": kind, "source": {"s3Location": {"uri": address}}}}


def document(file: Value, name: str, family: Family) -> dict[str, Any]:
    """`name` is what the model reads: never the caller's file name, which could carry a prompt."""
    if not family.takes_documents:
        raise UnsupportedParameter(f"{family.name} takes no files; send text", param=file.path)
    if not file.field("file_id").is_absent:
        path = file.field("file_id").path
        raise UnsupportedParameter("files are not stored here; send file_data", param=path)
    content = file.field("file_data")
    data = data_url(content.text()) or Data("", content.text())
    data = Data(data.media_type, BLANKS.sub("", data.base64))
    kind = DOCUMENT_FORMATS.get(data.media_type) or DOCUMENT_SUFFIXES.get(_suffix(_file_name(file)))
    if kind is None:
        content.wrong(f"one of {', '.join(DOCUMENT_SUFFIXES)}, told by its media type or its name")
    if not is_base64(data.base64):
        content.wrong("base64")
    return {"document": {"format": kind, "name": name, "source": {"bytes": data.base64}}}


def _file_name(file: Value) -> str:
    name = file.field("filename")
    return "" if name.is_absent else name.text()


def audio(sound: Value, family: Family) -> dict[str, Any]:
    if not family.takes_audio:
        raise UnsupportedParameter(f"{family.name} takes no audio; send text", param=sound.path)
    kind = sound.field("format").one_of(AUDIO_FORMATS)
    data = BLANKS.sub("", sound.field("data").text())
    if not is_base64(data):
        sound.field("data").wrong("base64")
    return {"audio": {"format": kind, "source": {"bytes": data}}}


def data_url(address: str) -> Data | None:
    """The parts of a base64 data URL, the media type in small letters; None for any other text."""
    head, _, payload = address.partition(",")
    scheme, _, kind = head[:MAX_HEAD].lower().partition(":")
    if scheme != "data" or not kind.endswith(";base64"):
        return None
    return Data(kind.partition(";")[0].strip(), BLANKS.sub("", payload))


def is_base64(text: str) -> bool:
    """Whether this is base64 of at least one byte."""
    try:
        return bool(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False


def _suffix(name: str) -> str:
    return name.rpartition(".")[2].lower()
