"""Who calls."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """An IAM caller.

    `id` is the ARN, without the session for an assumed role, so that one role is one principal; `session` is then the
    role session's name, else None.
    """

    id: str
    account: str
    session: str | None = None
