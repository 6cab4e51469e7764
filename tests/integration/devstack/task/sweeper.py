"""A sweeper for tests of the dev stack: returns what it was told, or fails on demand."""

import os
from typing import Any


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    if event["time"] == "never":
        raise ValueError("told to fail")
    print("sluice.swept", event["time"], flush=True)
    return {"event": event, "arn": context.invoked_function_arn, "table": os.environ["SLUICE_TABLE"]}
