"""Signature Version 4 over exactly the bytes that go on the wire. Pure: no clock, no credential chain, no I/O.

Strategy: canonical request, string to sign, derived key, as
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html describes for services other
than S3: dot segments and empty segments leave the path, and its percent-encoded form is encoded once more. Query pairs
are compared as bytes, so `%2F`, `:` and non-UTF-8 escapes sign like what the server decodes.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from urllib.parse import quote, unquote_to_bytes

ALGORITHM = "AWS4-HMAC-SHA256"
TIMESTAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class AccessKey:
    """What signs; `token` comes with temporary credentials."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Scope:
    """When and for which service a signature holds."""

    at: datetime
    region: str
    service: str

    @property
    def timestamp(self) -> str:
        return self.at.strftime(TIMESTAMP)

    def __str__(self) -> str:
        return f"{self.at:%Y%m%d}/{self.region}/{self.service}/aws4_request"


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request as it will be sent: the target still percent-encoded, only the headers that are to be signed."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def signing_headers(request: WireRequest, key: AccessKey, scope: Scope) -> dict[str, str]:
    """The headers that authorise `request`; they replace any of the same name."""
    added = {"x-amz-date": scope.timestamp, "x-amz-content-sha256": sha256(request.body).hexdigest()}
    if key.token:
        added["x-amz-security-token"] = key.token
    signed = {name.lower(): value for name, value in request.headers.items()} | added
    names = ";".join(sorted(signed))
    signature = _signature(key, scope, canonical_request(request, signed))
    credential = f"Credential={key.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return added | {"authorization": f"{ALGORITHM} {credential}"}


def canonical_request(request: WireRequest, signed: Mapping[str, str]) -> str:
    lines = [request.method.upper(), canonical_path(request.path), canonical_query(request.query)]
    lines += [f"{name}:{' '.join(signed[name].split())}" for name in sorted(signed)]
    return "\n".join([*lines, "", ";".join(sorted(signed)), signed["x-amz-content-sha256"]])


def canonical_path(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment not in ("", "."):
            kept.append(segment)
    closing = "/" if kept and path.endswith("/") else ""
    return quote("/" + "/".join(kept) + closing, safe="/~")


def canonical_query(query: str) -> str:
    return "&".join(f"{name}={value}" for name, value in sorted(_pair(part) for part in query.split("&") if part))


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return _escaped(name), _escaped(value)


def _escaped(text: str) -> str:
    return quote(unquote_to_bytes(text), safe="-_.~")


def _signature(key: AccessKey, scope: Scope, canonical: str) -> str:
    text = "\n".join([ALGORITHM, scope.timestamp, str(scope), sha256(canonical.encode()).hexdigest()])
    derived = f"AWS4{key.secret_key}".encode()
    for part in str(scope).split("/"):
        derived = _mac(derived, part)
    return _mac(derived, text).hex()


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
