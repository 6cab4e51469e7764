"""Who calls: the IAM identity that Lambda verified, and nothing the caller can write.

Only `requestContext.authorizer.iam` of the function URL's event counts; headers and body never do (fault A02). An
assumed role's ARN is arn:aws:sts::<account>:assumed-role/<role>/<session>; the session is told apart, so that a role
is one principal.
"""

from collections.abc import Mapping
from typing import Any

from sluice.domain.errors import Unauthenticated
from sluice.domain.principal import Principal


def principal(event: Mapping[str, Any]) -> Principal:
    """The caller of a function URL event. Raises Unauthenticated where IAM named none."""
    iam = ((event.get("requestContext") or {}).get("authorizer") or {}).get("iam") or {}
    arn, account = iam.get("userArn"), iam.get("accountId")
    if not (isinstance(arn, str) and isinstance(account, str) and arn.startswith("arn:")):
        raise Unauthenticated("no IAM identity: the function URL must have AuthType AWS_IAM; sign with SigV4")
    if ":assumed-role/" in arn:
        role, _, session = arn.rpartition("/")
        return Principal(role, account, session or None)
    return Principal(arn, account)
