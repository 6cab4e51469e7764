"""The table `[routes]` of the configuration: public model names, and the targets that each leads to."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sluice.checked import Key, checked, is_count, is_list, is_names, is_table, is_text
from sluice.domain.call import Target
from sluice.domain.errors import Misconfigured
from sluice.domain.route import Backoff, Leg, Retry, Route, Sticky, Strategy
from sluice.provider_settings import WAIT_KEYS, ProviderSettings

ROUTE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
APIS = ("openai",)
MOST_ATTEMPTS = 5
MOST_DELAY_SECONDS = 5
MOST_WEIGHT = 1_000_000
MAX_TARGETS = 16
FIXED = frozenset({"model", "models", "stream", "stream_options"})  # what the gateway itself decides by
SPREADS = (Strategy.WEIGHTED, Strategy.ROUND_ROBIN)


def _is_one_of(names: type[Strategy] | type[Backoff] | type[Sticky]) -> Any:
    return lambda value: isinstance(value, str) and value in list(names)


def _named(names: type[Strategy] | type[Backoff] | type[Sticky]) -> str:
    *most, last = (f'"{name}"' for name in names)
    return f"{', '.join(most)} or {last}"


def _is_whole(least: int, most: int) -> Any:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_delay(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST_DELAY_SECONDS


def _are_statuses(value: object) -> bool:
    return isinstance(value, list) and all(_is_whole(400, 599)(one) for one in value)


STATUSES = "a list of statuses from 400 to 599"
ROUTE_KEYS = {
    "targets": Key(f'1 to {MAX_TARGETS} targets, [{{ model = "provider/model" }}, ...]', is_list),
    "strategy": Key(_named(Strategy), _is_one_of(Strategy), Strategy.PRIORITY),
    "sticky": Key(_named(Sticky), _is_one_of(Sticky)),
    "retry": Key("a table", is_table, {}),
    "fallback_statuses": Key(STATUSES, _are_statuses),
}
RETRY_KEYS = {
    "attempts": Key(f"a whole number from 1 to {MOST_ATTEMPTS}", _is_whole(1, MOST_ATTEMPTS)),
    "backoff": Key(_named(Backoff), _is_one_of(Backoff)),
    "delay_seconds": Key(f"seconds, from 0 to {MOST_DELAY_SECONDS}", _is_delay),
    "statuses": Key(STATUSES, _are_statuses),
}
TARGET_KEYS = WAIT_KEYS | {
    "model": Key('"provider/model"', is_text),
    "base_model": Key("the id of the model behind an inference profile or a deployment", is_text),
    "api": Key('"openai"', lambda value: value in APIS),
    "weight": Key(f"a whole number from 1 to {MOST_WEIGHT}", _is_whole(1, MOST_WEIGHT), 1),
    "override": Key("a table of the request's fields", is_table, {}),
    "drop": Key("a list of the request's fields", is_names, []),
    "max_input_tokens": Key("tokens, a whole number", is_count),
}


def routes(table: Mapping[str, Any], providers: Mapping[str, ProviderSettings], retry: Retry) -> dict[str, Route]:
    """All routes; `retry` is that of `[defaults]`. Raises Misconfigured."""
    found = {name: _route(name, value, providers, retry) for name, value in table.items()}
    targets(found)
    return found


def retry(table: Mapping[str, Any], where: str, default: Retry) -> Retry:
    """How often a target is tried again, and when."""
    values = checked(table, RETRY_KEYS, where)
    kept = {name: value for name, value in values.items() if value is not None}
    if "backoff" in kept:
        kept["backoff"] = Backoff(kept["backoff"])
    if "statuses" in kept:
        kept["statuses"] = frozenset(kept["statuses"])
    return replace(default, **kept)


def targets(routes: Mapping[str, Route]) -> dict[str, Target]:
    """Targets of which a route says more than their name; what one says holds wherever the model is named."""
    found: dict[str, Target] = {}
    for name, route in routes.items():
        for target in (leg.target for leg in route.legs if leg.target.base_model or leg.target.api):
            if found.setdefault(str(target), target) != target:
                raise Misconfigured(f"routes.{name}: {target} has another base_model or api in another route")
    return found


def _route(name: str, value: object, providers: Mapping[str, ProviderSettings], default: Retry) -> Route:
    """Written short as a string, or long as a table of targets."""
    if not ROUTE_NAME.fullmatch(name):
        raise Misconfigured(f"routes.{name!r}: a route's name is letters, digits, . _ : and -")
    where = f"routes.{name}"
    if isinstance(value, str):
        return Route(name, (Leg(_target(where, {"model": value}, providers)),), retry=default)
    values = checked(value, ROUTE_KEYS, where)
    rows = values["targets"]
    if not rows or len(rows) > MAX_TARGETS:
        raise Misconfigured(f"{where}.targets: want {ROUTE_KEYS['targets'].wants}")
    made = Route(
        name,
        tuple(_leg(f"{where}.targets[{place}]", row, providers) for place, row in enumerate(rows)),
        Strategy(values["strategy"]),
        retry(values["retry"], f"{where}.retry", default),
        Sticky(values["sticky"]) if values["sticky"] else None,
    )
    if made.sticky and made.strategy not in SPREADS:
        words = f"goes with strategy {' or '.join(SPREADS)}; {made.strategy} does not spread calls over targets"
        raise Misconfigured(f"{where}.sticky {words}")
    if made.strategy is not Strategy.WEIGHTED and any(leg.weight != 1 for leg in made.legs):
        raise Misconfigured(f'{where}: weights go with strategy = "weighted", not {made.strategy}')
    statuses = values["fallback_statuses"]
    return made if statuses is None else replace(made, fallback_statuses=frozenset(statuses))


def _leg(where: str, row: object, providers: Mapping[str, ProviderSettings]) -> Leg:
    values = checked(row, TARGET_KEYS, where)
    if values["model"] is None:
        raise Misconfigured(f"{where}.model is missing")
    for name in sorted({*values["override"], *values["drop"]} & FIXED):
        raise Misconfigured(f"{where}: {name} cannot be overridden or dropped")
    timeouts = {name: values[name] for name in WAIT_KEYS if values[name] is not None}
    target = _target(where, values, providers)
    return Leg(
        target, values["weight"], timeouts, values["override"], tuple(values["drop"]), values["max_input_tokens"]
    )


def _target(where: str, values: Mapping[str, Any], providers: Mapping[str, ProviderSettings]) -> Target:
    provider, _, model = str(values["model"]).partition("/")
    if provider not in providers or not model:
        known = ", ".join(sorted(providers))
        raise Misconfigured(f"{where} = {values['model']!r}: want provider/model with one of the providers {known}")
    target = Target(provider, model, values.get("base_model"), values.get("api"))
    if target.api and providers[provider].kind != "bedrock":
        raise Misconfigured(f'{where}.api goes with a provider of kind = "bedrock"')
    return target
