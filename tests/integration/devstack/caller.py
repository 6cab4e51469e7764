"""A caller of a function URL that signs with botocore and sees HTTP/1.1 chunk by chunk."""

import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from urllib.parse import urlsplit

import h11
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sluice_devstack.sigv4 import TIMESTAMP, Identity

PATIENCE_SECONDS = 20
DEVELOPER = Identity("AKIDEXAMPLETEST", "fake-secret-of-the-test", "arn:aws:iam::123456789012:user/tester")


class Signer(SigV4Auth):
    """botocore's signer at a time of the test's choice."""

    def __init__(self, identity: Identity, service: str, region: str, at: datetime) -> None:
        super().__init__(
            Credentials(identity.access_key_id, identity.secret_access_key, identity.session_token), service, region
        )
        self.at = at

    def sign(self, request: AWSRequest) -> None:
        request.context["timestamp"] = self.at.strftime(TIMESTAMP)
        self._modify_request_before_signing(request)  # type: ignore[attr-defined]  # the stubs leave it out
        signature = self.signature(self.string_to_sign(request, self.canonical_request(request)), request)
        self._inject_signature_to_request(request, signature)  # type: ignore[attr-defined]


def signed_headers(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    identity: Identity = DEVELOPER,
    service: str = "lambda",
    region: str = "us-east-1",
    at: datetime | None = None,
) -> dict[str, str]:
    """`headers` and those of the signature."""
    request = AWSRequest(method, url, {"host": urlsplit(url).netloc, **(headers or {})}, body)
    Signer(identity, service, region, at or datetime.now(UTC)).sign(request)
    return dict(request.headers.items())


class Caller:
    """One connection and one request at a time on it. A context manager."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.url = url
        self.socket = socket.create_connection((parts.hostname or "", parts.port or 80))
        self.socket.settimeout(PATIENCE_SECONDS)
        self._http = h11.Connection(h11.CLIENT)
        self.trailers: list[tuple[bytes, bytes]] = []

    def __enter__(self) -> "Caller":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> None:
        """A request exactly as given, but for host and content-length where they are missing."""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        fields = {
            "host": urlsplit(self.url).netloc,
            "content-length": str(len(body)),
            **{k.lower(): v for k, v in headers.items()},
        }
        request = h11.Request(method=method, target=target, headers=list(fields.items()))
        data = self._http.send(request) or b""
        data += self._http.send(h11.Data(data=body)) or b""
        data += self._http.send(h11.EndOfMessage()) or b""
        self.socket.sendall(data)

    def call(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> h11.Response:
        """Sends a signed request and returns the head of the response."""
        self.send_signed(method, target, headers, body)
        return self.head()

    def send_signed(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> None:
        url = self.url + target
        self.send(method, target, signed_headers(url, method=method, headers=headers, body=body), body)

    def head(self) -> h11.Response:
        event = self._event()
        while isinstance(event, h11.InformationalResponse):
            event = self._event()
        assert isinstance(event, h11.Response), event
        return event

    def chunk(self) -> bytes | None:
        """The next chunk of the response, whole; None at its proper end. A cut response is h11.RemoteProtocolError."""
        whole = b""
        while True:
            event = self._event()
            if isinstance(event, h11.EndOfMessage):
                self.trailers = list(event.headers)
                return None
            assert isinstance(event, h11.Data), event
            whole += event.data
            if event.chunk_end or self._http.their_state is h11.DONE:
                return whole

    def body(self) -> bytes:
        whole = b""
        while True:
            event = self._event()
            if isinstance(event, h11.EndOfMessage):
                return whole
            assert isinstance(event, h11.Data), event
            whole += event.data

    def everything(self) -> tuple[bytes, str]:
        """The rest of the body, and how it ended: "ended" or "cut"."""
        whole = b""
        try:
            while (event := self._event()) and isinstance(event, h11.Data):
                whole += event.data
        except h11.RemoteProtocolError:
            return whole, "cut"
        return whole, "ended"

    def _event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            self._http.receive_data(data)


def header(response: h11.Response, name: str) -> str | None:
    return next((value.decode() for key, value in response.headers if key == name.lower().encode()), None)
