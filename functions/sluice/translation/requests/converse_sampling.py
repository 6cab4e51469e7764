"""How the model picks its words, and how many.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InferenceConfiguration.html
"""

from typing import Any

from sluice.translation.family import Sampling, TopK
from sluice.translation.requests.draft import Draft
from sluice.translation.requests.json_values import Value

LENGTHS = ("max_completion_tokens", "max_tokens")  # the first that is there counts
MOST = 1.0  # OpenAI's temperature goes to 2


def bounds(draft: Draft) -> None:
    """Writes `maxTokens` and `stopSequences`."""
    fields = [draft.field(name) for name in LENGTHS]
    asked = next((field for field in fields if not field.is_absent), None)
    if asked is not None:
        tokens = max(asked.whole(1), draft.family.least_tokens)
        if tokens != asked.raw:
            draft.warn(asked.path)
        _configure(draft, "maxTokens", tokens)
    stops = _stops(draft.field("stop"))
    if stops and not draft.family.takes_stop:
        draft.warn("stop")
    elif stops:
        _configure(draft, "stopSequences", stops)


def sampling(draft: Draft) -> None:
    """Writes `temperature`, `topP` and the family's top_k, as far as it takes them."""
    temperature, top_p = _share(draft.field("temperature"), draft), _share(draft.field("top_p"), draft)
    if _is_fixed(draft):
        _drop(draft, temperature=temperature, top_p=top_p)
    else:
        if temperature is not None and top_p is not None and draft.family.sampling is Sampling.EITHER:
            _drop(draft, top_p=top_p)
            top_p = None
        _configure(draft, "temperature", temperature)
        _configure(draft, "topP", top_p)
    _top_k(draft)


def _is_fixed(draft: Draft) -> bool:
    """The family takes no sampling, or takes none while it thinks this way."""
    config = draft.model_fields.get("reasoningConfig")
    is_high_nova = isinstance(config, dict) and config.get("maxReasoningEffort") == "high"
    return draft.family.sampling is Sampling.NONE or draft.is_claude_thinking or is_high_nova


def _top_k(draft: Draft) -> None:
    asked = draft.field("top_k")
    if asked.is_absent:
        return
    count = asked.whole(0)
    forms: dict[TopK, dict[str, Any]] = {TopK.FLAT: {"top_k": count}, TopK.NOVA: {"inferenceConfig": {"topK": count}}}
    fields = None if _is_fixed(draft) else forms.get(draft.family.top_k)
    if fields is None:
        draft.warn("top_k")
    else:
        draft.add_model_fields(fields)


def _stops(asked: Value) -> list[str]:
    """A string or a list of them; empty ones go."""
    if asked.is_absent:
        return []
    texts = [asked.raw] if isinstance(asked.raw, str) else [one.text() for one in asked.items()]
    return [text for text in texts if text]


def _share(asked: Value, draft: Draft) -> float | None:
    """A number from 0 to 1; what is above is 1."""
    if asked.is_absent:
        return None
    share = min(asked.number(), MOST)
    if asked.number() > MOST:
        draft.warn(asked.path)
    return share


def _drop(draft: Draft, **found: float | None) -> None:
    for name, value in found.items():
        if value is not None:
            draft.warn(name)


def _configure(draft: Draft, name: str, value: Any) -> None:
    if value is not None:
        draft.body.setdefault("inferenceConfig", {})[name] = value
