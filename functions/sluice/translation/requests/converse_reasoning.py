"""`reasoning_effort` in the words of each family.

https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html
https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from sluice.translation.family import Reasoning
from sluice.translation.requests.converse_extras import MAX_PATHS
from sluice.translation.requests.draft import Draft

FIELD = "reasoning_effort"
LADDER = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
BUDGETS = {"minimal": 1024, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 8192}
LEAST_BUDGET = 1024
ROOM_FOR_THE_ANSWER = 4096
TOKEN_DETAILS = "/usage/output_tokens_details"  # where Claude counts what it thought
WORDS: dict[Reasoning, Callable[[str], Mapping[str, Any]]] = {
    Reasoning.EFFORT: lambda effort: {"reasoning_effort": effort},
    Reasoning.EFFORT_OBJECT: lambda effort: {"reasoning": {"effort": effort}},
    Reasoning.WORD: lambda effort: {"reasoning_config": effort},
    Reasoning.ADAPTIVE: lambda effort: {
        "thinking": {"type": "adaptive", "display": "summarized"},
        "output_config": {"effort": effort},
    },
    Reasoning.NOVA: lambda effort: {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": effort}},
}
ARE_SILENT_BY_DEFAULT = frozenset(
    {Reasoning.NONE, Reasoning.BUDGET, Reasoning.ADAPTIVE, Reasoning.NOVA, Reasoning.WORD}
)


def reasoning(draft: Draft) -> None:
    """Writes the model's own fields, and where the count of tokens is to be found. Raises InvalidRequest."""
    asked = draft.field(FIELD)
    effort = None if asked.is_absent else _nearest(asked.one_of(LADDER), draft)
    if effort is not None and "thinking" in draft.model_fields:
        draft.warn(FIELD)
    elif effort is not None and draft.family.reasoning is Reasoning.BUDGET:
        _think(BUDGETS[effort], draft)
    elif effort is not None:
        draft.add_model_fields(WORDS[draft.family.reasoning](_bounded(effort, draft)))
    if draft.is_claude_thinking:
        _count(draft)


def _nearest(asked: str, draft: Draft) -> str | None:
    """The word itself, or the strongest below it, or the weakest; None where the model is to be left alone."""
    efforts = draft.family.efforts
    if asked in efforts:
        return asked
    if asked == "none":
        if draft.family.reasoning not in ARE_SILENT_BY_DEFAULT:
            draft.warn(FIELD)
        return None
    draft.warn(FIELD)
    below = [effort for effort in efforts if effort != "none" and LADDER.index(effort) < LADDER.index(asked)]
    words = [effort for effort in efforts if effort != "none"]
    return below[-1] if below else next(iter(words), None)


def _bounded(effort: str, draft: Draft) -> str:
    """Nova 2 takes no bound of tokens with its high effort; the bound is kept."""
    if draft.family.reasoning is Reasoning.NOVA and effort == "high" and _max_tokens(draft) is not None:
        draft.warn(FIELD)
        return "medium"
    return effort


def _think(budget: int, draft: Draft) -> None:
    """1,024 <= budget < maxTokens, and nothing where that cannot be, or where Claude would miss what it thought."""
    most = _max_tokens(draft)
    if (most is not None and most <= LEAST_BUDGET) or _has_lost_thoughts(draft.body["messages"]):
        draft.warn(FIELD)
        return
    if most is None:
        draft.body.setdefault("inferenceConfig", {})["maxTokens"] = budget + ROOM_FOR_THE_ANSWER
    else:
        budget = min(budget, most - 1)
    draft.add_model_fields({"thinking": {"type": "enabled", "budget_tokens": budget}})


def _max_tokens(draft: Draft) -> int | None:
    found: int | None = draft.body.get("inferenceConfig", {}).get("maxTokens")
    return found


def _has_lost_thoughts(messages: list[dict[str, Any]]) -> bool:
    """Tools answer a turn that came back without its thinking blocks: Claude refuses to think on."""
    if len(messages) < 2 or not any("toolResult" in block for block in messages[-1]["content"]):
        return False
    return not any("reasoningContent" in block for block in messages[-2]["content"])


def _count(draft: Draft) -> None:
    paths = draft.body.get("additionalModelResponseFieldPaths", [])
    if TOKEN_DETAILS not in paths and len(paths) < MAX_PATHS:
        draft.body["additionalModelResponseFieldPaths"] = [*paths, TOKEN_DETAILS]
