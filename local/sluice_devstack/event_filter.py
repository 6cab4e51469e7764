"""Which records of a stream a function hears of: Lambda's filter patterns, as far as the template writes them.

A pattern is an object; what it names has to be there, and to be one of the values in its list. A value is compared as
it is, `{"prefix": "..."}` with the beginning of a text. Anything else is a TemplateError rather than a guess.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sluice_devstack.intrinsics import TemplateError


def wants(patterns: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> bool:
    """Whether it fits one of them; without patterns, every record does."""
    return not patterns or any(_fits(pattern, record) for pattern in patterns)


def _fits(pattern: Any, value: Any) -> bool:
    if isinstance(pattern, Mapping):
        return isinstance(value, Mapping) and all(_fits(each, value.get(name)) for name, each in pattern.items())
    return any(_is(one, value) for one in pattern)


def _is(wanted: Any, value: Any) -> bool:
    if not isinstance(wanted, Mapping):
        return bool(wanted == value)
    if set(wanted) != {"prefix"}:
        raise TemplateError(f"template.yaml: the local stack cannot filter a stream by {dict(wanted)}")
    return isinstance(value, str) and value.startswith(wanted["prefix"])
