"""Who may use which model, how fast and for how much."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Action(StrEnum):
    """What a policy says of the calls it matches, and what is said of those that none matches."""

    ALLOW = "allow"
    BLOCK = "block"


class Mode(StrEnum):
    """A policy in the shadow refuses nothing: what it would have refused is noted."""

    ENFORCE = "enforce"
    SHADOW = "shadow"


class Window(StrEnum):
    """How long a budget lasts; days, weeks (from Monday) and months are those of UTC."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    TOTAL = "total"


class Estimate(StrEnum):
    """What is reserved of a budget before a call: what such calls have cost, or the most that it can cost."""

    TYPICAL = "typical"
    STRICT = "strict"


class GuardAction(StrEnum):
    """What is done with a prompt in which a guard finds something."""

    FLAG = "flag"
    MASK = "mask"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Who:
    """Callers, by patterns in which `*` stands for any text: each kind that is given has to fit, by any of its
    patterns. None given fits everybody. `arns` are compared with the role's or user's ARN, whole and with the session.
    """

    arns: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Budget:
    """Nano-dollars in a window.

    `per` is whose: "principal", "session", "key", "all", or "tag:<name>" for all whose keys have the same tag. `name`
    is told to callers: the policy's name, and a number where it has several. Above the limit, `overshoot` nano-dollars
    are the most that calls under way can add; none under `strict`. `max_output_tokens` are asked for where a call names
    no limit of its own (strict only). `is_hot`: twenty calls a second and more; `fallback` is the route for calls that
    it has no room for.
    """

    name: str
    limit: int
    window: Window
    per: str = "principal"
    estimate: Estimate = Estimate.TYPICAL
    overshoot: int = 0
    max_output_tokens: int = 4096
    is_hot: bool = False
    fallback: str | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests and tokens in a minute, calls at once; None for no limit. `per` as in a budget, `name` too."""

    name: str
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent: int | None = None
    per: str = "principal"


@dataclass(frozen=True, slots=True)
class Guard:
    """What is looked for in prompts. `patterns` are names; `guardrail` is a Bedrock guardrail's id or ARN."""

    patterns: tuple[str, ...] = ()
    action: GuardAction = GuardAction.FLAG
    guardrail: str | None = None
    guardrail_version: str = "DRAFT"


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy. `models` are patterns of what was asked for, of the route's name and of `provider/model`; `when`
    are pairs of the call's metadata, each a pattern.
    """

    name: str
    who: Who = Who()
    models: tuple[str, ...] = ("*",)
    action: Action = Action.ALLOW
    mode: Mode = Mode.ENFORCE
    when: Mapping[str, str] = field(default_factory=dict)
    budgets: tuple[Budget, ...] = ()
    rate: Rate | None = None
    guard: Guard | None = None

    @property
    def is_enforced(self) -> bool:
        return self.mode is Mode.ENFORCE
