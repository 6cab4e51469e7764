"""Who calls: the IAM identity that Lambda verified, and behind it perhaps a virtual key.

Of what the caller can write only a key counts, and only beside an identity; no other header does, and no field of a
body (fault A02). The identity is `requestContext.authorizer.iam` of the function URL's event. An assumed role's ARN is
arn:aws:sts::<account>:assumed-role/<role>/<session>; the session is told apart, so that a role is one principal.

The SDKs send a key in a header of their own, and send something there also where no key is wanted: `x-api-key` and
`api-key` are read only where what they hold begins as our keys do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from sluice.domain.errors import InvalidKey, InvalidRequest, Unauthenticated
from sluice.domain.principal import Principal

if TYPE_CHECKING:
    from sluice.domain.virtual_key import VirtualKey

KEY = "x-sluice-key"
SHARED = ("x-api-key", "api-key")  # headers of SDKs, where a key of ours may be and need not
PROVIDER_KEY = "x-sluice-provider-authorization"
PREFIX = "slu_"


class Keys(Protocol):
    """Finds the virtual key that is shown. Raises InvalidKey, LedgerBusy and Unavailable."""

    def find(self, presented: str) -> "VirtualKey": ...


class NoKeys:
    """Where there are none, none is good."""

    def find(self, presented: str) -> "VirtualKey":  # noqa: ARG002
        raise InvalidKey("this gateway has no virtual keys")


@dataclass(frozen=True, slots=True)
class Authentication:
    """Says who calls, from an event and the call's headers by their names in lower case."""

    keys: Keys

    def principal(self, event: Mapping[str, Any], headers: Mapping[str, str]) -> Principal:
        """Raises Unauthenticated, InvalidKey, InvalidRequest for two keys, LedgerBusy and Unavailable."""
        caller = principal(event)
        shown = presented(headers)
        if shown is None:
            return caller
        key = self.keys.find(shown)
        return replace(caller, id=f"key:{key.id}", key=key, iam=caller.id)


def principal(event: Mapping[str, Any]) -> Principal:
    """The IAM caller of a function URL event. Raises Unauthenticated where IAM named none."""
    iam = ((event.get("requestContext") or {}).get("authorizer") or {}).get("iam") or {}
    arn, account, organisation = iam.get("userArn"), iam.get("accountId"), iam.get("principalOrgId")
    if not (isinstance(arn, str) and isinstance(account, str) and arn.startswith("arn:")):
        raise Unauthenticated("no IAM identity: the function URL must have AuthType AWS_IAM; sign with SigV4")
    role, session = arn, ""
    if ":assumed-role/" in arn:
        role, _, session = arn.rpartition("/")
    return Principal(role, account, session or None, organisation if isinstance(organisation, str) else None)


def presented(headers: Mapping[str, str]) -> str | None:
    """The virtual key in the headers, None where there is none. Raises InvalidRequest for two that differ."""
    refuse_as_providers(headers.get(PROVIDER_KEY), PROVIDER_KEY)
    found = [headers[KEY].strip()] if KEY in headers else []
    found += [value for name in SHARED if is_key(value := (headers.get(name, "").split() or [""])[-1])]
    if len(set(found)) > 1:
        raise InvalidRequest(f"{', '.join((KEY, *SHARED))} hold different virtual keys; send one")
    return found[0] if found else None


def refuse_as_providers(text: str | None, param: str) -> None:
    """Raises InvalidRequest for a virtual key in the place of a provider's own: the provider would be told it."""
    if any(map(is_key, (text or "").split())):
        raise InvalidRequest(f"{param} holds a virtual key, which no provider may see; send it in {KEY}", param=param)


def is_key(text: str) -> bool:
    """Whether it looks like a virtual key, good or bad."""
    return text.startswith(PREFIX)


IAM_ONLY = Authentication(NoKeys())
