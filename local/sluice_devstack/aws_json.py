"""One call to an AWS service that speaks JSON over POST, signed; enough to set up a table and secrets on loopback.

botocore would do it too, at the price of loading service descriptions before the stack is ready.
https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
"""

import http.client
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from sluice_client.signature import AccessKey, Scope, WireRequest, signing_headers
from sluice_devstack.intrinsics import REGION

DEVELOPER = AccessKey("AKIDEXAMPLESLUICEDEV", "fake-secret-of-the-local-stack")


@dataclass(frozen=True, slots=True)
class Service:
    """How a service is addressed: signing name, prefix of its targets, media type."""

    name: str
    target: str
    content_type: str


DYNAMODB = Service("dynamodb", "DynamoDB_20120810", "application/x-amz-json-1.0")
DYNAMODB_STREAMS = Service("dynamodb", "DynamoDBStreams_20120810", "application/x-amz-json-1.0")
SECRETS_MANAGER = Service("secretsmanager", "secretsmanager", "application/x-amz-json-1.1")


class AwsError(Exception):
    """The service refused; `code` is its error type without namespace."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


def call(
    url: str,
    service: Service,
    operation: str,
    body: dict[str, Any],
    timeout_seconds: float,
    signs: AccessKey = DEVELOPER,
) -> dict[str, Any]:
    """The answer of `operation`. Raises AwsError when refused, OSError when nobody answers in time."""
    host, payload = urlsplit(url).netloc, json.dumps(body).encode()
    headers = {"host": host, "content-type": service.content_type, "x-amz-target": f"{service.target}.{operation}"}
    wire = WireRequest("POST", "/", "", headers, payload)
    headers |= signing_headers(wire, signs, Scope(datetime.now(UTC), REGION, service.name))
    connection = http.client.HTTPConnection(host, timeout=timeout_seconds)
    try:
        connection.request("POST", "/", payload, headers)
        response = connection.getresponse()
        return _result(response.status, response.read())
    finally:
        connection.close()


def _result(status: int, payload: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(payload or b"{}")
    except ValueError as error:
        raise AwsError("NotJson", f"status {status}") from error
    if status != http.client.OK:
        code = str(answer.get("__type", "Unknown")).rpartition("#")[2]
        raise AwsError(code, str(answer.get("message") or answer.get("Message") or f"status {status}"))
    return dict(answer)
