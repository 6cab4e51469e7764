"""Whether the function URL refuses strangers, takes this caller, and agrees with this machine about the time.

What a 403 means is read from its body: Lambda's own words for a permission, for a signature, for the clock.
https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx

from sluice_cli.checks.finding import Finding, not_checked, ok, problem
from sluice_cli.completion import error_line, one_line
from sluice_cli.gateway import MODELS, Auth, cause
from sluice_cli.site import is_loopback
from sluice_client import SigningError

TIMEOUT = httpx.Timeout(connect=5.0, read=35.0, write=10.0, pool=5.0)  # a cold start is awaited
MAX_SKEW_SECONDS = 240  # AWS refuses signatures that are 300 s off
UNSIGNED, SIGNED, CLOCK = "URL, unsigned", "URL, signed", "clock"
NO_SUCH_URL = "there is no function URL of that name; take the stack's output FunctionUrl"
LOG = "see the gateway's log group, /aws/lambda/<stack>-gateway"
PERMISSION = re.compile(r"^Forbidden\b|not authorized", re.I)
# What Lambda says with a 403, and what to do. The first that matches counts.
REASONS = (
    (re.compile(r"Signature expired|not yet current|Signature not yet", re.I), "set this machine's clock"),
    (
        re.compile(r"correct service|Credential should be scoped to.*service", re.I),
        "sign for the service lambda; a proxy or client in between signs for another one",
    ),
    (
        re.compile(r"valid region|Credential should be scoped to", re.I),
        "sign for the URL's own region; set AWS_REGION or use --region",
    ),
    (
        re.compile(r"signature we calculated does not match", re.I),
        "the secret access key is wrong, or something on the way changes the request",
    ),
    (
        re.compile(r"security token.*(invalid|expired)", re.I),
        "AWS does not know these credentials; sign in again (`aws sso login`)",
    ),
)
STATUSES = {
    404: "is that the URL of a Sluice gateway?",
    429: "the function is at its reserved concurrency, or the account at its limit: raise it, or wait",
    500: LOG,
    502: f"the function cannot start, mostly over its configuration: `sluice config check`; {LOG}",
    503: LOG,
    504: LOG,
}


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer says; `at` is the server's own clock in epoch seconds, if it told."""

    status: int
    text: str
    error_type: str
    at: float | None
    asked_at: float


class Probe:
    """Asks a URL once without and once with a signature. `now` is this machine's clock."""

    def __init__(
        self,
        url: str,
        now: Callable[[], float] = time.time,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url = url
        self._now = now
        self._client_settings = {"timeout": TIMEOUT, "trust_env": not is_loopback(httpx.URL(url).host)}
        self._transport = transport

    def ask(self, auth: Auth | None = None) -> Answered:
        """Raises httpx.TransportError, and SigningError with `auth`."""
        with httpx.Client(auth=auth, transport=self._transport, **self._client_settings) as client:  # type: ignore[arg-type]
            asked_at = self._now()
            response = client.get(self._url + MODELS)
        return Answered(
            response.status_code,
            response.text,
            response.headers.get("x-amzn-errortype", ""),
            _epoch(response.headers.get("date")),
            asked_at,
        )


def unsigned_findings(probe: Probe) -> Iterator[Finding]:
    """And the clock, since the answer says what time it is there."""
    try:
        answer = probe.ask()
    except httpx.TransportError as error:
        yield problem(UNSIGNED, f"the URL cannot be reached ({one_line(cause(error))})", "is it right, is it running?")
        yield not_checked(CLOCK, "nobody told the time")
        return
    yield _unsigned(answer)
    yield clock_finding(answer)


def clock_finding(answer: Answered) -> Finding:
    if answer.at is None:
        return not_checked(CLOCK, "the answer had no Date header")
    skew = answer.asked_at - answer.at
    if abs(skew) > MAX_SKEW_SECONDS:
        what = f"this machine's clock is {abs(skew):.0f} s {'fast' if skew > 0 else 'slow'}, and AWS allows 300 s"
        return problem(CLOCK, what, "set it: `timedatectl set-ntp true`")
    return ok(CLOCK, f"within {max(1, abs(skew)):.0f} s of the URL's")


@dataclass(frozen=True, slots=True)
class Denied:
    """A signed call was refused over a permission; which one, only IAM can tell."""

    words: str


def signed_finding(probe: Probe, auth: Auth) -> Finding | Denied:
    try:
        answer = probe.ask(auth)
    except SigningError as error:
        return problem(SIGNED, str(error))
    except httpx.TransportError as error:
        return problem(SIGNED, f"the URL cannot be reached ({one_line(cause(error))})")
    if answer.status == 403:
        return _forbidden(answer)
    if answer.status != 200:
        what = f"GET {MODELS} answered {answer.status} {_message(answer)}".rstrip()
        return problem(SIGNED, what, STATUSES.get(answer.status, LOG))
    count = _count(answer.text)
    if count is None:
        return problem(SIGNED, f"GET {MODELS} answered 200 with something that is no list of models", STATUSES[404])
    return ok(SIGNED, f"GET {MODELS} lists {count} models")


def _unsigned(answer: Answered) -> Finding:
    if answer.status == 403:
        return (
            problem(UNSIGNED, "AWS knows no such URL", NO_SUCH_URL) if _is_nobody(answer) else ok(UNSIGNED, "refused")
        )
    if answer.status == 200:
        what = "anybody may call: the URL asks for no signature (AuthType NONE)"
        return problem(UNSIGNED, what, "set AuthType: AWS_IAM in template.yaml and deploy at once")
    what = f"answered {answer.status} where 403 was expected"
    return problem(UNSIGNED, what, STATUSES.get(answer.status, "is that a function URL?"))


def _forbidden(answer: Answered) -> Finding | Denied:
    if _is_nobody(answer):
        return problem(SIGNED, "AWS knows no such URL", NO_SUCH_URL)
    words = _message(answer)
    for pattern, remedy in REASONS:
        if pattern.search(words):
            return problem(SIGNED, f"refused: {words}", remedy)
    return Denied(words) if PERMISSION.search(words) or not words else problem(SIGNED, f"refused: {words}")


def _is_nobody(answer: Answered) -> bool:
    """How AWS answers for a URL that does not exist: a null message."""
    document = _object(answer.text)
    return "Message" in document and document["Message"] is None


def _message(answer: Answered) -> str:
    document = _object(answer.text)
    return error_line(document) if document else one_line(answer.text[:200])


def _count(text: str) -> int | None:
    data = _object(text).get("data")
    return len(data) if isinstance(data, list) else None


def _object(text: str) -> dict[str, object]:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _epoch(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None
