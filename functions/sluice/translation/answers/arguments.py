"""A tool call's input as OpenAI's arguments: JSON in a string."""

import json
from typing import Any

from sluice.domain.errors import UpstreamProtocol


def dumped(given: Any) -> str:
    """A tool without input has an empty object. Raises UpstreamProtocol for a number that JSON has no word for."""
    try:
        return json.dumps({} if given is None else given, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise UpstreamProtocol("the provider sent a tool call with a number that is too large") from error
