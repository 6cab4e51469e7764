"""The clients: the same requests as the SDK's own, made without a network, and ready."""

import ssl
from pathlib import Path
from random import Random
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import NoCredentialsError
from botocore.session import Session
from tests.unit.stores.calls import HandClock, reservation

from sluice.domain.errors import LedgerBusy, Unavailable
from sluice.stores import aws
from sluice.stores.ledger import Ledger
from sluice.stores.wire import Wire

REGIONS = ["us-east-1", "eu-central-1", "ap-southeast-5", "us-gov-west-1", "cn-north-1", "a-new-region-9"]
SERVICES = {"dynamodb": "list_tables", "secretsmanager": "list_secrets"}
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def tls() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.fixture(scope="module")
def plain_session() -> Session:
    return with_credentials(Session())


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment with no credentials anywhere."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))


def with_credentials(session: Session) -> Session:
    session.set_credentials("AKIDEXAMPLE", "fake-secret-access-key", "fake-token")
    return session


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("service", SERVICES)
def test_the_lean_models_lead_where_the_full_ones_do(service: str, region: str, plain_session: Session) -> None:
    lean = with_credentials(aws.new_session()).create_client(service, region_name=region, config=aws.CONFIG)
    full = plain_session.create_client(service, region_name=region, config=aws.CONFIG)

    assert request_of(lean, SERVICES[service]) == request_of(full, SERVICES[service])
    assert region in request_of(lean, SERVICES[service])[0]


@pytest.mark.parametrize("name", ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"])
@pytest.mark.parametrize("service", SERVICES)
def test_endpoint_variants_are_kept(service: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "true")
    lean = with_credentials(aws.new_session()).create_client(service, region_name="us-east-1", config=aws.CONFIG)
    full = with_credentials(Session()).create_client(service, region_name="us-east-1", config=aws.CONFIG)

    assert request_of(lean, SERVICES[service]) == request_of(full, SERVICES[service])


def test_an_endpoint_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", NOWHERE)

    client = with_credentials(aws.new_session()).create_client("dynamodb", region_name="us-east-1", config=aws.CONFIG)

    assert client.meta.endpoint_url == NOWHERE


def test_clients_are_made_warm_without_a_network(monkeypatch: pytest.MonkeyPatch, tls: ssl.SSLContext) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "fake-secret-access-key")
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOWHERE)  # where nobody listens: any request would raise

    made = aws.clients("us-east-1", tls)

    assert type(made.dynamodb).__name__ == "DynamoDB"
    assert type(made.secretsmanager).__name__ == "SecretsManager"


@pytest.mark.usefixtures("nobody")
def test_without_credentials_the_clients_are_made_and_the_first_call_fails_closed(tls: ssl.SSLContext) -> None:
    client = aws.dynamodb(aws.new_session(), "us-east-1", Wire(tls), NOWHERE)

    with pytest.raises(Unavailable) as caught:
        Ledger(client, "ledger", HandClock().clock, Random(1)).reserve(reservation())

    assert not isinstance(caught.value, LedgerBusy)
    assert isinstance(caught.value.__cause__, NoCredentialsError)


def test_instance_metadata_is_never_asked() -> None:
    resolver: Any = aws.new_session().get_component("credential_provider")

    assert "env" in [provider.METHOD for provider in resolver.providers]
    assert "iam-role" not in [provider.METHOD for provider in resolver.providers]


def test_a_warmed_client_answers_from_its_wire() -> None:
    session = with_credentials(aws.new_session())
    client: Any = session.create_client("dynamodb", region_name="us-east-1", config=aws.CONFIG)
    aws.warm(client, lambda: client.get_item(TableName="warm", Key={}))
    sent: list[AWSPreparedRequest] = []

    def wire(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        sent.append(request)
        return aws.canned(request)

    aws.attach(client, wire)
    client.get_item(TableName="ledger", Key={})

    assert [b'"TableName": "ledger"' in (request.body or b"") for request in sent] == [True]


def test_the_sdk_retries_nothing() -> None:
    session = with_credentials(aws.new_session())
    client: Any = session.create_client("dynamodb", region_name="us-east-1", config=aws.CONFIG)
    sent: list[AWSPreparedRequest] = []

    def failing(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        sent.append(request)
        answer = aws.canned(request)
        answer.status_code = 500
        return answer

    aws.attach(client, failing)
    with pytest.raises(LedgerBusy):
        Ledger(client, "ledger", HandClock().clock, LongPauses()).reserve(reservation())

    assert len(sent) == 1


class LongPauses(Random):
    def uniform(self, a: float, b: float) -> float:
        return 60.0


def request_of(client: Any, operation: str) -> tuple[str, str, str]:
    """Where a request goes, what for, and the scope it is signed for."""
    seen: list[AWSPreparedRequest] = []

    def capture(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        seen.append(request)
        return aws.canned(request)

    aws.attach(client, capture)
    getattr(client, operation)()
    headers: Any = seen[0].headers
    scope = str(headers["Authorization"]).partition("Credential=AKIDEXAMPLE/")[2].partition(",")[0]
    return seen[0].url, str(headers["X-Amz-Target"]), scope.partition("/")[2]
