"""Ids of tool calls as Converse, and some families, want them: the same id always becomes the same other one."""

import hashlib
import re

from sluice.translation.family import Family

ALLOWED = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9_.:-]")
SHORT = re.compile(r"[a-zA-Z0-9]{9}")
SHORT_LENGTH, HASH_LENGTH, MAX_LENGTH = 9, 8, 64


def tool_id(asked: str, family: Family) -> str:
    """The id itself where it may stay; else as much of it as may, and a hash that keeps it apart from others."""
    digest = hashlib.sha256(asked.encode("utf-8", "surrogatepass")).hexdigest()
    if family.has_short_tool_ids:
        return asked if SHORT.fullmatch(asked) else digest[:SHORT_LENGTH]
    if ALLOWED.fullmatch(asked):
        return asked
    kept = NOT_ALLOWED.sub("_", asked)[: MAX_LENGTH - HASH_LENGTH - 1]
    return f"{kept}-{digest[:HASH_LENGTH]}"
