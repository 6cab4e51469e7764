"""What the runtime has to say: one JSON object per line on stderr."""

import json
import sys
from contextlib import suppress


def report(message: str, **fields: object) -> None:
    """Writes one line; never raises, for it is called where the loop must go on."""
    line = json.dumps({"level": "WARNING", "logger": "streaming_runtime", "message": message, **fields}, default=repr)
    with suppress(OSError, ValueError):
        sys.stderr.write(line + "\n")
