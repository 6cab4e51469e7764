"""Each minute: settles the calls whose process died. Its clock is the scheduled event's `time`, ISO 8601 in UTC.

It runs for ever, so it imports the ledger and one client, no framework: what it says is one line of plain JSON. As an
entry point it reads its variables itself rather than load the gateway's settings.
"""

import json
import os
from dataclasses import asdict
from datetime import datetime
from random import Random
from typing import Any

from sluice.domain.clock import Clock
from sluice.stores import aws
from sluice.stores.sweep import Sweeper
from sluice.stores.wire import Wire

TABLE = os.environ["SLUICE_TABLE"]

session = aws.new_session()
client = aws.dynamodb(session, os.environ.get("AWS_REGION"), Wire(aws.trust(session)), table_name=TABLE)
sweeper = Sweeper(client, TABLE, Clock(), Random(), int(os.environ.get("SLUICE_RETENTION_DAYS", "400")))


def handler(event: dict[str, Any], _context: object) -> dict[str, int]:
    """How many calls were settled, skipped because others had settled them, and failed."""
    swept = asdict(sweeper.sweep(moment(event.get("time"))))
    print(json.dumps({"message": "sluice.sweep", "time": event["time"], **swept}), flush=True)
    return swept


def moment(time: object) -> float:
    """Epoch seconds. A time that is missing or in no zone is refused: a sweep must not guess what has expired."""
    try:
        at = datetime.fromisoformat(time if isinstance(time, str) else "")
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ValueError(f"the event's time is {time!r}; it must be ISO 8601 with a zone, as in 2026-11-20T20:47:00Z")
    return at.timestamp()
