"""The connection under the ledger's client: kept open, replaced when it died, and trusting nobody it should not."""

import json
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ConnectionError as AwsConnectionError
from botocore.exceptions import EndpointConnectionError, HTTPClientError, ReadTimeoutError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from tests.faults.dynamodb_proxy import read_request

from sluice.stores import aws
from sluice.stores.wire import Wire

ITEM = {"Item": {"pk": {"S": "R#1"}}}
JOIN_SECONDS = 10.0
pytestmark = pytest.mark.timeout(60)


class Server:
    """Accepts one connection after the other and lets `answer` deal with each request; False from it hangs up."""

    def __init__(self, answer: Callable[[socket.socket, int], bool], context: ssl.SSLContext | None = None) -> None:
        self._answer = answer
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.connections = 0
        self.requests: list[bytes] = []
        self.errors: list[str] = []

    @property
    def url(self) -> str:
        return f"http{'s' if self._context else ''}://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "Server":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(JOIN_SECONDS)
        self._listener.close()

    def _run(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                with self._context.wrap_socket(accepted, server_side=True) if self._context else accepted as client:
                    self._serve(client)
            except OSError as error:
                self.errors.append(type(error).__name__)
                accepted.close()

    def _serve(self, client: socket.socket) -> None:
        while request := read_request(client):
            self.requests.append(request)
            if not self._answer(client, len(self.requests)):
                return


def answered(client: socket.socket, _number: int = 0) -> bool:
    body = json.dumps(ITEM).encode()
    client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
    return True


def answered_then_gone(client: socket.socket, _number: int) -> bool:
    answered(client)
    return False


def cut(client: socket.socket, _number: int) -> bool:
    body = json.dumps(ITEM).encode()
    client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body) + 1, body))
    return False


def emptied(client: socket.socket, _number: int) -> bool:
    client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 33\r\n\r\n")
    return False


def silent_once(client: socket.socket, number: int) -> bool:
    return number == 1 or answered(client)


@pytest.fixture
def wires() -> Iterator[list[Wire]]:
    made: list[Wire] = []
    yield made
    for wire in made:
        wire.close()


def get(url: str, wires: list[Wire], context: ssl.SSLContext | None = None, read_seconds: float = 5.0) -> Any:
    """A GetItem of a client of its own, as a function to call again."""
    session = aws.new_session()
    session.set_credentials("AKIDEXAMPLE", "fake-secret-access-key")
    wires.append(Wire(context, read_seconds=read_seconds))
    client = aws.dynamodb(session, "us-east-1", wires[-1], url)
    return lambda: client.get_item(TableName="ledger", Key={"pk": {"S": "R#1"}, "sk": {"S": "R"}})["Item"]


def test_one_connection_carries_all_requests(wires: list[Wire]) -> None:
    with Server(answered) as server:
        call = get(server.url, wires)

        answers = [call() for _ in range(5)]

        wires[0].close()
    assert answers == [ITEM["Item"]] * 5
    assert (server.connections, len(server.requests)) == (1, 5)


def test_a_request_leaves_in_one_piece_to_the_signed_host(wires: list[Wire]) -> None:
    with Server(answered) as server:
        get(server.url, wires)()
        wires[0].close()

    head = server.requests[0].partition(b"\r\n\r\n")[0].lower()
    assert head.startswith(b"post / http/1.1\r\n")
    assert head.count(b"\r\nhost: ") == 1
    assert b"\r\nx-amz-target: dynamodb_20120810.getitem" in head
    assert b"accept-encoding: identity" in head


@pytest.mark.fault("U18")
@pytest.mark.fault("L12")
def test_a_connection_the_other_side_closed_is_replaced_without_a_word(wires: list[Wire]) -> None:
    with Server(answered_then_gone) as server:
        call = get(server.url, wires)

        answers = []
        for _ in range(3):
            answers.append(call())
            wait_until_closed(wires[0])

        wires[0].close()
    assert answers == [ITEM["Item"]] * 3
    assert server.connections == 3


def wait_until_closed(wire: Wire) -> None:
    """Until the other side's close has arrived: before that, no one can know of it."""
    connection = wire._connection
    assert connection is not None
    readable, _, _ = select.select([connection.sock], [], [], 5)
    assert readable


@pytest.mark.fault("D02")
@pytest.mark.parametrize("answer", [cut, emptied], ids=["cut", "emptied"])
def test_an_answer_shorter_than_announced_is_no_answer(
    answer: Callable[[socket.socket, int], bool], wires: list[Wire]
) -> None:
    with Server(answer) as server:
        call = get(server.url, wires)

        with pytest.raises(HTTPClientError):
            call()


@pytest.mark.fault("D02")
def test_after_silence_the_late_answer_is_not_taken_for_the_next(wires: list[Wire]) -> None:
    with Server(silent_once) as server:
        call = get(server.url, wires, read_seconds=0.2)

        with pytest.raises(ReadTimeoutError):
            call()
        answer = call()

        wires[0].close()
    assert answer == ITEM["Item"]
    assert server.connections == 2


def test_where_nobody_listens_the_endpoint_is_named(wires: list[Wire]) -> None:
    with Server(answered) as server:
        url = server.url

    with pytest.raises(EndpointConnectionError, match=url):
        get(url, wires)()


@pytest.mark.fault("U03")
def test_a_certificate_nobody_vouches_for_is_refused_before_anything_is_sent(wires: list[Wire], tmp_path: Path) -> None:
    with Server(answered, serving(certificate(tmp_path, "127.0.0.1"))) as server:
        with pytest.raises(AwsConnectionError):
            get(server.url, wires, ssl.create_default_context())()

    assert server.requests == []


@pytest.mark.fault("U03")
def test_a_certificate_for_another_host_is_refused_before_anything_is_sent(wires: list[Wire], tmp_path: Path) -> None:
    path = certificate(tmp_path, "127.0.0.2")
    with Server(answered, serving(path)) as server:
        with pytest.raises(AwsConnectionError):
            get(server.url, wires, ssl.create_default_context(cafile=str(path)))()

    assert server.requests == []


def test_a_trusted_endpoint_is_called_over_one_tls_connection(wires: list[Wire], tmp_path: Path) -> None:
    path = certificate(tmp_path, "127.0.0.1")
    with Server(answered, serving(path)) as server:
        call = get(server.url, wires, ssl.create_default_context(cafile=str(path)))

        answers = [call() for _ in range(3)]

        wires[0].close()
    assert answers == [ITEM["Item"]] * 3
    assert server.connections == 1


def certificate(folder: Path, host: str) -> Path:
    """A self-signed certificate and its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sluice test")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(signed.public_bytes(Encoding.PEM) + private)
    return path


def serving(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
