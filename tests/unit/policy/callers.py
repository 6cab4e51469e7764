"""Callers as IAM names them, with a virtual key or without."""

from typing import Any

from sluice.domain.principal import Principal
from sluice.domain.virtual_key import VirtualKey

ROLE = "arn:aws:sts::123456789012:assumed-role/Developers"
USER = "arn:aws:iam::123456789012:user/ada"
ACCOUNT = "123456789012"
DEVELOPER = Principal(ROLE, ACCOUNT, "ada", "o-example")
ADA = Principal(USER, ACCOUNT)


def with_key(**of_key: Any) -> Principal:
    """Behind the developers' role."""
    key = VirtualKey(**{"id": "abcdefgh2345", "name": "batch", "owner": "search", **of_key})
    return Principal(f"key:{key.id}", ACCOUNT, "ada", "o-example", key, ROLE)
