"""What the gateway would serve with a configuration, for people and for programs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sluice_cli.judgement import Judgement
from sluice_cli.terminal import Screen

SHOWN_MODELS = 6
OF_PROVIDERS = ("kind", "preset", "base_url", "region", "endpoint", "secret")
OF_ROUTES = ("sticky", "retry", "fallback_statuses")
PRIORITY, WEIGHTED = "priority", "weighted"


def document(judgement: Judgement) -> dict[str, object]:
    """Everything: the providers, the routes as tables of targets, and the models."""
    return {
        **verdict(judgement),
        "providers": {name: _told(entry) for name, entry in judgement.providers.items()},
        "routes": routes_document(judgement),
        "models": list(judgement.models),
    }


def verdict(judgement: Judgement) -> dict[str, object]:
    return {"file": str(judgement.path), "valid": not judgement.error, "error": judgement.error or None}


def routes_document(judgement: Judgement) -> dict[str, object]:
    return {name: {"strategy": PRIORITY, **route} for name, route in judgement.routes.items()}


def whole(judgement: Judgement, screen: Screen) -> str:
    width = max(map(len, [*judgement.providers, *judgement.routes]))
    lines = [heading(judgement, screen), screen.paint("providers", "bold")]
    for name, entry in judgement.providers.items():
        told = ", ".join(f"{field} {value}" for field, value in _told(entry).items())
        lines += [f"  {name:{width}}  {told}", f"  {'':{width}}  {_models(judgement.models_of(name))}"]
    lines += [screen.paint("routes", "bold")] if judgement.routes else []
    return "\n".join([*lines, *routes(judgement, width)])


def heading(judgement: Judgement, screen: Screen) -> str:
    return f"{judgement.path} is {screen.paint('valid', 'green')}"


def routes(judgement: Judgement, width: int) -> Iterator[str]:
    """A line for a route of one target, else one for the route and one for each target in their order."""
    for name, route in judgement.routes.items():
        targets, said = route["targets"], _said(route)
        if len(targets) == 1 and not said:
            yield f"  {name:{width}}  {_target(targets[0])}"
            continue
        yield f"  {name:{width}}  {', '.join([route.get('strategy', PRIORITY), *said])}"
        yield from (f"  {'':{width}}  {line}" for line in _targets(route, targets))


def _said(route: Mapping[str, Any]) -> list[str]:
    return [f"{name} {_value(route[name])}" for name in OF_ROUTES if name in route]


def _targets(route: Mapping[str, Any], targets: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    total = sum(target.get("weight", 1) for target in targets)
    for number, target in enumerate(targets, 1):
        weight = target.get("weight", 1)
        share = f", weight {weight} of {total}" if route.get("strategy") == WEIGHTED else ""
        yield f"{number}. {_target(target)}{share}"


def _target(target: Mapping[str, Any]) -> str:
    more = [f"{name} {_value(value)}" for name, value in target.items() if name not in ("model", "weight")]
    return ", ".join([target["model"], *more])


def _value(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={_value(one)}" for name, one in value.items())
    return " ".join(map(_value, value)) if isinstance(value, list) else str(value)


def _told(entry: object) -> dict[str, str]:
    return {field: str(entry[field]) for field in OF_PROVIDERS if field in entry} if isinstance(entry, dict) else {}


def _models(names: list[str]) -> str:
    if not names:
        return "any model by provider/model; none is listed"
    shown = ", ".join(name.partition("/")[2] for name in names[:SHOWN_MODELS])
    return f"{len(names)} models: {shown}{', ...' if len(names) > SHOWN_MODELS else ''}"
