"""The tables `[[policies]]` and `[patterns]` of the configuration: who may use what, how fast and for how much.

What could be read as "everybody" or "everything" by mistake (an empty list, a pattern that no caller's ARN can fit) is
refused. Money is written as text or as whole dollars, never as a float, and is exact nano-dollars from here on.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sluice.checked import (
    Key,
    checked,
    dotted,
    is_list,
    is_one_of,
    is_switch,
    is_table,
    is_text,
    is_texts,
    is_whole,
    named,
    nearest,
    texts,
)
from sluice.domain.errors import Misconfigured
from sluice.domain.policy import Action, Budget, Estimate, Guard, GuardAction, Mode, Policy, Rate, Who, Window

MAX_POLICIES = 64
MAX_BUDGETS = 8  # of one policy
MAX_ALL_BUDGETS = 64  # of one file: a call may need them all at once, and a transaction has 100 items
MAX_PATTERNS = 32
MAX_PATTERN = 512  # characters of one regular expression

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,47}")
DOLLARS = re.compile(r"([0-9]{1,9})(?:[.]([0-9]{1,9}))?")
PERCENT = re.compile(r"([0-9]{1,5})(?:[.]([0-9]{1,2}))?%")
PER = re.compile(r"principal|session|key|all|tag:[A-Za-z0-9._-]{1,64}")
TYPICAL_OVERSHOOT = "100%"  # measured in tests/unit/policy/test_false_refusals.py
KNOWN_PATTERNS = ("card", "key", "email", "iban")  # those of policy/known_patterns.py


def is_dollars(value: object) -> bool:
    return is_whole(1, 10**9 - 1)(value) or (isinstance(value, str) and _nano(value) not in (None, 0))


def is_overshoot(value: object) -> bool:
    return isinstance(value, str) and (_nano(value) is not None or PERCENT.fullmatch(value) is not None)


def is_per(value: object) -> bool:
    return isinstance(value, str) and PER.fullmatch(value) is not None


def is_pairs(value: object) -> bool:
    return isinstance(value, dict) and bool(value) and all(is_text(one) for one in (*value, *value.values()))


def is_tags(value: object) -> bool:
    return isinstance(value, dict) and bool(value) and all(is_text(name) and is_texts(value[name]) for name in value)


def is_who(value: object) -> bool:
    return is_texts(value) or is_table(value)


def is_tables(value: object) -> bool:
    """One table, or a list of such."""
    return is_table(value) or (isinstance(value, list) and 0 < len(value) <= MAX_BUDGETS and all(map(is_table, value)))


DOLLARS_WANTED = 'dollars, as text ("50.00", at most 9 decimals) or a whole number, more than 0 and less than 10^9'
PER_WANTED = '"principal", "session", "key", "all" or "tag:<name>"'
PATTERN_LIST = "a text or a list of texts, in which * stands for any text"
POLICY_KEYS = {
    "name": Key("letters, digits, . _ and -, at most 48", lambda value: bool(is_text(value) and NAME.fullmatch(value))),
    "who": Key("an ARN, a list of ARNs, or a table of arn, session, account, organisation and tags", is_who),
    "models": Key(PATTERN_LIST, is_texts, "*"),
    "action": Key(named(Action), is_one_of(Action), Action.ALLOW),
    "mode": Key(named(Mode), is_one_of(Mode), Mode.ENFORCE),
    "when": Key("a table of metadata, each a text in which * stands for any text", is_pairs, {}),
    "budget": Key(f"a table, or a list of 1 to {MAX_BUDGETS} tables", is_tables, []),
    "rate": Key("a table", is_table),
    "guard": Key("a table", is_table),
}
WHO_KEYS = {
    "arn": Key(PATTERN_LIST, is_texts),
    "session": Key(PATTERN_LIST, is_texts),
    "account": Key(PATTERN_LIST, is_texts),
    "organisation": Key(PATTERN_LIST, is_texts),
    "tags": Key("a table of a key's tags, each a text or a list of texts", is_tags, {}),
}
BUDGET_KEYS = {
    "usd": Key(DOLLARS_WANTED, is_dollars),
    "window": Key(named(Window), is_one_of(Window), Window.MONTH),
    "per": Key(PER_WANTED, is_per, "principal"),
    "estimate": Key(named(Estimate), is_one_of(Estimate), Estimate.TYPICAL),
    "overshoot": Key('a percentage of the budget ("25%") or dollars as text ("5.00")', is_overshoot),
    "fallback": Key("the name of a route", is_text),
    "hot": Key("true or false", is_switch, False),
    "max_output_tokens": Key("tokens, a whole number", is_whole(1, 10_000_000), 4096),
}
RATE_KEYS = {
    "requests_per_minute": Key("a whole number from 1 to 1,000,000", is_whole(1, 1_000_000)),
    "tokens_per_minute": Key("a whole number from 1 to 1,000,000,000", is_whole(1, 1_000_000_000)),
    "concurrent": Key("a whole number from 1 to 1,000", is_whole(1, 1_000)),
    "per": Key(PER_WANTED, is_per, "principal"),
}
GUARD_KEYS = {
    "patterns": Key("a text or a list of texts, each the name of a pattern", is_texts),
    "action": Key(named(GuardAction), is_one_of(GuardAction), GuardAction.FLAG),
    "guardrail": Key("the id or the ARN of a Bedrock guardrail", is_text),
    "guardrail_version": Key('a version of the guardrail, as text ("3"), or "DRAFT"', is_text),
}


def policies(rows: object, routes: Mapping[str, object], own_patterns: Mapping[str, str]) -> tuple[Policy, ...]:
    """All policies, in the order of the file. Raises Misconfigured, naming the key and what it accepts."""
    if not is_list(rows) or not isinstance(rows, list) or len(rows) > MAX_POLICIES:
        raise Misconfigured(f"policies: want at most {MAX_POLICIES} tables, each written [[policies]]")
    found = tuple(_policy(row, place, routes, own_patterns) for place, row in enumerate(rows))
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise Misconfigured(f"policies: {name} is the name of {names.count(name)} policies; give each its own")
    if (count := sum(len(one.budgets) for one in found)) > MAX_ALL_BUDGETS:
        raise Misconfigured(f"policies: {count} budgets; want at most {MAX_ALL_BUDGETS} in one file")
    return found


def patterns(table: object) -> dict[str, str]:
    """The operator's own regular expressions, by name, each of which compiles and finds more than nothing."""
    if not isinstance(table, dict) or len(table) > MAX_PATTERNS:
        raise Misconfigured(f"[patterns]: want at most {MAX_PATTERNS} regular expressions, each with a name")
    for name, value in table.items():
        _check_pattern(dotted("patterns", name), name, value)
    return dict(table)


