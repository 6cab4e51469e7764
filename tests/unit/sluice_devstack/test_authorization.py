"""IAM in front of embedded AWS, as one WSGI application in front of another."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from sluice_devstack.authorization import Authorized, Notes

TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/ledger"
BUS = "arn:aws:events:us-east-1:123456789012:event-bus/sluice"
SECRETS = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sluice/*"
GRANTS = [
    ("dynamodb:GetItem", TABLE),
    ("dynamodb:BatchGetItem", TABLE),
    ("dynamodb:Query", f"{TABLE}/index/open"),
    ("dynamodb:UpdateItem", TABLE),
    ("dynamodb:GetRecords", f"{TABLE}/stream/*"),
    ("dynamodb:ListStreams", f"{TABLE}/stream/*"),
    ("events:PutEvents", BUS),
    ("secretsmanager:GetSecretValue", SECRETS),
]
POLICIES = {"ASIAREADER": {"holder": "ReaderRole", "grants": GRANTS}}
GET, QUERY, SECRET = "DynamoDB_20120810.GetItem", "DynamoDB_20120810.Query", "secretsmanager.GetSecretValue"
TRANSACT, STREAMS, EVENTS = "DynamoDB_20120810.TransactWriteItems", "DynamoDBStreams_20120810", "AWSEvents.PutEvents"
OF_SERVICE = {
    "DynamoDB_20120810": "dynamodb",
    STREAMS: "dynamodb",
    "AWSEvents": "events",
    "secretsmanager": "secretsmanager",
}


class Served:
    """Calls that got through, and what was answered."""

    def __init__(self, notes: Path | None = None) -> None:
        self.bodies: list[bytes] = []
        self.status = ""
        self._application = Authorized(self._serve, POLICIES, Notes(notes))

    def call(self, target: str, body: object, key: str = "ASIAREADER") -> dict[str, Any]:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        scope = f"{key}/20261120/us-east-1/{OF_SERVICE[target.partition('.')[0]]}/aws4_request"
        environ = {
            "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
            "HTTP_X_AMZ_TARGET": target,
            "CONTENT_LENGTH": str(len(payload)),
            "wsgi.input": io.BytesIO(payload),
        }
        answer: dict[str, Any] = json.loads(b"".join(self._application(environ, self._start)))
        return answer

    def _serve(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.bodies.append(environ["wsgi.input"].read())
        start_response("200 OK", [])
        return [b"{}"]

    def _start(self, status: str, _headers: Any) -> None:
        self.status = status


@pytest.mark.parametrize(
    ("target", "body"),
    [
        (GET, {"TableName": "ledger"}),
        (GET, {"TableName": TABLE}),
        ("DynamoDB_20120810.BatchGetItem", {"RequestItems": {"ledger": {"Keys": []}}}),
        (QUERY, {"TableName": "ledger", "IndexName": "open"}),
        (TRANSACT, {"TransactItems": [{"Update": {"TableName": "ledger"}}, {"Update": {"TableName": TABLE}}]}),
        ("DynamoDB_20120810.TransactGetItems", {"TransactItems": [{"Get": {"TableName": "ledger"}}]}),
        (f"{STREAMS}.GetRecords", {"ShardIterator": f"{TABLE}/stream/2026-11-20T00:00:00.000|1|AAAA"}),
        (f"{STREAMS}.ListStreams", {"TableName": "ledger"}),
        (EVENTS, {"Entries": [{"EventBusName": BUS}, {"EventBusName": "sluice"}]}),
        (SECRET, {"SecretId": "sluice/openai"}),
        (SECRET, {"SecretId": "arn:aws:secretsmanager:us-east-1:123456789012:secret:sluice/openai"}),
    ],
)
def test_what_is_granted_goes_through_with_its_whole_body(target: str, body: dict[str, Any]) -> None:
    served = Served()

    assert served.call(target, body) == {}
    assert (served.status, served.bodies) == ("200 OK", [json.dumps(body).encode()])


@pytest.mark.parametrize(
    ("target", "body", "what"),
    [
        ("DynamoDB_20120810.PutItem", {"TableName": "ledger"}, f"dynamodb:PutItem on resource: {TABLE} "),
        (
            GET,
            {"TableName": "other"},
            "dynamodb:GetItem on resource: arn:aws:dynamodb:us-east-1:123456789012:table/other ",
        ),
        (GET, {"TableName": "ledger2"}, "table/ledger2 "),
        (QUERY, {"TableName": "ledger"}, f"dynamodb:Query on resource: {TABLE} "),
        (QUERY, {"TableName": "ledger", "IndexName": "bytime"}, "table/ledger/index/bytime "),
        ("DynamoDB_20120810.BatchGetItem", {"RequestItems": {"ledger": {}, "other": {}}}, "table/other "),
        (SECRET, {"SecretId": "other/openai"}, "secret:other/openai-AbCdEf "),
        (
            "DynamoDB_20120810.ListTables",
            {},
            "dynamodb:ListTables on resource: arn:aws:dynamodb:us-east-1:123456789012:* ",
        ),
        (
            TRANSACT,
            {"TransactItems": [{"Update": {"TableName": "ledger"}}, {"ConditionCheck": {"TableName": "ledger"}}]},
            f"dynamodb:ConditionCheckItem on resource: {TABLE} ",
        ),
        (TRANSACT, {"TransactItems": [{"Put": {"TableName": "ledger"}}]}, "dynamodb:PutItem on "),
        (TRANSACT, {"TransactItems": [{"Update": {"TableName": "other"}}]}, "table/other "),
        (f"{STREAMS}.DescribeStream", {"StreamArn": f"{TABLE}/stream/1"}, f"{TABLE}/stream/1 "),
        (f"{STREAMS}.GetRecords", {"ShardIterator": "opaque"}, "dynamodb:GetRecords on "),
        (EVENTS, {"Entries": [{}]}, "event-bus/default "),
        (GET, b"no JSON", "123456789012:* "),
    ],
)
def test_what_is_not_granted_is_refused_as_aws_does(target: str, body: object, what: str) -> None:
    served = Served()

    answer = served.call(target, body)

    assert (served.status, served.bodies) == ("400 Bad Request", [])
    assert answer["__type"].endswith("#AccessDeniedException")
    assert answer["Message"].startswith("User: arn:aws:sts::123456789012:assumed-role/ReaderRole/")
    assert what in answer["Message"]


def test_a_key_that_stands_for_no_policy_is_the_developers_and_may_do_everything(tmp_path: Path) -> None:
    served = Served(tmp_path / "notes")

    served.call("DynamoDB_20120810.DeleteTable", {"TableName": "ledger"}, key="AKIDEVELOPER")

    assert len(served.bodies) == 1
    assert not (tmp_path / "notes").exists()


def test_each_kind_of_call_is_noted_once_granted_or_not(tmp_path: Path) -> None:
    served = Served(tmp_path / "notes")

    for _ in range(2):
        served.call(GET, {"TableName": "ledger", "Key": {"pk": {"S": "never noted"}}})
        served.call("DynamoDB_20120810.PutItem", {"TableName": "ledger"})

    noted = [json.loads(line) for line in (tmp_path / "notes").read_text().splitlines()]
    assert noted == [
        {"holder": "ReaderRole", "action": "dynamodb:GetItem", "resource": TABLE, "granted": True},
        {"holder": "ReaderRole", "action": "dynamodb:PutItem", "resource": TABLE, "granted": False},
    ]
