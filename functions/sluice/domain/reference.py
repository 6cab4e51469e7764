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