def budget(table: object, where: str, name: str, routes: Mapping[str, object] | None = None) -> Budget:
    """One budget. `routes` are those that `fallback` may name, None for any. Raises Misconfigured."""
    values = checked(table, BUDGET_KEYS, where)
    limit, is_strict = usd(values["usd"], where), values["estimate"] == Estimate.STRICT
    if is_strict and values["overshoot"] is not None:
        raise Misconfigured(f'{where}.overshoot goes with estimate = "typical": a strict budget has none')
    fallback = values["fallback"]
    if fallback is not None and routes is not None and fallback not in routes:
        raise Misconfigured(
            f"{where}.fallback = {fallback!r}: want {BUDGET_KEYS['fallback'].wants}{_near(fallback, routes)}"
        )
    return Budget(
        name=name,
        limit=limit,
        window=Window(values["window"]),
        per=values["per"],
        estimate=Estimate(values["estimate"]),
        overshoot=0 if is_strict else _overshoot(values["overshoot"] or TYPICAL_OVERSHOOT, limit),
        max_output_tokens=values["max_output_tokens"],
        is_hot=values["hot"],
        fallback=fallback,
    )


def rate(table: object, where: str, name: str) -> Rate:
    """One rate. Raises Misconfigured."""
    values = checked(table, RATE_KEYS, where)
    limits = [key for key in RATE_KEYS if key != "per"]
    if all(values[key] is None for key in limits):
        raise Misconfigured(f"{where} limits nothing: want one of {', '.join(limits)}")
    return Rate(name, **values)


def usd(value: object, where: str) -> int:
    """Nano-dollars of what is written as text or as a whole number. Raises Misconfigured."""
    if not is_dollars(value):
        raise Misconfigured(f"{where}.usd: want {DOLLARS_WANTED}")
    return _nano(str(value)) or 0


