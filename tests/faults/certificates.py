"""Certificates for servers on loopback: sound, expired, of another name, by an issuer whom nobody knows."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from tests.fakes.raw_provider import Peer, RawProvider, Script, raw_provider

DAY = timedelta(days=1)
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a server shows. `ends_in` days it expires; `newest` is the newest TLS that it speaks."""

    host: str = HOST
    ends_in: int = 1
    is_known: bool = True
    newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3


def certificate(folder: Path, kind: Kind) -> Path:
    """A self-signed certificate and its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sluice test")])
    ends = datetime.now(UTC) + kind.ends_in * DAY
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(ends - 10 * DAY)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(kind.host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(signed.public_bytes(Encoding.PEM) + private)
    return path


def trusting(path: Path, kind: Kind) -> ssl.SSLContext:
    """A client's context that knows the issuer, unless nobody is to."""
    return ssl.create_default_context(cafile=str(path) if kind.is_known else None)


@contextmanager
def served(path: Path, kind: Kind, script: Script) -> Iterator[RawProvider]:
    """A server with that certificate that plays the script to whom it shakes hands with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = kind.newest
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.load_cert_chain(path)

    def over_tls(peer: Peer) -> None:
        with context.wrap_socket(peer.sock, server_side=True) as secured:
            script(Peer(secured))

    with raw_provider(over_tls) as provider:
        yield provider
