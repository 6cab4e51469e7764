"""Embeddings: `POST /v1/embeddings`. Unit vectors that depend on nothing but the text, nearer the more words it shares.

Strategy: every word adds to a few places that its hash names, and the whole text a little everywhere. Whoever asks for
fewer `dimensions` gets the first ones, brought back to length 1, as
https://platform.openai.com/docs/guides/embeddings says of the text-embedding-3 models.
"""

import math
import struct
from base64 import b64encode
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hashlib import sha256
from random import Random
from typing import Any

from sluice_devstack.simulated import tokens
from sluice_devstack.simulated.catalogue import Kind, Model
from sluice_devstack.simulated.endpoint import Shape
from sluice_devstack.simulated.refusal import Refusal, Refused, invalid
from sluice_devstack.simulated.reply import Whole, pretty
from sluice_devstack.simulated.rules import (
    Body,
    Rule,
    at_least,
    has_model,
    is_a,
    known,
    one_of,
    required,
)

DIMENSIONS = {"text-embedding-3-large": 3072}
USUAL_DIMENSIONS = 1536
FIXED = "text-embedding-ada-002"  # its vectors cannot be shortened
MAX_INPUTS = 2048
MAX_TOKENS = 8192
PARAMETERS = ("dimensions", "encoding_format", "input", "model", "user")
PLACES_PER_WORD = 8
SHARE_OF_THE_WHOLE = 0.25

Input = str | list[int]


def inputs(body: Body) -> list[Input]:
    """The inputs, each a text or tokens; raises ValueError for anything else."""
    given = body["input"]
    listed: list[Any] = given if isinstance(given, list) else [given]
    if given and listed is given and all(is_a(one, int) for one in listed):
        return [listed]
    if not listed or not all(_is_input(one) for one in listed):
        raise ValueError
    return listed


def _is_input(value: Any) -> bool:
    return bool(value) and (
        isinstance(value, str) or (isinstance(value, list) and all(is_a(one, int) for one in value))
    )


def count(one: Input) -> int:
    return tokens.count(one) if isinstance(one, str) else len(one)


def _input(body: Body) -> Refusal | None:
    try:
        given = inputs(body)
    except ValueError:
        return invalid(400, "'$.input' is invalid. Give a text, an array of texts, or arrays of tokens.", "input")
    if len(given) > MAX_INPUTS:
        message = f"Invalid 'input': array too long. Expected at most {MAX_INPUTS} items, but got {len(given)} instead."
        return invalid(400, message, "input", "array_above_max_length")
    most = max(map(count, given))
    if most > MAX_TOKENS:
        return invalid(400, f"This model's maximum context length is {MAX_TOKENS} tokens, but an input has {most}.")
    return None


RULES: tuple[Rule, ...] = (
    has_model,
    known(PARAMETERS),
    required("input"),
    _input,
    one_of("encoding_format", ("float", "base64")),
    at_least("dimensions", 1),
)


def vector(one: Input, dimensions: int, wanted: int) -> list[float]:
    """The first `wanted` of `dimensions`; numbers as a float32 has them, of length 1."""
    words = tokens.pieces(one) if isinstance(one, str) else [f"#{token}" for token in one]
    values = [0.0] * dimensions
    for word in words:
        for place, sign in _places(word.strip().lower(), dimensions):
            values[place] += sign
    scale = SHARE_OF_THE_WHOLE * math.sqrt(PLACES_PER_WORD * len(words) / dimensions)
    everywhere = Random("\0".join(words))
    values = [value + scale * everywhere.gauss(0.0, 1.0) for value in values][:wanted]
    length = math.sqrt(sum(value * value for value in values))
    return list(struct.unpack(f"<{wanted}f", struct.pack(f"<{wanted}f", *(value / length for value in values))))


def _places(word: str, dimensions: int) -> Iterator[tuple[int, float]]:
    digest = sha256(word.encode("utf-8", "replace")).digest()
    for start in range(0, PLACES_PER_WORD * 4, 4):
        number = int.from_bytes(digest[start : start + 4], "big")
        yield (number >> 1) % dimensions, 1.0 if number & 1 else -1.0


@dataclass(frozen=True, slots=True)
class EmbeddingsDocument:
    """The vectors of all inputs, in their order."""

    vectors: tuple[list[float], ...]
    model: str
    input_tokens: int
    is_base64: bool
    output_tokens: int = 0

    def json(self) -> bytes:
        data = [
            {"object": "embedding", "index": number, "embedding": self._written(values)}
            for number, values in enumerate(self.vectors)
        ]
        usage = {"prompt_tokens": self.input_tokens, "total_tokens": self.input_tokens}
        return pretty({"object": "list", "data": data, "model": self.model, "usage": usage})

    def _written(self, values: list[float]) -> list[float] | str:
        packed = struct.pack(f"<{len(values)}f", *values)
        return b64encode(packed).decode("ascii") if self.is_base64 else values


class Embeddings:
    """`POST /v1/embeddings`; never streamed."""

    kind = Kind.EMBEDDINGS
    rules: Collection[Rule] = RULES

    def is_stream(self, _body: Body) -> bool:
        return False

    def shape(self, _body: Body) -> Shape:
        return Shape(healthy=1)

    def reply(self, body: Body, model: Model | None) -> Whole:
        name = model.snapshot if model else body["model"]
        dimensions = DIMENSIONS.get(name, USUAL_DIMENSIONS)
        wanted = self._wanted(body, name, dimensions)
        given = inputs(body)
        document = EmbeddingsDocument(
            vectors=tuple(vector(one, dimensions, wanted) for one in given),
            model=name,
            input_tokens=sum(map(count, given)),
            is_base64=body.get("encoding_format") == "base64",
        )
        return Whole(document)

    def _wanted(self, body: Body, name: str, dimensions: int) -> int:
        wanted = body.get("dimensions")
        if wanted is None:
            return dimensions
        if name == FIXED:
            raise Refused(invalid(400, "This model does not support specifying dimensions.", "dimensions"))
        if wanted > dimensions:
            message = f"Invalid value for 'dimensions' = {wanted}. Must be less than or equal to {dimensions}."
            raise Refused(invalid(400, message, "dimensions"))
        return int(wanted)