def _policy(row: object, place: int, routes: Mapping[str, object], own_patterns: Mapping[str, str]) -> Policy:
    values = checked(row, POLICY_KEYS, f"policies[{place}]")
    name = values["name"]
    if name is None:
        raise Misconfigured(f"policies[{place}].name is missing: want {POLICY_KEYS['name'].wants}")
    where = f"policies.{name}"
    for key in ("budget", "rate", "guard"):
        if values["action"] == Action.BLOCK and values[key]:
            raise Misconfigured(f'{where}.{key} goes with action = "allow": a policy that blocks has none')
    return Policy(
        name=name,
        who=_who(values["who"], f"{where}.who"),
        models=texts(values["models"]),
        action=Action(values["action"]),
        mode=Mode(values["mode"]),
        when=values["when"],
        budgets=_budgets(values["budget"], where, name, routes),
        rate=None if values["rate"] is None else rate(values["rate"], f"{where}.rate", name),
        guard=None if values["guard"] is None else _guard(values["guard"], f"{where}.guard", own_patterns),
    )


def _budgets(value: Any, where: str, name: str, routes: Mapping[str, object]) -> tuple[Budget, ...]:
    """Named as the policy, and with a number from the second on: a budget that is added renames none."""
    rows: Sequence[object] = value if isinstance(value, list) else [value]
    places = [("", ""), *((f"[{place}]", f":{place + 1}") for place in range(1, len(rows)))]
    return tuple(
        budget(row, f"{where}.budget{place}", f"{name}{number}", routes)
        for row, (place, number) in zip(rows, places, strict=False)
    )


def _who(value: object, where: str) -> Who:
    """Everybody where there is none; a table that says nothing is a mistake."""
    if value is None:
        return Who()
    values = checked(value if isinstance(value, dict) else {"arn": value}, WHO_KEYS, where)
    if not any(values.values()):
        raise Misconfigured(f"{where} is empty, which would be everybody: leave it out, or name {', '.join(WHO_KEYS)}")
    arns = texts(values["arn"])
    for arn in arns:
        _check_arn(arn, where)
    return Who(
        arns,
        texts(values["session"]),
        texts(values["account"]),
        texts(values["organisation"]),
        {tag: texts(one) for tag, one in values["tags"].items()},
    )


def _check_arn(arn: str, where: str) -> None:
    """Refuses what no caller can have: an assumed role's ARN is another than its role's in IAM."""
    if ":role/" in arn:
        role = arn.rpartition("/")[2]
        words = f"IAM names callers with a role arn:aws:sts::<account>:assumed-role/{role}/<session>"
        raise Misconfigured(f'{where} = "{arn}": {words}; want "arn:aws:sts::*:assumed-role/{role}/*"')
    if not arn.startswith(("arn:", "*")):
        raise Misconfigured(f'{where} = "{arn}": want an ARN, such as "arn:aws:sts::*:assumed-role/Developers/*"')


def _guard(table: object, where: str, own_patterns: Mapping[str, str]) -> Guard:
    values = checked(table, GUARD_KEYS, where)
    wanted = texts(values["patterns"])
    if not (wanted or values["guardrail"]):
        raise Misconfigured(f"{where} looks for nothing: want patterns or guardrail")
    if values["guardrail_version"] and not values["guardrail"]:
        raise Misconfigured(f"{where}.guardrail_version goes with guardrail")
    known = dict.fromkeys((*own_patterns, *KNOWN_PATTERNS))
    for name in wanted:
        if name not in known:
            raise Misconfigured(f"{where}.patterns: unknown pattern {name!r}{nearest(name, known)}")
    return Guard(wanted, GuardAction(values["action"]), values["guardrail"], values["guardrail_version"] or "DRAFT")


def _check_pattern(where: str, name: str, value: object) -> None:
    if not NAME.fullmatch(name):
        raise Misconfigured(f"{where}: a pattern's name is {POLICY_KEYS['name'].wants}")
    if not (isinstance(value, str) and 0 < len(value) <= MAX_PATTERN):
        raise Misconfigured(f"{where}: want a regular expression of 1 to {MAX_PATTERN} characters")
    try:
        expression = re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise Misconfigured(f"{where} is no regular expression of Python: {error}") from None
    if expression.search("") is not None:
        raise Misconfigured(
            f"{where} fits the empty text, so it would find something everywhere: want at least a character"
        )


def _overshoot(text: str, limit: int) -> int:
    """Nano-dollars; of a percentage, rounded down."""
    match = PERCENT.fullmatch(text)
    if match is None:
        return _nano(text) or 0
    return limit * int(match[1] + (match[2] or "").ljust(2, "0")) // 10_000


def _nano(text: str) -> int | None:
    """Nano-dollars of dollars as text, exactly; None where it is something else."""
    match = DOLLARS.fullmatch(text)
    return int(match[1]) * 10**9 + int((match[2] or "").ljust(9, "0")) if match else None


def _near(name: str, routes: Mapping[str, object]) -> str:
    return nearest(name, routes) if routes else "; there are no routes"
