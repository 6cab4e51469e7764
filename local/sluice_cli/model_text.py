"""The model of a call in a column of some width: what says least goes first, the provider, then where it runs.

The parts of Bedrock's ids: https://docs.aws.amazon.com/bedrock/latest/userguide/models-supported.html
"""

import re
from collections.abc import Iterator

from sluice_cli.table_text import columns_of, cut

# What an id can lose, in this order.
PARTS = (
    re.compile(r"^arn:[^/]*/"),
    re.compile(r"^[a-z-]+\.(?=[a-z0-9]+\.[a-z])"),  # us. eu. global. before a vendor
    re.compile(r"^([a-z0-9]+\.(?=[a-z])|.*/)"),  # the vendor
    re.compile(r"(:\d+\w*)+$"),
    re.compile(r"-\d{8}(-v\d+)?$"),
    re.compile(r"-v\d+$"),
)


def model_text(route: str | None, provider: str, model: str, width: int | None = None) -> str:
    """`smart > openai/gpt-5-mini`, or less in at most `width` columns; the route only if it is another name."""
    target = f"{provider}/{model}"
    asked = None if route in (target, model) else route
    names = [target, *_shorter(model)]
    told = names if asked is None else [*(_after(asked, name) for name in names), *names]
    return told[0] if width is None else next((one for one in told if columns_of(one) <= width), cut(names[-1], width))


def _shorter(model: str) -> Iterator[str]:
    yield model
    for part in PARTS:
        model = part.sub("", model)
        yield model


def _after(route: str, name: str) -> str:
    return name if name == route else f"{route} > {name}"
