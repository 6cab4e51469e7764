"""A chat's reasoning_effort, as Claude's generations want to be asked.

Up to 4.5 an effort is a budget of thinking tokens, which must be at least 1,024 and less than max_tokens. From 4.6 on
thinking is adaptive and the effort is told in words; without `display` its text would be left out.
https://platform.claude.com/docs/en/build-with-claude/extended-thinking
https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking
"""

import re
from collections.abc import Mapping
from typing import Any

from sluice.domain.errors import InvalidRequest
from sluice.translation.family import Family, Reasoning
from sluice.translation.requests import message_value

BUDGETS = {"minimal": 1024, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 8192}
WORDS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
LEAST_BUDGET = 1024
# The API requires max_tokens where a chat does not. Each generation's own limit, so that no answer is cut for nothing:
# https://platform.claude.com/docs/en/about-claude/models/overview
LIMITS = (
    (re.compile(r"claude-(opus-4-[678]|sonnet-4-6)"), 128000),
    (re.compile(r"claude-3-5"), 8192),
    (re.compile(r"claude-(3-(opus|sonnet|haiku)|2|v2|instant)"), 4096),
    (re.compile(r"claude-opus-4(-0|-1|-20|$)"), 32000),
    (re.compile(r"claude-"), 64000),
)
UNKNOWN_LIMIT = 4096


def max_tokens(body: Mapping[str, Any], model: str) -> int:
    """What the caller set, by the newer of the two names, or the model's own limit."""
    for name in ("max_completion_tokens", "max_tokens"):
        if body.get(name) is not None:
            return message_value.count(body[name], name)
    return next((limit for pattern, limit in LIMITS if pattern.search(model)), UNKNOWN_LIMIT)


def thinking(body: Mapping[str, Any], family: Family, limit: int) -> dict[str, Any]:
    """`thinking` and `output_config` as the request needs them; empty where the model is not to think.

    A caller may also send Anthropic's own `thinking`, which goes on as it is.
    """
    if body.get("thinking") is not None:
        return {"thinking": dict(message_value.mapping(body["thinking"], "thinking"))}
    effort = asked(body)
    if effort is None or family.reasoning not in WAYS:
        return {}
    return WAYS[family.reasoning](effort, family, limit)


def asked(body: Mapping[str, Any]) -> str | None:
    effort = body.get("reasoning_effort")
    if effort is None or effort == "none":
        return None
    if isinstance(effort, str) and effort in BUDGETS:
        return effort
    known = ", ".join(["none", *BUDGETS])
    raise InvalidRequest(f"reasoning_effort must be one of {known}", param="reasoning_effort")


def is_followed(effort: str, found: Mapping[str, Any], family: Family) -> bool:
    """The effort itself is asked for, in the generation's own words."""
    return bool(found) and effort in family.efforts and found.get("output_config", {}).get("effort", effort) == effort


def is_on(found: Mapping[str, Any]) -> bool:
    mode = found.get("thinking")
    return isinstance(mode, Mapping) and mode.get("type") in ("enabled", "adaptive")


def is_budgeted(found: Mapping[str, Any]) -> bool:
    mode = found.get("thinking")
    return isinstance(mode, Mapping) and mode.get("type") == "enabled"


def by_budget(effort: str, family: Family, limit: int) -> dict[str, Any]:
    del family
    if limit <= LEAST_BUDGET:
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": min(BUDGETS[effort], limit - 1)}}


def by_word(effort: str, family: Family, limit: int) -> dict[str, Any]:
    """A word that the generation does not know becomes the one below it."""
    del limit
    words = list(dict.fromkeys(WORDS.values()))
    upto = words[: words.index(WORDS[effort]) + 1]
    known = [word for word in upto if word in family.efforts]
    mode = {"type": "adaptive", "display": "summarized"}
    return {"thinking": mode, "output_config": {"effort": known[-1] if known else "low"}}


WAYS = {Reasoning.BUDGET: by_budget, Reasoning.ADAPTIVE: by_word}
