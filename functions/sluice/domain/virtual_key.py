"""What stands for a caller behind a role that several share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sluice.domain.policy import Budget, Rate


@dataclass(frozen=True, slots=True)
class VirtualKey:
    """A key as it was when it was read; that it is still good is a condition of each reservation.

    `models` are patterns of the only models that it may use, none for all that policies allow. `budgets` and `rate`
    are its own, beside those of policies. `digest` is the hash of what was shown: the key's own, or that of its former
    secret while this is still good.
    """

    id: str
    name: str
    owner: str
    models: tuple[str, ...] = ()
    budgets: tuple[Budget, ...] = ()
    rate: Rate | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    digest: str | None = field(default=None, repr=False, compare=False)
