"""A request for images as OpenAI's GPT image models read it.

https://platform.openai.com/docs/api-reference/images/create
"""

import math
import re
from dataclasses import dataclass

from sluice_devstack.simulated import tokens
from sluice_devstack.simulated.refusal import Refusal, invalid, unsupported_here
from sluice_devstack.simulated.rules import (
    Body,
    Rule,
    at_least,
    at_most,
    has_model,
    known,
    one_of,
    required,
    typed,
    when,
)

SQUARE = "1024x1024"
SIZE = re.compile(r"(\d{2,4})x(\d{2,4})")
MAX_EDGE = 3840
MAX_PROMPT = 32_000
TOKENS_PER_PARTIAL_IMAGE = 100
USUAL_QUALITY = "medium"
IMAGE_TOKENS = {  # https://platform.openai.com/docs/guides/image-generation#cost-and-latency
    "low": {SQUARE: 272, "1024x1536": 408, "1536x1024": 400},
    "medium": {SQUARE: 1056, "1024x1536": 1584, "1536x1024": 1568},
    "high": {SQUARE: 4160, "1024x1536": 6240, "1536x1024": 6208},
}
OF_OTHER_FORMATS = ("frame_count", "frame_duration_ms", "svg")
PARAMETERS = (
    *OF_OTHER_FORMATS,
    *(
        "background",
        "complexity",
        "model",
        "moderation",
        "n",
        "output_compression",
        "output_format",
        "partial_images",
        "prompt",
    ),
    *("quality", "safety_identifier", "size", "stream", "user"),
)


@dataclass(frozen=True, slots=True)
class ImageRequest:
    body: Body

    @property
    def prompt(self) -> str:
        return str(self.body["prompt"])

    @property
    def images(self) -> int:
        return int(self.body.get("n") or 1)

    @property
    def partial_images(self) -> int:
        return int(self.body.get("partial_images") or 0)

    @property
    def size(self) -> tuple[int, int]:
        found = SIZE.fullmatch(self.size_name)
        return (int(found[1]), int(found[2])) if found else (1024, 1024)

    @property
    def size_name(self) -> str:
        return _said(self.body.get("size"), SQUARE)

    @property
    def quality(self) -> str:
        return _said(self.body.get("quality"), USUAL_QUALITY)

    @property
    def background(self) -> str:
        return _said(self.body.get("background"), "opaque")

    @property
    def input_tokens(self) -> int:
        return tokens.count(self.prompt)

    @property
    def tokens_per_image(self) -> int:
        """By the published table; other sizes by their number of pixels."""
        known_sizes = IMAGE_TOKENS[self.quality]
        width, height = self.size
        by_pixels = math.ceil(known_sizes[SQUARE] * width * height / 1024**2)
        return known_sizes.get(self.size_name, by_pixels) + TOKENS_PER_PARTIAL_IMAGE * self.partial_images


def _said(value: object, default: str) -> str:
    return default if value in (None, "auto") else str(value)


def _size(body: Body) -> Refusal | None:
    size = body.get("size")
    found = SIZE.fullmatch(str(size))
    if size in (None, "auto") or (found and all(16 <= int(edge) <= MAX_EDGE for edge in found.groups())):
        return None
    message = f"Invalid value: '{size}'. Supported values are: '1024x1024', '1024x1536', '1536x1024' and 'auto'."
    return invalid(400, message, "size", "invalid_value")


RULES: tuple[Rule, ...] = (
    has_model,
    known(PARAMETERS),
    required("prompt"),
    typed("prompt", str, "a string"),
    when(
        lambda body: len(body["prompt"]) > MAX_PROMPT,
        invalid(
            400,
            f"Invalid 'prompt': string too long. Expected a string with maximum length {MAX_PROMPT}.",
            "prompt",
            "string_above_max_length",
        ),
    ),
    typed("stream", bool, "a boolean"),
    at_least("n", 1),
    at_most("n", 10),
    at_least("partial_images", 0),
    at_most("partial_images", 3),
    one_of("quality", (*IMAGE_TOKENS, "auto")),
    one_of("background", ("transparent", "opaque", "auto")),
    *(
        when(lambda body, name=name: bool(body.get(name)), unsupported_here("draws PNG only.", name))  # type: ignore[misc]
        for name in OF_OTHER_FORMATS
    ),
    one_of("output_format", ("png", "webp", "jpeg", "gif", "svg")),
    when(
        lambda body: body.get("output_format") not in (None, "png"),
        unsupported_here("draws PNG only; leave 'output_format' out or make it 'png'.", "output_format"),
    ),
    _size,
)
