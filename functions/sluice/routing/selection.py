"""From a model string to its route: a route's name, or `provider/model`, which is a route to one target."""

import re
from collections.abc import Mapping
from difflib import get_close_matches

from sluice.domain.call import Target
from sluice.domain.errors import ModelNotFound
from sluice.domain.route import Leg, Retry, Route

MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]*(/[A-Za-z0-9][A-Za-z0-9._:@+-]*)*")
MAX_MODEL_LENGTH = 256
MAX_NAMED = 20
# https://docs.aws.amazon.com/bedrock/latest/userguide/models-supported.html
BEDROCKS = re.compile(
    r"arn:aws[a-z-]*:bedrock:|([a-z-]+\.)?(ai21|amazon|anthropic|cohere|deepseek|google|luma|meta|minimax|mistral|"
    r"moonshotai?|nvidia|openai|qwen|stability|twelvelabs|writer|xai|zai)\."
)
NO_TARGETS: Mapping[str, Target] = {}


class Selection:
    """Knows the configured providers and routes; finds the route of a model string."""

    def __init__(
        self,
        providers: Mapping[str, object],
        routes: Mapping[str, Route],
        targets: Mapping[str, Target] = NO_TARGETS,
        retry: Retry | None = None,
    ) -> None:
        """`targets` are those of which more than their name is known, by `provider/model`; `retry` is for models that
        are named without a route.
        """
        self._providers = providers
        self._routes = routes
        self._targets = targets
        self._retry = retry or Retry()

    def routed(self, model: str) -> Route | None:
        """The route of that name; None for any other model string."""
        return self.route(model) if model in self._routes else None

    def target(self, model: str, provider: str | None = None) -> Target:
        """The first target of a model string. Raises ModelNotFound."""
        return self.route(model, provider).legs[0].target

    def route(self, model: str, provider: str | None = None) -> Route:
        """The route of a model string, or of a model of that provider; one that has no name of its own is a route to
        one target. Raises ModelNotFound, naming what is known.
        """
        if provider is None and model in self._routes:
            return self._checked(self._routes[model])
        target = self._target_at(provider, model) if provider is not None else self._named(model)
        return Route(model, (Leg(self._targets.get(str(target), target)),), retry=self._retry)

    def _checked(self, route: Route) -> Route:
        for leg in route.legs:
            if leg.target.provider not in self._providers or not is_model(leg.target.model):
                raise ModelNotFound(f"the route {route.name} leads to {leg.target}, which is no model", param="model")
        return route

    def _named(self, model: str) -> Target:
        provider, _, name = model.partition("/")
        if provider not in self._providers or not is_model(name):
            raise ModelNotFound(f"unknown model {model[:80]!r}; {self._known(model)}", param="model")
        return Target(provider, name)

    def _target_at(self, provider: str, model: str) -> Target:
        if provider not in self._providers:
            raise ModelNotFound(f"no provider is named {provider!r}; {self._known(model)}", param="model")
        if not is_model(model):
            raise ModelNotFound(f"unknown model {model[:80]!r}; want a model of {provider}", param="model")
        return Target(provider, model)

    def _as_bedrocks(self, model: str) -> list[str]:
        """The same id with its provider, where it is one of Bedrock's own."""
        names = [name for name, provider in self._providers.items() if _kind(provider) == "bedrock"]
        return [f"{name}/{model}"[:MAX_MODEL_LENGTH] for name in names if BEDROCKS.match(model)][:1]

    def _known(self, model: str) -> str:
        routes = sorted(self._routes)
        close = self._as_bedrocks(model) or get_close_matches(model, routes, n=1)
        named = ", ".join(routes[:MAX_NAMED]) + (", ..." if len(routes) > MAX_NAMED else "")
        hint = f"did you mean {close[0]}? " if close else ""
        providers = ", ".join(f"{name}/<model>" for name in sorted(self._providers))
        return f"{hint}routes: {named or 'none'}; or {providers}"


def _kind(provider: object) -> object:
    return getattr(provider, "kind", None)


def is_model(name: str) -> bool:
    """Whether a provider's model id is one we would ever send: no dots alone, no empty parts, no escapes."""
    return len(name) <= MAX_MODEL_LENGTH and MODEL.fullmatch(name) is not None and ".." not in name
