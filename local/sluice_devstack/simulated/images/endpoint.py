"""Image generation: whole, or arriving line by line in partial images.

https://platform.openai.com/docs/api-reference/images-streaming. The events' fields are the SDK's types; no recording of
such a stream was found.
"""

from base64 import b64encode
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sluice_devstack.simulated.catalogue import Kind, Model
from sluice_devstack.simulated.endpoint import ERROR, Failure, Shape
from sluice_devstack.simulated.images.picture import png
from sluice_devstack.simulated.images.request import RULES, ImageRequest
from sluice_devstack.simulated.reply import EVENT_STREAM, Event, Reply, Whole, pretty, sse
from sluice_devstack.simulated.rules import Body, Rule

TOKENS_OF_TIME = 32.0  # between two images of a stream; the tokens that are billed would take minutes
COMPLETED = "image_generation.completed"
PARTIAL = "image_generation.partial_image"


@dataclass(frozen=True, slots=True)
class ImagesReply:
    """The pictures of one request."""

    request: ImageRequest
    created: int

    @property
    def input_tokens(self) -> int:
        return self.request.input_tokens

    @property
    def output_tokens(self) -> int:
        return self.request.tokens_per_image * self.request.images

    @property
    def content_type(self) -> str:
        return EVENT_STREAM

    @property
    def usage(self) -> dict[str, Any]:
        return {
            "input_tokens": self.input_tokens,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": self.input_tokens},
            "output_tokens": self.output_tokens,
            "total_tokens": self.input_tokens + self.output_tokens,
        }

    def events(self) -> Iterator[Event]:
        steps = self.request.partial_images + 1
        for number in range(steps - 1):
            fields = {**self._fields((number + 1) / steps), "partial_image_index": number}
            yield Event(sse({"type": PARTIAL, **fields}, PARTIAL), TOKENS_OF_TIME)
        for number in range(self.request.images):
            fields = {**self._fields(1.0, number), "usage": self.usage}
            yield Event(sse({"type": COMPLETED, **fields}, COMPLETED), TOKENS_OF_TIME)

    def json(self) -> bytes:
        data = [{"b64_json": self._picture(1.0, number)} for number in range(self.request.images)]
        return pretty({"created": self.created, **self._settings(), "data": data, "usage": self.usage})

    def _fields(self, painted: float, number: int = 0) -> dict[str, Any]:
        return {"b64_json": self._picture(painted, number), "created_at": self.created, **self._settings()}

    def _settings(self) -> dict[str, str]:
        return {
            "background": self.request.background,
            "output_format": "png",
            "quality": self.request.quality,
            "size": self.request.size_name,
        }

    def _picture(self, painted: float, number: int) -> str:
        return b64encode(png(f"{self.request.prompt}{number}", *self.request.size, painted)).decode("ascii")


SHAPE = Shape(
    healthy=1,
    path=("b64_json",),
    last=lambda event: event.startswith(b"event: " + COMPLETED.encode()),
    failing={Failure.ON_THE_WIRE: lambda _events: [sse({"type": "error", "error": ERROR}, "error")]},
)


class ImageGenerations:
    """`POST /v1/images/generations`."""

    kind = Kind.IMAGES
    rules: Collection[Rule] = RULES

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def is_stream(self, body: Body) -> bool:
        return body.get("stream") is True

    def shape(self, _body: Body) -> Shape:
        return SHAPE

    def reply(self, body: Body, model: Model | None) -> Reply:
        """`ok` has two partial images in a stream, so that there is something to break off."""
        spoiled = {"partial_images": 2} if model is None and self.is_stream(body) else {}
        answer = ImagesReply(ImageRequest({**body, **spoiled}), int(self._now()))
        return answer if self.is_stream(body) else Whole(answer)
