"""Which family a model's id belongs to: the first pattern of the table that fits it."""

import re

from sluice.translation.families_table import FAMILIES, UNKNOWN
from sluice.translation.family import Family

ARN_RESOURCE = re.compile(r"arn:[^/]*:[a-z-]+/([^/]+)")
GEOGRAPHY = re.compile(r"(?:us|us-gov|eu|ap|apac|jp|au|in|ca|sa|mx|uk|me|il|af|global)\.(?=[a-z0-9-]+\.)")
PATTERNS = tuple((re.compile(pattern), family) for pattern, family in FAMILIES)


def family(model: str) -> Family:
    """The family of a model's id, with or without geography or ARN; UNKNOWN where the name tells nothing."""
    name = bare(model)
    return next((family for pattern, family in PATTERNS if pattern.match(name)), UNKNOWN)


def bare(model: str) -> str:
    """A model's id without ARN and geography: `us.anthropic.claude-sonnet-5` is `anthropic.claude-sonnet-5`.

    Of an application inference profile only its own id is left, which says nothing of the model.
    """
    resource = ARN_RESOURCE.match(model)
    name = (resource[1] if resource else model).lower()
    return GEOGRAPHY.sub("", name, count=1) if GEOGRAPHY.match(name) else name
