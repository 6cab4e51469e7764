"""AWS_IAM at the function URL (A01): what is let in, and how what is not is refused. Signed by botocore."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.integration.devstack.caller import DEVELOPER, header, signed_headers
from tests.integration.devstack.conftest import OpenFront
from tests.integration.devstack.front import Front
from tests.integration.devstack.puppet import Handed, Puppet, Stage

from sluice_devstack.sigv4 import Identity

pytestmark = pytest.mark.fault("A01")

BODY = b'{"model":"gpt"}'
ROLE = Identity(
    "ASIAEXAMPLETEST",
    "fake-secret-of-a-role",
    "arn:aws:sts::210987654321:assumed-role/Developers/ada",
    account_id="210987654321",
    user_id="AROAEXAMPLETEST:ada",
    session_token="fake-session-token",
)


def refused(front: Front, headers: dict[str, str], body: bytes = BODY, target: str = "/v1") -> tuple[str, str]:
    """The error type and message of the 403."""
    with front.caller() as caller:
        caller.send("POST", target, headers, body)
        head = caller.head()
        document = json.loads(caller.body())
        assert head.status_code == 403, document
        assert header(head, "content-type") == "application/json"
        return header(head, "x-amzn-errortype") or "", " ".join(document.values())


def let_in(front: Front, stage: Stage, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Handed:
    """What the function is handed for a call that has to pass."""
    with front.caller() as caller:
        caller.send(method, target, headers, body)
        puppet: Puppet = stage.enter()
        puppet.ask_next()
        handed = puppet.answer(b"ok")
        assert caller.head().status_code == 200
        return handed


def test_a_signed_call_is_let_in_with_its_identity(front: Front, stage: Stage) -> None:
    headers = signed_headers(front.url + "/v1", method="POST", body=BODY)

    handed = let_in(front, stage, "POST", "/v1", headers, BODY)

    assert handed.event["requestContext"]["authorizer"]["iam"] == {
        "accessKey": DEVELOPER.access_key_id,
        "accountId": "123456789012",
        "callerId": DEVELOPER.user_id,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": "arn:aws:iam::123456789012:user/tester",
        "userId": DEVELOPER.user_id,
    }


def test_an_assumed_role_is_let_in_with_its_session_token(open_front: OpenFront, stage: Stage) -> None:
    front = open_front(identities=(DEVELOPER, ROLE))
    headers = signed_headers(front.url + "/v1", method="POST", body=BODY, identity=ROLE)

    handed = let_in(front, stage, "POST", "/v1", headers, BODY)

    iam = handed.event["requestContext"]["authorizer"]["iam"]
    assert (iam["userArn"], iam["accountId"], iam["userId"]) == (ROLE.user_arn, ROLE.account_id, ROLE.user_id)


@pytest.mark.parametrize("token", [None, "another-token"])
def test_a_role_without_its_session_token_is_refused(open_front: OpenFront, token: str | None) -> None:
    front = open_front(identities=(ROLE,))
    stolen = Identity(ROLE.access_key_id, ROLE.secret_access_key, ROLE.user_arn, session_token=token)

    error_type, _ = refused(front, signed_headers(front.url + "/v1", method="POST", body=BODY, identity=stolen))

    assert error_type == "UnrecognizedClientException"


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer sk-fake-key"}, {"authorization": ""}])
def test_an_unsigned_call_is_forbidden(front: Front, headers: dict[str, str]) -> None:
    error_type, message = refused(front, headers)

    assert error_type == "AccessDeniedException"
    assert message.startswith("Forbidden. For troubleshooting Function URL authorization issues, see: ")


def test_a_refused_call_reaches_no_environment_and_is_told(front: Front) -> None:
    refused(front, {}, target="/v1?secret=query")

    assert (front.environments, front.calls) == ([], [])
    refusal = front.refusals[0]
    assert (refusal.method, refusal.path, refusal.status) == ("POST", "/v1", 403)
    assert refusal.reason.startswith("AccessDeniedException: Forbidden")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"service": "bedrock"}, "correct service: 'lambda'"),
        ({"region": "eu-west-1"}, "valid region, not 'eu-west-1'"),
        ({"at": timedelta(minutes=-6)}, "Signature expired"),
        ({"at": timedelta(minutes=6)}, "Signature not yet current"),
        ({"body": b"another body"}, "does not match"),
        ({"method": "PUT"}, "does not match"),
        ({"url": "/other"}, "does not match"),
        ({"url": "/v1?a=1"}, "does not match"),
        ({"identity": Identity(DEVELOPER.access_key_id, "a-wrong-secret", "")}, "does not match"),
    ],
)
def test_a_wrong_signature_is_refused_and_says_why(front: Front, wrong: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"method": "POST", "body": BODY, **wrong}
    if isinstance(delay := arguments.get("at"), timedelta):
        arguments["at"] = datetime.now(UTC) + delay
    url = front.url + str(arguments.pop("url", "/v1"))

    error_type, text = refused(front, signed_headers(url, **arguments))  # type: ignore[arg-type]

    assert error_type == "InvalidSignatureException"
    assert message in text


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_clock_within_five_minutes_is_let_in(front: Front, stage: Stage, minutes: int) -> None:
    at = datetime.now(UTC) + timedelta(minutes=minutes)

    let_in(front, stage, "POST", "/v1", signed_headers(front.url + "/v1", method="POST", body=BODY, at=at), BODY)


def test_an_unknown_access_key_is_refused(front: Front) -> None:
    unknown = Identity("AKIDEXAMPLEUNKNOWN", "fake", "")

    error_type, _ = refused(front, signed_headers(front.url + "/v1", method="POST", body=BODY, identity=unknown))

    assert error_type == "UnrecognizedClientException"


@pytest.mark.parametrize("declared", ["UNSIGNED-PAYLOAD", hashlib.sha256(b"another").hexdigest()])
def test_a_payload_hash_that_is_not_the_bodys_is_refused(front: Front, declared: str) -> None:
    extra = {"x-amz-content-sha256": declared}
    signed = signed_headers(front.url + "/v1", method="POST", headers=extra, body=BODY)
    added = {**signed_headers(front.url + "/v1", method="POST", body=BODY), **extra}

    assert refused(front, signed)[0] == "InvalidSignatureException"
    assert refused(front, added)[0] == "InvalidSignatureException"


def test_a_payload_hash_that_is_the_bodys_is_let_in(front: Front, stage: Stage) -> None:
    extra = {"x-amz-content-sha256": hashlib.sha256(BODY).hexdigest()}
    headers = signed_headers(front.url + "/v1", method="POST", headers=extra, body=BODY)

    let_in(front, stage, "POST", "/v1", headers, BODY)


def test_a_signed_header_that_was_changed_is_refused_and_an_unsigned_one_is_not(front: Front, stage: Stage) -> None:
    headers = signed_headers(front.url + "/v1", method="POST", headers={"x-signed": "a"}, body=BODY)

    assert refused(front, {**headers, "x-signed": "b"})[0] == "InvalidSignatureException"
    let_in(front, stage, "POST", "/v1", {**headers, "user-agent": "another", "x-late": "c"}, BODY)


@pytest.mark.parametrize("missing", ["Signature=", "SignedHeaders=", "Credential="])
def test_an_incomplete_authorization_is_refused(front: Front, missing: str) -> None:
    headers = signed_headers(front.url + "/v1", method="POST", body=BODY)
    headers["Authorization"] = headers["Authorization"].replace(missing, "Else=")

    assert refused(front, headers)[0] == "IncompleteSignatureException"


def test_a_signature_without_its_date_is_refused(front: Front) -> None:
    headers = signed_headers(front.url + "/v1", method="POST", body=BODY)
    del headers["X-Amz-Date"]

    assert refused(front, headers)[0] == "IncompleteSignatureException"


@pytest.mark.parametrize(
    "target",
    [
        "/model/anthropic.claude-v1:0/converse",
        "/model/anthropic.claude-v1%3A0/converse",
        "/with%20space/%C3%A9/(brackets)!'*~",
        "//v1/../admin",
        "/a;b=c",
        "/?b=2&a=1&a=0&empty=&bare",
        "/?path=%2Fa%2Fb&space=a%20b&plus=a%2Bb&colon=a:b",
        "/?bytes=%FF%FE",
    ],
)
@pytest.mark.fault("R11")
def test_a_path_or_query_arrives_as_it_was_sent(front: Front, stage: Stage, target: str) -> None:
    path, _, query = target.partition("?")

    handed = let_in(front, stage, "GET", target, botocore_signed(front.url, path, query))

    assert (handed.event["rawPath"], handed.event["rawQueryString"]) == (path, query)


def botocore_signed(url: str, path: str, query: str) -> dict[str, str]:
    """Headers as sluice_client, which signs the query's decoded bytes, writes them."""
    from sluice_client.signature import AccessKey, Scope, WireRequest, signing_headers

    host = url.removeprefix("http://")
    scope = Scope(datetime.now(UTC), "us-east-1", "lambda")
    key = AccessKey(DEVELOPER.access_key_id, DEVELOPER.secret_access_key)
    return signing_headers(WireRequest("GET", path, query, {"host": host}, b""), key, scope)


def test_a_url_of_type_none_asks_for_no_signature(open_front: OpenFront, stage: Stage) -> None:
    front = open_front(auth_type="NONE")

    handed = let_in(front, stage, "GET", "/", {})

    assert "authorizer" not in handed.event["requestContext"]
    assert handed.event["requestContext"]["accountId"] == "anonymous"
