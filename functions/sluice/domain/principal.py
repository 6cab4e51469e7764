"""Who calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluice.domain.virtual_key import VirtualKey

NO_TAGS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Principal:
    """An IAM caller, or the virtual key that one shows.

    `id` is the ARN, without the session for an assumed role, so that one role is one principal; `session` is then the
    role session's name, else None. Of a virtual key `id` is `key:<its id>`. `role` is always the ARN that IAM named,
    without the session, `organisation` the id of its AWS organisation where there is one.
    """

    id: str
    account: str
    session: str | None = None
    organisation: str | None = None
    key: "VirtualKey | None" = None
    iam: str | None = None

    @property
    def role(self) -> str:
        return self.iam or self.id

    @property
    def tags(self) -> Mapping[str, str]:
        return self.key.tags if self.key else NO_TAGS
