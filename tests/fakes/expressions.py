"""DynamoDB's condition and update expressions, evaluated on items in memory.

What the stores use, read strictly: an expression that this does not know is a mistake of the test or of the store. Each
is parsed once. `tests/integration/test_memory_dynamodb.py` compares it with real engines.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Attribute = dict[str, Any]
Item = dict[str, Attribute]
TOKEN = re.compile(r"\s*(?:([#:]?\w+)|(<>|<=|>=|[=<>(),+.-]))")
SETS = ("SS", "NS", "BS")
ORDERED = ("S", "N", "B")
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda one, other: bool(one < other),
    "<=": lambda one, other: bool(one <= other),
    ">": lambda one, other: bool(one > other),
    ">=": lambda one, other: bool(one >= other),
}
CLAUSES = ("SET", "REMOVE", "ADD", "DELETE")


class Invalid(Exception):
    """What DynamoDB answers with a ValidationException."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What names stand for while one expression is evaluated."""

    item: Item
    names: Mapping[str, str]
    values: Mapping[str, Attribute]

    def name(self, token: str) -> str:
        if token.startswith("#") and token not in self.names:
            raise Invalid(f"the name {token} is not bound")
        return self.names[token] if token.startswith("#") else token

    def value(self, token: str) -> Attribute:
        if token not in self.values:
            raise Invalid(f"the value {token} is not bound")
        return self.values[token]


Condition = Callable[[Scope], bool]
Operand = Callable[[Scope], Attribute | None]
Change = Callable[[Scope, Item], None]


def is_met(expression: str | None, scope: Scope) -> bool:
    return expression is None or condition(expression)(scope)


def updated(expression: str | None, scope: Scope) -> Item:
    """The item after the update; each operand is what it was before."""
    after = dict(scope.item)
    for change in changes(expression) if expression else ():
        change(scope, after)
    return after


@lru_cache(maxsize=512)
def condition(expression: str) -> Condition:
    parser = Parser(expression)
    found = parser.disjunction()
    parser.end()
    return found


@lru_cache(maxsize=512)
def changes(expression: str) -> tuple[Change, ...]:
    return tuple(Parser(expression).changes())


