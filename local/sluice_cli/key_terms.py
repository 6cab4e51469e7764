"""What a virtual key may do, as it is typed: `10.00/month`, `60/min`, `team=search`, `90d`."""

import argparse
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from sluice_cli.failure import UsageError
from sluice_cli.money import NANO
from sluice_cli.period import SECONDS, SPAN

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
MAX_TEXT = 128
MAX_MODEL_LENGTH = 256
MAX_MODELS = 32
MAX_TAGS = 16
MAX_REQUESTS, MAX_TOKENS, MAX_CONCURRENT = 10**6, 10**9, 1000  # as in gateway.toml
RATES = ("requests_per_minute", "tokens_per_minute", "concurrent")
WINDOWS = ("day", "week", "month", "total")
DOLLARS = re.compile(r"([0-9]{1,9})(?:[.]([0-9]{1,9}))?")
PERCENT = re.compile(r"[0-9]{1,5}(?:[.][0-9]{1,2})?%")
TYPICAL, STRICT = "typical", "strict"

Clock = Callable[[], float]
Budget = Mapping[str, str]  # as a key's row has it: usd, window, estimate, overshoot


@dataclass(frozen=True, slots=True)
class Terms:
    """Of one key. `rate` has the names of a policy's, those that there are; `until` is epoch seconds, None for ever."""

    name: str
    owner: str
    models: tuple[str, ...] = ()
    budgets: tuple[Budget, ...] = ()
    rate: Mapping[str, int] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    until: int | None = None

    @classmethod
    def of(cls, options: argparse.Namespace) -> "Terms":
        """Those of `sluice keys create`. Raises UsageError."""
        called = name(options.word)
        if not options.owner:
            raise UsageError("say whose key it is: --owner EMAIL")
        limits = (options.rate, options.tokens, options.concurrent)
        return cls(
            called,
            options.owner,
            _at_most(
                MAX_MODELS, "models", tuple(dict.fromkeys(one for group in options.models or () for one in group))
            ),
            _budgets(options),
            {name: limit for name, limit in zip(RATES, limits, strict=True) if limit is not None},
            _tags(options.tag or ()),
            options.expires,
        )


def name(text: str | None) -> str:
    if text is None:
        raise UsageError("name the key: `sluice keys create NAME --owner EMAIL`")
    if text.startswith("slu_"):
        raise UsageError("keys themselves begin with slu_, no name does; choose another one")
    if not NAME.fullmatch(text):
        raise UsageError(f"{text[:80]!r} is no name of a key; use 1 to 64 letters, digits and . _ @ -")
    return text


def owner(text: str) -> str:
    """For argparse, as all below."""
    if not (text.strip() and text.isprintable() and len(text) <= MAX_TEXT):
        raise argparse.ArgumentTypeError(f"an owner is one line of 1 to {MAX_TEXT} characters, such as an address")
    return text


def models(text: str) -> tuple[str, ...]:
    found = tuple(one for one in (part.strip() for part in text.split(",")) if one)
    if not found or not all(one.isascii() and one.isprintable() and len(one) <= MAX_MODEL_LENGTH for one in found):
        raise argparse.ArgumentTypeError(f"{text!r} names no model; smart,openai/gpt-* does")
    return found


def budget(text: str) -> tuple[str, str]:
    """Dollars and their window."""
    amount, _, window = text.removeprefix("$").partition("/")
    if not nano_dollars(amount) or window not in WINDOWS:
        raise argparse.ArgumentTypeError(f"{text!r} is no budget; use dollars/{'|'.join(WINDOWS)}, as in 10.00/month")
    return amount, window


def overshoot(text: str) -> str:
    amount = text.removeprefix("$")
    if nano_dollars(amount) is None and not PERCENT.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no overshoot; use dollars or a part of the budget: 0.50, 10%")
    return amount


def nano_dollars(text: str) -> int | None:
    """Exactly; None for what is no amount."""
    match = DOLLARS.fullmatch(text)
    return int(match[1]) * NANO + int((match[2] or "").ljust(9, "0")) if match else None


def requests(text: str) -> int:
    return _limit(text.removesuffix("/min"), MAX_REQUESTS, "60/min")


def tokens(text: str) -> int:
    return _limit(text.removesuffix("/min"), MAX_TOKENS, "200000/min")


def concurrent(text: str) -> int:
    return _limit(text, MAX_CONCURRENT, "4")


def _limit(text: str, most: int, example: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:14]) <= most):
        raise argparse.ArgumentTypeError(f"{text!r} is no limit; use a whole number up to {most:,}, as in {example}")
    return int(text)


def tag(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    if not NAME.fullmatch(key) or not (value and value.isprintable() and len(value) <= MAX_TEXT):
        raise argparse.ArgumentTypeError(f"{text!r} is no tag; use NAME=VALUE, as in team=search")
    return key, value


def span(text: str) -> int:
    """Seconds; 0 for none."""
    match = SPAN.fullmatch(text)
    if text != "0" and not match:
        raise argparse.ArgumentTypeError(f"{text!r} is no span of time; 30m, 24h, 7d and 0 are")
    return int(match[1]) * SECONDS[match[2]] if match else 0


def expiry(text: str, clock: Clock = time.time) -> int:
    """When a key ends: after a span, at the beginning of a day (UTC), or at a moment; epoch seconds."""
    found = _ending(text, clock())
    if found is None:
        wanted = "90d, 24h, 2027-01-01 (UTC) or 2027-01-01T14:30"
        raise argparse.ArgumentTypeError(f"{text!r} is no time to end at; {wanted} are")
    if found <= clock():
        raise argparse.ArgumentTypeError(f"{text} is over; use a time to come")
    return found


def _ending(text: str, now: float) -> int | None:
    if match := SPAN.fullmatch(text):
        return int(now) + int(match[1]) * SECONDS[match[2]]
    try:
        day = date.fromisoformat(text)
        return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    except ValueError:
        pass
    try:
        return int(datetime.fromisoformat(text).astimezone().timestamp())
    except (ValueError, OverflowError):
        return None


def _budgets(options: argparse.Namespace) -> tuple[Budget, ...]:
    """One for each window."""
    given: list[tuple[str, str]] = options.budget or []
    if not given and (options.strict or options.overshoot):
        raise UsageError("--strict and --overshoot say how a --budget is kept; add one, as in --budget 10.00/month")
    if options.strict and options.overshoot:
        raise UsageError("a strict budget is never overrun; leave out --overshoot, or --strict")
    windows = [window for _, window in given]
    if len(set(windows)) < len(windows):
        raise UsageError("a key has one --budget for each window; the smaller one would be all that counts")
    extra = {"overshoot": options.overshoot} if options.overshoot else {}
    estimate = STRICT if options.strict else TYPICAL
    return tuple({"usd": amount, "window": window, "estimate": estimate, **extra} for amount, window in given)


def _tags(pairs: list[tuple[str, str]] | tuple[()]) -> dict[str, str]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise UsageError("a tag has one value; leave out the other --tag of the same name")
    _at_most(MAX_TAGS, "tags", tuple(found))
    return found


def _at_most(most: int, what: str, found: tuple[str, ...]) -> tuple[str, ...]:
    if len(found) > most:
        raise UsageError(f"a key has at most {most} {what}, and here are {len(found)}")
    return found
