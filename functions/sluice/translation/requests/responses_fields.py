"""The fields of an object of a Responses request."""

from collections.abc import Mapping
from typing import Any


def kept(owner: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Those of the fields that are there; the API takes null as absent."""
    return {name: owner[name] for name in names if owner.get(name) is not None}