class Parser:
    """Recursive descent over one expression."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = tokens(expression)
        self._place = 0

    def end(self) -> None:
        if self._peek():
            raise Invalid(f"{self._peek()!r} is too much in {self._expression!r}")

    def disjunction(self) -> Condition:
        parts = [self._conjunction()]
        while self._takes("OR"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else lambda scope: any(part(scope) for part in parts)

    def _conjunction(self) -> Condition:
        parts = [self._negation()]
        while self._takes("AND"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else lambda scope: all(part(scope) for part in parts)

    def _negation(self) -> Condition:
        if self._takes("NOT"):
            inner = self._negation()
            return lambda scope: not inner(scope)
        if self._takes("("):
            inner = self.disjunction()
            self._expects(")")
            return inner
        if self._peek() in FUNCTIONS:
            return self._function()
        return self._comparison()

    def _function(self) -> Condition:
        test = FUNCTIONS[self._next()]
        self._expects("(")
        arguments = [self._operand()]
        while self._takes(","):
            arguments.append(self._operand())
        self._expects(")")
        return lambda scope: test(*[argument(scope) for argument in arguments])

    def _comparison(self) -> Condition:
        left, sign = self._operand(), self._next()
        if sign == "BETWEEN":
            low = self._operand()
            self._expects("AND")
            high = self._operand()
            return lambda scope: is_between(left(scope), low(scope), high(scope))
        if sign == "IN":
            self._expects("(")
            among = [self._operand()]
            while self._takes(","):
                among.append(self._operand())
            self._expects(")")
            return lambda scope: any(is_equal(left(scope), one(scope)) for one in among)
        right = self._operand()
        return lambda scope: compared(sign, left(scope), right(scope))

    def _operand(self) -> Operand:
        token = self._next()
        if token == "size":
            self._expects("(")
            inner = self._operand()
            self._expects(")")
            return lambda scope: size(inner(scope))
        if token.startswith(":"):
            return lambda scope: scope.value(token)
        return self._path(token)

    def _path(self, first: str) -> Operand:
        steps = [first]
        while self._takes("."):
            steps.append(self._next())
        if len(steps) == 1:
            return lambda scope: scope.item.get(scope.name(first))
        return lambda scope: deep({"M": scope.item}, [scope.name(step) for step in steps])

    def changes(self) -> list[Change]:
        found: list[Change] = []
        while clause := self._peek():
            if clause not in CLAUSES:
                raise Invalid(f"{clause!r} begins no clause of {self._expression!r}")
            self._place += 1
            found.append(self._change(clause))
            while self._takes(","):
                found.append(self._change(clause))
        return found

    def _change(self, clause: str) -> Change:
        name = self._next()
        if clause == "REMOVE":
            return lambda scope, after: remove(after, scope.name(name))
        if clause == "SET":
            self._expects("=")
            value = self._sum()
            return lambda scope, after: assign(after, scope.name(name), value(scope))
        operand = self._operand()
        effect = add if clause == "ADD" else discard
        return lambda scope, after: effect(after, scope.name(name), operand(scope))

    def _sum(self) -> Operand:
        left = self._term()
        for sign, factor in (("+", 1), ("-", -1)):
            if self._takes(sign):
                return added_up(left, self._term(), factor)
        return left

    def _term(self) -> Operand:
        if not self._takes("if_not_exists"):
            return self._operand()
        self._expects("(")
        stored = self._operand()
        self._expects(",")
        instead = self._sum()
        self._expects(")")
        return lambda scope: instead(scope) if (found := stored(scope)) is None else found

    def _peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise Invalid(f"{self._expression!r} ends too soon")
        self._place += 1
        return token

    def _takes(self, token: str) -> bool:
        is_there = self._peek() == token
        self._place += is_there
        return is_there

    def _expects(self, token: str) -> None:
        if not self._takes(token):
            raise Invalid(f"{token!r} is missing in {self._expression!r}")


def tokens(expression: str) -> tuple[str, ...]:
    found, place = [], 0
    while place < len(expression.rstrip()):
        match = TOKEN.match(expression, place)
        if match is None:
            raise Invalid(f"{expression[place:]!r} cannot be read")
        found.append(match[1] or match[2])
        place = match.end()
    return tuple(found)


def kind(attribute: Attribute | None) -> str:
    return next(iter(attribute)) if attribute else ""


def plain(attribute: Attribute) -> Any:
    """Comparable with others of its kind."""
    ((name, value),) = attribute.items()
    if name == "N":
        return number(value)
    return frozenset(value) if name in SETS else value


def number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdigit() else float(text)


def is_equal(one: Attribute | None, other: Attribute | None) -> bool:
    return one is not None and other is not None and kind(one) == kind(other) and bool(plain(one) == plain(other))


def compared(sign: str, one: Attribute | None, other: Attribute | None) -> bool:
    if sign in ("=", "<>"):
        return is_equal(one, other) is (sign == "=")
    if sign not in COMPARISONS:
        raise Invalid(f"{sign!r} compares nothing")
    if one is None or other is None or kind(one) != kind(other) or kind(one) not in ORDERED:
        return False
    return COMPARISONS[sign](plain(one), plain(other))


def is_between(one: Attribute | None, low: Attribute | None, high: Attribute | None) -> bool:
    if compared(">", low, high):
        raise Invalid("BETWEEN has its bounds in the wrong order")
    return compared(">=", one, low) and compared("<=", one, high)


def contains(whole: Attribute | None, part: Attribute | None) -> bool:
    if whole is None or part is None:
        return False
    if kind(whole) == "L":
        return part in whole["L"]
    return next(iter(part.values())) in next(iter(whole.values()))


def begins(whole: Attribute | None, part: Attribute | None) -> bool:
    return kind(whole) == kind(part) == "S" and bool((whole or {})["S"].startswith((part or {})["S"]))


def size(attribute: Attribute | None) -> Attribute | None:
    if attribute is None or kind(attribute) in ("N", "BOOL", "NULL"):
        return None
    value = next(iter(attribute.values()))
    return {"N": str(len(value.encode()) if isinstance(value, str) else len(value))}


FUNCTIONS: dict[str, Callable[..., bool]] = {
    "attribute_exists": lambda one: one is not None,
    "attribute_not_exists": lambda one: one is None,
    "attribute_type": lambda one, wanted: kind(one) == wanted["S"],
    "begins_with": begins,
    "contains": contains,
}


def deep(attribute: Attribute | None, steps: list[str]) -> Attribute | None:
    for step in steps:
        attribute = attribute["M"].get(step) if kind(attribute) == "M" and attribute else None
    return attribute


def added_up(left: Operand, right: Operand, factor: int) -> Operand:
    def result(scope: Scope) -> Attribute:
        one, other = left(scope), right(scope)
        if one is None or other is None or {kind(one), kind(other)} != {"N"}:
            raise Invalid("an operand in the update expression has an incorrect data type")
        return {"N": repr(plain(one) + factor * plain(other))}

    return result


def assign(after: Item, name: str, value: Attribute | None) -> None:
    if value is None:
        raise Invalid(f"what {name} is set to refers to an attribute that does not exist in the item")
    after[name] = value


def remove(after: Item, name: str) -> None:
    after.pop(name, None)


def add(after: Item, name: str, value: Attribute | None) -> None:
    held = after.get(name)
    if value is None or (held is not None and kind(held) != kind(value)) or kind(value) not in ("N", *SETS):
        raise Invalid("an operand in the update expression has an incorrect data type")
    if kind(value) == "N":
        after[name] = {"N": repr((plain(held) if held else 0) + plain(value))}
    else:
        after[name] = {kind(value): sorted(plain(held or {kind(value): ()}) | plain(value))}


def discard(after: Item, name: str, value: Attribute | None) -> None:
    held = after.get(name)
    if value is None or kind(value) not in SETS or (held is not None and kind(held) != kind(value)):
        raise Invalid("an operand in the update expression has an incorrect data type")
    left = plain(held) - plain(value) if held else frozenset()
    if left:
        after[name] = {kind(value): sorted(left)}
    else:
        after.pop(name, None)
