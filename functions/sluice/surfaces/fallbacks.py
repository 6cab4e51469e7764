"""OpenRouter's `models`: more models to try, in order, when the first one fails. Read here, and never sent on.

https://openrouter.ai/docs/features/model-routing
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sluice.domain.call import Step
from sluice.domain.errors import InvalidRequest

MAX_MODELS = 16
FIELD = "models"


def with_model(body: dict[str, Any]) -> dict[str, Any]:
    """The body with the first of its `models` as its model, where it names none. Raises InvalidRequest."""
    if FIELD not in body:
        return body
    models = body[FIELD]
    is_list = isinstance(models, list) and 0 < len(models) <= MAX_MODELS
    if not (is_list and all(isinstance(one, str) and one for one in models)):
        raise InvalidRequest(f"models is wrong; want a list of 1 to {MAX_MODELS} models", param=FIELD)
    return body if body.get("model") is not None else {**body, "model": models[0]}


def fallbacks(step: Step) -> tuple[Step, ...]:
    """One step for each model that the body names, each model once; the step itself where there is no list."""
    body = step.request.body
    if FIELD not in body or step.request.named is not None:
        return (step,)
    names = dict.fromkeys([step.request.model, *body[FIELD]])
    return tuple(replace(step, request=replace(step.request, body=_asking(body, name))) for name in names)


def _asking(body: Mapping[str, Any], model: str) -> dict[str, Any]:
    return {**{name: value for name, value in body.items() if name != FIELD}, "model": model}
