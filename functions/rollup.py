"""The table's stream: adds up each call that has ended in the totals of its day, exactly once, and tells EventBridge.

It runs for ever beside the gateway, so it imports the ledger's parts and one or two clients, no framework: what it says
is one line of plain JSON per batch. As an entry point it reads its variables itself rather than load the gateway's
settings. A batch that fails is raised: Lambda delivers it again, whole or in halves, and nothing is counted twice.
"""

import json
import os
import time
from dataclasses import asdict
from random import Random
from typing import Any

from sluice.domain.clock import Clock
from sluice.stores import aws
from sluice.stores.bus import Bus
from sluice.stores.consumer import Consumer
from sluice.stores.rollup import Rollup
from sluice.stores.wire import Wire

TABLE = os.environ["SLUICE_TABLE"]
EVENT_BUS = os.environ.get("SLUICE_EVENT_BUS", "")
TELLS_USAGE = os.environ.get("SLUICE_EVENTS", "") == "usage"
REGION = os.environ.get("AWS_REGION")
METRIC = "RollupCorrupt"
READ_SECONDS = 5.0  # a transaction of a hundred items takes longer than one item

session = aws.new_session()
tls = aws.trust(session)


def bus() -> Bus:
    client: Any = session.create_client("events", region_name=REGION, config=aws.CONFIG)
    aws.attach(client, Wire(tls, read_seconds=READ_SECONDS))
    return Bus(client, EVENT_BUS, Clock(), Random())


table: Any = aws.dynamodb(session, REGION, Wire(tls, read_seconds=READ_SECONDS), table_name=TABLE)
rollup = Rollup(table, TABLE, Clock(), Random())
consumer = Consumer(rollup, TABLE, bus() if EVENT_BUS else None, TELLS_USAGE)


def handler(event: dict[str, Any], _context: object) -> dict[str, int]:
    """How many records there were, and how many of them cannot be counted; the log says what became of the others.

    Raises for a batch that has to be delivered again.
    """
    taken = asdict(consumer.take(event["Records"]))
    print(json.dumps({"message": "sluice.rollup", **taken}), flush=True)
    if taken["corrupt"]:
        print(json.dumps(metric(taken["corrupt"], time.time())), flush=True)
    return {name: taken[name] for name in ("records", "corrupt")}


def metric(corrupt: int, now: float) -> dict[str, Any]:
    """Records that could not be counted, as CloudWatch reads it from a log: in embedded metric format.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    definition = {"Namespace": "Sluice", "Dimensions": [["table", "service"]], "Metrics": [{"Name": METRIC}]}
    about = {"Timestamp": int(now * 1000), "CloudWatchMetrics": [definition]}
    return {"_aws": about, "table": TABLE, "service": "sluice", METRIC: corrupt}
