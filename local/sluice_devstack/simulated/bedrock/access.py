"""Who may call a model: Signature Version 4 for service `bedrock`, or a Bedrock API key, and then the role's policy.

A call with an API key is the developer's, who may do everything, as embedded AWS has it.
https://docs.aws.amazon.com/bedrock/latest/userguide/security_iam_id-based-policy-examples.html
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sluice_devstack.authorization import ACCOUNT, SCOPE, Action, Authority
from sluice_devstack.bedrock_actions import bedrock_actions, guardrail_actions
from sluice_devstack.http1 import Exchange
from sluice_devstack.roles import Holder
from sluice_devstack.sigv4 import Identity, SignatureRefused, SignedRequest, Verifier
from sluice_devstack.simulated.bedrock.exceptions import refused
from sluice_devstack.simulated.bedrock.operation import Operation

SERVICE = "bedrock"
BY_API_KEY = ""
MISSING = "Missing Authentication Token"
WRONG_KEY = "Authentication failed: Please make sure your API Key is valid."


class Caller(NamedTuple):
    """Who calls, and in which region."""

    access_key_id: str
    region: str


class Access:
    """The access keys and API keys of one account, in `regions`, the first of which is that of calls by API key; what
    each may do is the authority's to say."""

    def __init__(
        self,
        identities: Iterable[Identity],
        authority: Authority,
        regions: Sequence[str],
        api_keys: Collection[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        known = {each.access_key_id: each for each in identities}
        self._verifiers = {region: Verifier(known, region, now, SERVICE) for region in regions}
        self._authority = authority
        self._api_keys = frozenset(api_keys)
        self._usual = regions[0]

    def caller(self, exchange: Exchange, body: bytes) -> Caller:
        """Raises Refused for a call that is not from whom it says."""
        scheme, _, key = exchange.header("authorization").partition(" ")
        if not scheme:
            raise refused("MissingAuthenticationTokenException", MISSING)
        if scheme.lower() == "bearer":
            return self._by_api_key(key.strip())
        path, _, query = exchange.target.partition("?")
        request = SignedRequest(exchange.method, path, query, exchange.headers, body)
        region = self._region(exchange)
        try:
            return Caller(self._verifiers[region].verify(request).access_key_id, region)
        except SignatureRefused as error:
            raise refused(error.error_type, next(iter(error.document.values()))) from error

    def check(self, caller: Caller, operation: Operation, model: str, guardrail: str = "") -> None:
        """Raises Refused for what the caller's policy does not grant."""
        self._check(caller, bedrock_actions(operation.value, model, caller.region, guardrail))

    def check_guardrail(self, caller: Caller, guardrail: str) -> None:
        """The same for a guardrail that is applied by itself."""
        self._check(caller, guardrail_actions(guardrail, caller.region))

    def _check(self, caller: Caller, asked: Sequence[Action]) -> None:
        if reason := self._authority.refusal(caller.access_key_id, asked):
            raise refused("AccessDeniedException", reason)

    def _region(self, exchange: Exchange) -> str:
        """The one that the signature is for, where it is one of ours."""
        scope = SCOPE.search(exchange.header("authorization"))
        return scope["region"] if scope and scope["region"] in self._verifiers else self._usual

    def _by_api_key(self, key: str) -> Caller:
        if key not in self._api_keys:
            raise refused("AccessDeniedException", WRONG_KEY)
        return Caller(BY_API_KEY, self._usual)


def identity(holder: Holder) -> Identity:
    """A holder of one of the template's policies, as the signature's checker knows callers."""
    variables = holder.variables
    return Identity(
        access_key_id=holder.access_key_id,
        secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        user_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/{holder.name}/local",
        session_token=variables["AWS_SESSION_TOKEN"],
    )
