"""Embedded AWS with real boto3 clients over loopback."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from sluice_devstack.aws import EmbeddedAws, EmbeddedAwsError
from sluice_devstack.intrinsics import parse
from sluice_devstack.template import Template

LOCAL = Path(__file__).resolve().parents[2] / "local"
THREADS = 8
CALLS_PER_THREAD = 25
TABLE = """
    Resources:
      LedgerTable:
        Type: AWS::DynamoDB::Table
        Properties:
          TableName: ledger
          BillingMode: PAY_PER_REQUEST
          AttributeDefinitions: [{AttributeName: pk, AttributeType: S}, {AttributeName: opk, AttributeType: S}]
          KeySchema: [{AttributeName: pk, KeyType: HASH}]
          GlobalSecondaryIndexes:
            - IndexName: open
              KeySchema: [{AttributeName: opk, KeyType: HASH}]
              Projection: {ProjectionType: KEYS_ONLY}
          TimeToLiveSpecification: {AttributeName: exp, Enabled: true}
          PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}
          StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
"""
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws(template(), {"sluice/openai": {"api_key": "sk-fake-1"}, "plain": "text"}) as embedded:
        yield embedded


def test_the_table_is_the_one_of_the_template(aws: EmbeddedAws) -> None:
    client = dynamodb(aws)

    table = client.describe_table(TableName="ledger")["Table"]

    assert aws.table == "ledger"
    assert table["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    assert [index["IndexName"] for index in table["GlobalSecondaryIndexes"]] == ["open"]
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    ttl = client.describe_time_to_live(TableName="ledger")["TimeToLiveDescription"]
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "exp")
    backups = client.describe_continuous_backups(TableName="ledger")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def test_conditional_writes_of_eight_threads_lose_no_row_and_no_count(aws: EmbeddedAws) -> None:
    client = dynamodb(aws)

    def write(_thread: int) -> int:
        return sum(claim(client, number) + count(client) for number in range(CALLS_PER_THREAD))

    with ThreadPoolExecutor(THREADS) as pool:
        won = sum(pool.map(write, range(THREADS), timeout=60))

    rows = client.query(
        TableName="ledger",
        IndexName="open",
        KeyConditionExpression="opk = :o",
        ExpressionAttributeValues={":o": {"S": "O#0"}},
    )["Count"]
    total = client.get_item(TableName="ledger", Key={"pk": {"S": "counter"}})["Item"]["used"]["N"]
    assert (won, rows, total) == (CALLS_PER_THREAD, CALLS_PER_THREAD, str(THREADS * CALLS_PER_THREAD))


def test_secrets_are_there_at_the_start_and_can_be_changed(aws: EmbeddedAws) -> None:
    client = secrets_manager(aws)
    first = client.get_secret_value(SecretId="sluice/openai")["SecretString"]

    aws.put_secret("sluice/openai", {"api_key": "sk-fake-2"})
    aws.put_secret("sluice/new", "raw")

    assert json.loads(first) == {"api_key": "sk-fake-1"}
    assert json.loads(client.get_secret_value(SecretId="sluice/openai")["SecretString"]) == {"api_key": "sk-fake-2"}
    assert client.get_secret_value(SecretId="sluice/new")["SecretString"] == "raw"
    assert client.get_secret_value(SecretId="plain")["SecretString"] == "text"


def test_another_engine_gets_the_table_and_moto_the_secrets(aws: EmbeddedAws) -> None:
    other = template(TableName="elsewhere")

    with EmbeddedAws(other, {"only-here": "x"}, store=aws.dynamodb_url) as second:
        names = dynamodb(second).list_tables()["TableNames"]
        secret = secrets_manager(second).get_secret_value(SecretId="only-here")["SecretString"]

    assert second.dynamodb_url == aws.dynamodb_url
    assert sorted(names) == ["elsewhere", "ledger"]
    assert secret == "x"


def test_a_table_that_is_there_already_keeps_its_rows(aws: EmbeddedAws) -> None:
    dynamodb(aws).put_item(TableName="ledger", Item={"pk": {"S": "kept"}})

    with EmbeddedAws(template(), {}, store=aws.dynamodb_url):
        item = dynamodb(aws).get_item(TableName="ledger", Key={"pk": {"S": "kept"}})

    assert item["Item"] == {"pk": {"S": "kept"}}


def test_the_process_dies_with_its_parent() -> None:
    program = """
        import sys
        from sluice_devstack.aws import EmbeddedAws
        from sluice_devstack.intrinsics import parse
        from sluice_devstack.template import Template
        with EmbeddedAws(Template(parse(sys.argv[1])), {}) as aws:
            print(aws.secrets_url, flush=True)
            sys.stdin.read()
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(LOCAL), *sys.path])}
    with subprocess.Popen(
        [sys.executable, "-c", dedent(program), dedent(TABLE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as parent:
        assert parent.stdout is not None
        address = urlsplit(parent.stdout.readline().decode().strip())
        connection = socket.create_connection((address.hostname, address.port), timeout=10)

        os.kill(parent.pid, signal.SIGKILL)

        with connection:
            assert is_over(connection)


def is_over(connection: socket.socket) -> bool:
    """Closed or reset, as its server had come to accept it or not; an orphan would leave it open: a timeout."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_process_that_cannot_start_is_reported_with_its_last_words() -> None:
    aws = EmbeddedAws(template(), {})
    aws.start()
    assert aws.pid is not None
    os.kill(aws.pid, signal.SIGKILL)

    with pytest.raises(EmbeddedAwsError, match=r"embedded AWS is not there \(.*\): it said nothing"):
        aws.wait()
    aws.stop()


def claim(client: Any, number: int) -> int:
    """1 for the one caller that wrote row `number` first."""
    try:
        client.put_item(
            TableName="ledger",
            Item={"pk": {"S": f"R#{number}"}, "opk": {"S": "O#0"}},
            ConditionExpression="attribute_not_exists(pk)",
        )
    except client.exceptions.ConditionalCheckFailedException:
        return 0
    return 1


def count(client: Any) -> int:
    client.update_item(
        TableName="ledger",
        Key={"pk": {"S": "counter"}},
        UpdateExpression="ADD used :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    return 0


def template(**properties: str) -> Template:
    document = parse(dedent(TABLE))
    document["Resources"]["LedgerTable"]["Properties"].update(properties)
    return Template(document)


def dynamodb(aws: EmbeddedAws) -> Any:
    return boto3.client(
        "dynamodb",
        endpoint_url=aws.dynamodb_url,
        region_name="us-east-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="fake",
    )


def secrets_manager(aws: EmbeddedAws) -> Any:
    return boto3.client(
        "secretsmanager",
        endpoint_url=aws.secrets_url,
        region_name="us-east-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="fake",
    )
