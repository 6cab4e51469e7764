"""Checks AWS Signature Version 4 as a function URL with AuthType AWS_IAM does: service `lambda`, payload always signed.
Other services of AWS check it in the same way: the simulated Bedrock does, for service `bedrock`.

Strategy: take the signed headers the caller names, let botocore compute the signature they should have, compare.
Rules: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. Refusals are those of
Lambda's API (InvalidSignatureException and its kin), all 403; which one AWS prefers when several apply is unverified.
Signatures in the query string (presigned URLs) and SigV4a are not known here: such a call counts as unsigned.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote_to_bytes

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

SERVICE = "lambda"
MAX_SKEW = timedelta(minutes=5)
TIMESTAMP = "%Y%m%dT%H%M%SZ"
ALGORITHM = "AWS4-HMAC-SHA256"
AUTHORIZATION = re.compile(
    ALGORITHM + r"\s+Credential=(?P<key>[^/,\s]+)/(?P<day>\d{8})/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)"
    r"/aws4_request\s*,\s*SignedHeaders=(?P<headers>[^,\s]+)\s*,\s*Signature=(?P<signature>[0-9a-f]{64})"
)

UNSIGNED = (
    "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)
UNKNOWN = "The security token included in the request is invalid."
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an access key belongs to. A session token makes it the key of an assumed role."""

    access_key_id: str
    secret_access_key: str
    user_arn: str
    account_id: str = "123456789012"
    user_id: str = "AIDAEXAMPLESLUICEDEV"
    session_token: str | None = None


class SignatureRefused(Exception):
    """The call is not from whom it says. `document` is the body of the 403, `error_type` its x-amzn-ErrorType."""

    def __init__(self, error_type: str, message: str, key: str = "message") -> None:
        super().__init__(f"{error_type}: {message}")
        self.error_type = error_type
        self.document = {key: message}


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it was on the wire: path and query undecoded, header names in lower case."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


class Verifier:
    """Knows the access keys of one region, the time and the service that is called."""

    def __init__(
        self, identities: Mapping[str, Identity], region: str, now: Callable[[], datetime], service: str = SERVICE
    ) -> None:
        self._identities = identities
        self._region = region
        self._now = now
        self._service = service

    def verify(self, request: SignedRequest) -> Identity:
        """The caller's identity, or SignatureRefused."""
        claim = _claim(request)
        identity = self._identities.get(claim["key"])
        if identity is None or request.header("x-amz-security-token") != identity.session_token:
            raise SignatureRefused("UnrecognizedClientException", UNKNOWN)
        self._check_scope(claim)
        timestamp = self._timestamp(request, claim)
        names = claim["headers"].split(";")
        expected = self._signature(request, identity, timestamp, names)
        is_right = hmac.compare_digest(expected, claim["signature"])
        if not is_right or "host" not in names or not _payload_is_honest(request):
            raise SignatureRefused("InvalidSignatureException", MISMATCH)
        return identity

    def _signature(self, request: SignedRequest, identity: Identity, timestamp: str, names: Sequence[str]) -> str:
        credentials = Credentials(identity.access_key_id, identity.secret_access_key)
        auth = _Recomputed(credentials, self._service, self._region)
        return _signature(request, auth, timestamp, names)

    def _check_scope(self, claim: Mapping[str, str]) -> None:
        if claim["service"] != self._service:
            message = f"Credential should be scoped to correct service: '{self._service}'."
            raise SignatureRefused("InvalidSignatureException", message)
        if claim["region"] != self._region:
            message = f"Credential should be scoped to a valid region, not '{claim['region']}'."
            raise SignatureRefused("InvalidSignatureException", message)

    def _timestamp(self, request: SignedRequest, claim: Mapping[str, str]) -> str:
        timestamp = request.header("x-amz-date") or ""
        try:
            signed_at = datetime.strptime(timestamp, TIMESTAMP).replace(tzinfo=UTC)
        except ValueError:
            message = "Authorization header requires existence of a 'X-Amz-Date' header, as 20300102T030405Z."
            raise SignatureRefused("IncompleteSignatureException", message) from None
        if not timestamp.startswith(claim["day"]):
            message = f"Date in Credential scope does not match YYYYMMDD from {timestamp}."
            raise SignatureRefused("InvalidSignatureException", message)
        now = self._now()
        earliest, latest = now - MAX_SKEW, now + MAX_SKEW
        if signed_at < earliest:
            limit = f"{earliest:{TIMESTAMP}} ({now:{TIMESTAMP}} - 5 min.)"
            reason = f"Signature expired: {timestamp} is now earlier than {limit}"
            raise SignatureRefused("InvalidSignatureException", reason)
        if signed_at > latest:
            limit = f"{latest:{TIMESTAMP}} ({now:{TIMESTAMP}} + 5 min.)"
            reason = f"Signature not yet current: {timestamp} is still later than {limit}"
            raise SignatureRefused("InvalidSignatureException", reason)
        return timestamp


def _claim(request: SignedRequest) -> dict[str, str]:
    authorization = request.header("authorization") or ""
    if not authorization.startswith(ALGORITHM):
        raise SignatureRefused("AccessDeniedException", UNSIGNED, key="Message")
    claim = AUTHORIZATION.fullmatch(authorization.strip())
    if claim is None:
        message = "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters."
        raise SignatureRefused("IncompleteSignatureException", message)
    return claim.groupdict()


def _payload_is_honest(request: SignedRequest) -> bool:
    """Lambda takes no unsigned payload: a hash that is declared has to be the body's own."""
    declared = request.header("x-amz-content-sha256")
    return declared is None or hmac.compare_digest(declared.encode(), _sha256(request.body).encode())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class _Recomputed(SigV4Auth):
    """botocore's algorithm over exactly the headers that were signed (botocore itself leaves some out, such as
    user-agent, which other signers sign) and over the query as a server reads it: decoded, encoded anew, sorted."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        return request.headers

    def canonical_query_string(self, request: AWSRequest) -> str:
        pairs = [part.partition("=") for part in request.context["query"].split("&") if part]
        return "&".join(f"{name}={value}" for name, value in sorted((_escaped(n), _escaped(v)) for n, _, v in pairs))


def _escaped(text: str) -> str:
    # `+` is a space here; signers that mean a plus write %2B. How AWS reads a bare `+` is unverified.
    return quote(unquote_to_bytes(text.replace("+", " ")), safe="-_.~")


def _signature(request: SignedRequest, auth: _Recomputed, timestamp: str, names: Sequence[str]) -> str:
    signed = AWSRequest(method=request.method, url="http://host" + request.path)
    for name, value in request.headers:
        if name in names:
            signed.headers.add_header(name, value)
    signed.context |= {"timestamp": timestamp, "query": request.query}
    without_payload = auth.canonical_request(signed).rpartition("\n")[0]
    canonical = f"{without_payload}\n{_sha256(request.body)}"
    return str(auth.signature(auth.string_to_sign(signed, canonical), signed))
