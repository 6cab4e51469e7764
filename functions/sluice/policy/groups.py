"""Whose budget and whose rate: a call's place in what is counted for each.

| per | the one whose it is |
| --- | --- |
| principal | the role, all its sessions together; the user; the virtual key |
| session | the role's session, whatever key it shows; a principal without one is its own |
| key | the virtual key |
| all | everybody |
| tag:team | all whose keys have the same `team` |

Callers without a key, or whose key has no such tag, are one together, `-`: what has no place of its own must not get
room without end by it.
"""

from sluice.domain.principal import Principal

EVERYBODY = "all"
NOBODYS = "-"


def group(principal: Principal, per: str) -> str:
    """The one whose it is: a principal's id, a session, a key, a tag's value, or all."""
    kind, _, tag = per.partition(":")
    if kind == "tag":
        return principal.tags.get(tag, NOBODYS)
    if kind == "key":
        return principal.key.id if principal.key else NOBODYS
    if kind == "session":
        return f"{principal.role}/{principal.session}" if principal.session else principal.id
    return EVERYBODY if kind == "all" else principal.id
