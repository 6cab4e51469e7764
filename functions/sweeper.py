"""Each minute: settles the calls whose process died. Its clock is the scheduled event's `time`, ISO 8601 in UTC.

It runs for ever, so it imports the ledger and one client, no framework: what it says is one line of plain JSON, and
one more if an alarm is to see it. As an entry point it reads its variables itself rather than load the settings.
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
ALARMING = {"SweepFailed": "failed", "SweepBacklog": "left"}  # metrics, by what a sweep counts

session = aws.new_session()
client = aws.dynamodb(session, os.environ.get("AWS_REGION"), Wire(aws.trust(session)), table_name=TABLE)
sweeper = Sweeper(client, TABLE, Clock(), Random(), int(os.environ.get("SLUICE_RETENTION_DAYS", "400")))


def handler(event: dict[str, Any], _context: object) -> dict[str, int]:
    """How many calls were settled, skipped because others had settled them, failed and were left, and how many entries
    of hot budgets were repaired.
    """
    at = moment(event.get("time"))
    swept = asdict(sweeper.sweep(at))
    print(json.dumps({"message": "sluice.sweep", "time": event["time"], **swept}), flush=True)
    if alarming := metrics(swept):
        print(json.dumps(embedded(alarming, at)), flush=True)
    return swept


def metrics(swept: dict[str, int]) -> dict[str, int]:
    """What is wrong, by the metric's name; empty if nothing is."""
    return {name: swept[key] for name, key in ALARMING.items() if swept[key]}


def embedded(values: dict[str, int], at: float) -> dict[str, Any]:
    """A line that CloudWatch makes metrics of, told apart by the table's name.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    directive = {
        "Namespace": "Sluice",
        "Dimensions": [["table"]],
        "Metrics": [{"Name": name, "Unit": "Count"} for name in values],
    }
    return {"_aws": {"Timestamp": int(at * 1000), "CloudWatchMetrics": [directive]}, "table": TABLE, **values}


def moment(time: object) -> float:
    """Epoch seconds. A time that is missing or in no zone is refused: a sweep must not guess what has expired."""
    try:
        at = datetime.fromisoformat(time if isinstance(time, str) else "")
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ValueError(f"the event's time is {time!r}; it must be ISO 8601 with a zone, as in 2026-11-20T20:47:00Z")
    return at.timestamp()
