"""Who may use which model.

A policy matches a call by who calls, by what the model goes by, and by the call's metadata. One that blocks wins over
all that allow. One in the shadow decides nothing: it neither refuses nor allows, and what it would have refused is
noted. Who calls is what IAM verified, and the virtual key that was found by its hash: nothing else that a caller sends
is looked at here, but metadata, of which `when` is a filter and no proof.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sluice.domain.policy import Action, Policy, Who
from sluice.domain.principal import Principal
from sluice.policy.patterns import fits, fits_any

Metadata = Mapping[str, str | int | float | bool]

SHADOW = "shadow:"
MOST_SHOWN = 10  # patterns in the words of one refusal


@dataclass(frozen=True, slots=True)
class Verdict:
    """What policies say of one target for one caller.

    `policies` are those that allow it, in the order of the file, those in the shadow among them; `refusal` says which
    one forbids it, None where none does; `notes` are what policies in the shadow would have refused.
    """

    policies: tuple[Policy, ...] = ()
    refusal: str | None = None
    notes: tuple[str, ...] = ()


class Access:
    """The policies of one configuration, and what is said where none matches."""

    def __init__(self, policies: Sequence[Policy] = (), default: Action = Action.ALLOW) -> None:
        self._policies = tuple(policies)
        self._default = default

    def verdict(self, principal: Principal, metadata: Metadata, names: Sequence[str]) -> Verdict:
        """`names` are what the model goes by: as it was asked for, its route's name, `provider/model`."""
        matching = [one for one in self._of(principal, names) if has_metadata(one, metadata)]
        blocking = [one for one in matching if one.action is Action.BLOCK]
        allowing = tuple(one for one in matching if one.action is Action.ALLOW)
        refusal = (
            _refused_by_key(principal, names)
            or next((_blocked(one, principal, names) for one in blocking if one.is_enforced), None)
            or self._unmatched(allowing, principal, names)
        )
        return Verdict(allowing, refusal, tuple(f"{SHADOW}{one.name}" for one in blocking if not one.is_enforced))

    def may_use(self, principal: Principal, names: Sequence[str]) -> bool:
        """Whether any call of this principal could use a model that goes by these names."""
        if _refused_by_key(principal, names):
            return False
        enforced = [one for one in self._of(principal, names) if one.is_enforced]
        if any(one.action is Action.BLOCK and not one.when for one in enforced):
            return False
        return self._default is Action.ALLOW or any(one.action is Action.ALLOW for one in enforced)

    def _of(self, principal: Principal, names: Sequence[str]) -> list[Policy]:
        """Those that match but for metadata."""
        return [one for one in self._policies if is_for(one.who, principal) and _is_about(one, names)]

    def _unmatched(self, allowing: Sequence[Policy], principal: Principal, names: Sequence[str]) -> str | None:
        """The refusal of what no enforced policy allows, where that means no."""
        if self._default is Action.ALLOW or any(one.is_enforced for one in allowing):
            return None
        return f"no policy allows {names[0]} for {principal.id}; {self._instead(principal, names)}"

    def _instead(self, principal: Principal, names: Sequence[str]) -> str:
        """What would be allowed: told of policies for this caller only."""
        own = [one for one in self._policies if one.is_enforced and is_for(one.who, principal)]
        own = [one for one in own if one.action is Action.ALLOW]
        if not own:
            return "none is for this caller"
        wanted = next((one for one in own if _is_about(one, names)), None)
        if wanted:
            pairs = ", ".join(f"{name} = {pattern}" for name, pattern in wanted.when.items())
            return f"the policy {wanted.name} does for calls with the metadata {pairs}"
        return f"ask for one of: {_listed(dict.fromkeys(model for one in own for model in one.models))}"


def is_for(who: Who, principal: Principal) -> bool:
    """Whether each kind of pattern that is given fits the caller by one of its patterns."""
    arns = (principal.role, f"{principal.role}/{principal.session}") if principal.session else (principal.role,)
    return (
        _fits_one(arns, who.arns)
        and _fits_one((principal.session,), who.sessions)
        and _fits_one((principal.account,), who.accounts)
        and _fits_one((principal.organisation,), who.organisations)
        and all(_fits_one((principal.tags.get(name),), patterns) for name, patterns in who.tags.items())
    )


def has_metadata(policy: Policy, metadata: Metadata) -> bool:
    """Whether all pairs of `when` are in the call's metadata, as JSON would write their values."""
    return all(name in metadata and fits(_written(metadata[name]), one) for name, one in policy.when.items())


def _fits_one(texts: Sequence[str | None], patterns: tuple[str, ...]) -> bool:
    return not patterns or any(text is not None and fits_any(text, patterns) for text in texts)


def _is_about(policy: Policy, names: Sequence[str]) -> bool:
    return _any_fits(names, policy.models)


def _any_fits(names: Sequence[str], models: Sequence[str]) -> bool:
    """In any case: some providers take a model's name in capitals, and a budget or a block is not evaded by these."""
    patterns = tuple(model.lower() for model in models)
    return any(fits_any(name.lower(), patterns) for name in names)


def _written(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refused_by_key(principal: Principal, names: Sequence[str]) -> str | None:
    key = principal.key
    if key is None or not key.models or _any_fits(names, key.models):
        return None
    return f"the key {key.name} may not use {names[0]}; ask for one of: {_listed(key.models)}"


def _blocked(policy: Policy, principal: Principal, names: Sequence[str]) -> str:
    return f"the policy {policy.name} blocks {names[0]} for {principal.id}"


def _listed(models: Sequence[str] | Mapping[str, None]) -> str:
    shown = list(models)
    return ", ".join(shown[:MOST_SHOWN]) + (", ..." if len(shown) > MOST_SHOWN else "")
