"""What a request names of earlier calls."""

import re
from typing import NamedTuple

ID = re.compile(r"[!-~]{1,128}")  # printable ASCII, as all ids of providers are


class Reference(NamedTuple):
    """An id of something a provider has stored: `kind` is "response", "conversation" or "item".

    `param` is the field of the request that names it.
    """

    kind: str
    id: str
    param: str


class Stored(NamedTuple):
    """What a provider keeps of an answer. `is_generated`: it holds nothing but what the model wrote."""

    id: str
    is_generated: bool = False
