"""Whether the ledger's table is what template.yaml says, can be read, and is swept.

What is expected comes from the template itself. A description that AWS denies is not checked; the records' permission
is one that `sluice logs` needs, so without it there is a problem.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from sluice_cli import aws
from sluice_cli.checks.finding import Finding, not_checked, ok, problem
from sluice_cli.failure import CommandFailed
from sluice_cli.ledger import LOOKBACK_DAYS, Ledger
from sluice_devstack.template import TableSettings

DEPLOY = "deploy the stack again (`sam deploy`)"
NOT_THERE = "ResourceNotFoundException"
UNKNOWN = ("UnknownOperationException", "UnknownOperation")
DENIED = "AccessDeniedException"
SWEPT_SECONDS = 300  # the sweeper comes each minute; an environment's death may fall between two visits

Description = Mapping[str, Any]


def table_findings(client: Any, name: str, expected: TableSettings) -> Iterator[Finding]:
    try:
        found = client.describe_table(TableName=name)["Table"]
    except NoCredentialsError:
        raise  # nothing can be asked, which says nothing of the table
    except (ClientError, BotoCoreError) as error:
        yield _untold("table", error, name, "dynamodb:DescribeTable")
        return
    if found["TableStatus"] != "ACTIVE":
        yield problem("table", f"{name} is {found['TableStatus']}", "wait until it is ACTIVE, then look again")
        return
    yield ok("table", f"{name} is active")
    yield _keys(found, expected)
    yield _indexes(found, expected)
    yield _stream(found, expected)
    yield _ttl(client, name, expected)
    yield _recovery(client, name, expected)


def record_findings(ledger: Ledger, now: Callable[[], float] = time.time) -> Iterator[Finding]:
    """Whether records can be read, and reservations of dead calls are settled."""
    try:
        newest = ledger.newest(1)
        overdue = ledger.overdue(int(now()) - SWEPT_SECONDS)
    except CommandFailed as failure:
        remedy = "attach the policy of the stack's output ReaderPolicyArn to whoever reads the ledger"
        yield problem("records", str(failure), remedy if DENIED in str(failure) else "")
        return
    last = f"the newest call began {newest[0]['started_at']}" if newest else f"no call in {LOOKBACK_DAYS} days"
    yield ok("records", last)
    if overdue:
        what = f"{overdue} reserved calls are past their lease and not settled"
        yield problem("sweeper", what, "see the log group of the sweeper, /aws/lambda/<stack>-sweeper")
    else:
        yield ok("sweeper", "no reservation is overdue")


def _keys(found: Description, expected: TableSettings) -> Finding:
    wanted = _key_schema(expected.create)
    if _key_schema(found) != wanted:
        what = f"the keys are {_shown(_key_schema(found))}, not {_shown(wanted)}"
        return problem("table keys", what, "this is no table of Sluice's; name the one of the output TableName")
    return ok("table keys", _shown(wanted))


def _indexes(found: Description, expected: TableSettings) -> Finding:
    there = {index["IndexName"]: index for index in found.get("GlobalSecondaryIndexes", [])}
    for wanted in expected.create.get("GlobalSecondaryIndexes", []):
        name = wanted["IndexName"]
        if name not in there:
            return problem("table indexes", f"the index {name} is missing", DEPLOY)
        if _key_schema(there[name]) != _key_schema(wanted):
            return problem("table indexes", f"the index {name} has other keys than template.yaml", DEPLOY)
        if there[name]["Projection"]["ProjectionType"] != wanted["Projection"]["ProjectionType"]:
            return problem("table indexes", f"the index {name} holds other attributes than template.yaml says", DEPLOY)
        if there[name].get("IndexStatus", "ACTIVE") != "ACTIVE":
            return problem(
                "table indexes", f"the index {name} is {there[name]['IndexStatus']}", "wait until it is ACTIVE"
            )
    return ok("table indexes", ", ".join(sorted(there)))


def _stream(found: Description, expected: TableSettings) -> Finding:
    wanted = expected.create.get("StreamSpecification", {}).get("StreamViewType")
    stream = found.get("StreamSpecification") or {}
    there = stream.get("StreamViewType") if stream.get("StreamEnabled") else None
    if there != wanted:
        return problem("table stream", f"the stream is {there or 'off'}, not {wanted or 'off'}", DEPLOY)
    return ok("table stream", str(there or "off"))


def _ttl(client: Any, name: str, expected: TableSettings) -> Finding:
    try:
        found = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    except (ClientError, BotoCoreError) as error:
        return _untold("table expiry", error, name, "dynamodb:DescribeTimeToLive")
    is_on = found.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    attribute = found.get("AttributeName") if is_on else None
    if attribute != expected.ttl_attribute:
        what = f"records expire by {attribute or 'nothing'}, not by {expected.ttl_attribute}"
        return problem("table expiry", what, DEPLOY)
    return ok("table expiry", f"by {attribute}")


def _recovery(client: Any, name: str, expected: TableSettings) -> Finding:
    check = "table recovery"
    try:
        found = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    except (ClientError, BotoCoreError) as error:
        return _untold(check, error, name, "dynamodb:DescribeContinuousBackups")
    status = found.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus", "DISABLED")
    if expected.point_in_time_recovery and status != "ENABLED":
        return problem(check, "point-in-time recovery is off: a deleted or damaged table would be lost", DEPLOY)
    return ok(check, f"point in time, {status.lower()}")


def _untold(check: str, error: Exception, name: str, action: str) -> Finding:
    """Why a description was not given."""
    if not isinstance(error, ClientError):
        return problem(
            check, f"DynamoDB cannot be reached ({error})", "is this the table's region, is the stack running?"
        )
    code = aws.code_of(error)
    if code == NOT_THERE:
        remedy = "its name is the stack's output TableName, and the region must be its own"
        return problem(check, f"there is no table {name!r}", remedy)
    if code == DENIED:
        return not_checked(check, f"it takes the permission {action}")
    if code in UNKNOWN:
        return not_checked(check, "this DynamoDB does not know the question")
    return problem(check, aws.reason(error))


def _key_schema(described: Description) -> dict[str, str]:
    return {key["AttributeName"]: key["KeyType"] for key in described["KeySchema"]}


def _shown(keys: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in keys.items())
