"""From a parsed request to a call, the same on every surface."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sluice.domain.call import Call, ModelRequest, Step, Wishes
from sluice.domain.clock import Clock
from sluice.domain.errors import GatewayError
from sluice.domain.operation import Operation
from sluice.domain.principal import Principal
from sluice.pipeline import Pipeline
from sluice.policy.authentication import IAM_ONLY, Authentication
from sluice.surfaces import cache_headers, call_headers, cf_headers
from sluice.surfaces.cloudflare import Cloudflare
from sluice.surfaces.fallbacks import fallbacks
from sluice.surfaces.request import JSON, ErrorBody, Reply, Request

NO_CLOUDFLARE = Cloudflare()
MOST_UNHEEDED = 32  # named: a header has to fit in what Lambda sends
DRY_RUN, WARNINGS = "x-sluice-dry-run", "x-sluice-warnings"
UNIVERSAL = "universal"


@dataclass(frozen=True, slots=True)
class Calls:
    """Makes calls and has them answered. `cloudflare` tells what its names in headers are here.

    `may_use` says whether a principal may use a model that goes by these names.
    """

    pipeline: Pipeline
    clock: Clock
    cloudflare: Cloudflare = NO_CLOUDFLARE
    authentication: Authentication = IAM_ONLY
    may_use: Callable[[Principal, Sequence[str]], bool] = lambda _principal, _names: True

    def principal(self, request: Request) -> Principal:
        """Who calls. Raises Unauthenticated, InvalidKey."""
        return self.authentication.principal(request.event, request.headers)

    def answer(
        self,
        request: Request,
        surface: str,
        asked: ModelRequest,
        bytes_in: int,
        provider: str | None,
        error_body: ErrorBody,
    ) -> Reply:
        """Raises GatewayError while nothing was sent. `provider` is the one that the path names."""
        steps = fallbacks(step(asked, provider, request.headers))
        return self.of_steps(request, surface, steps, bytes_in, lambda _: error_body)

    def of_steps(
        self,
        request: Request,
        surface: str,
        steps: tuple[Step, ...],
        bytes_in: int,
        error_bodies: Callable[[Operation], ErrorBody],
        unheeded: tuple[str, ...] = (),
    ) -> Reply:
        """The same for steps that are tried in order. `error_bodies` are the shapes of errors in band, `unheeded` what
        the caller said in vain.
        """
        headers = request.headers
        self.cloudflare.check(headers)
        cache = cache_headers.status(headers)
        unheeded = (*unheeded, *call_headers.unheeded(headers), *cf_headers.unheeded(headers))
        call = Call(
            request_id=request.request_id,
            surface=surface,
            path=request.path,
            steps=steps,
            principal=self.principal(request),
            started=request.started,
            started_ms=round((self.clock.now() - self.clock.monotonic() + request.started) * 1000),
            deadline=request.deadline,
            bytes_in=bytes_in,
            metadata={**call_headers.metadata(headers), **cf_headers.noted(headers)},
            wishes=self._wishes(headers),
            counts_steps=len(steps) > 1 or surface == UNIVERSAL,
            idempotency_key=call_headers.idempotency_key(headers),
        )
        if call.wishes.is_dry_run:
            return _told(self.pipeline.explain(call), {**cache, **_warnings({}, unheeded)})

        def bodies(operation: Operation) -> Callable[[GatewayError], dict[str, object]]:
            return partial(error_bodies(operation), request_id=request.request_id)

        answer = self.pipeline.answer(call, bodies)
        return Reply({**answer.headers, **cache, **_warnings(answer.headers, unheeded)}, answer.body)

    def _wishes(self, headers: Mapping[str, str]) -> Wishes:
        """With the configured names of what is allowed."""
        found = call_headers.wishes(headers)
        return replace(
            found,
            models=tuple(map(self.cloudflare.model, found.models)),
            providers=tuple(map(self.cloudflare.known_as, found.providers)),
        )


def step(asked: ModelRequest, provider: str | None, headers: Mapping[str, str]) -> Step:
    """What is asked, with what headers say of how."""
    return Step(
        asked,
        provider,
        call_headers.timeouts(headers),
        call_headers.retry(headers),
        call_headers.provider_key(headers),
    )


def _told(document: Mapping[str, object], headers: Mapping[str, str]) -> Reply:
    """The answer to a dry run: JSON on every surface, whatever was asked for."""
    marked = {"content-type": JSON, DRY_RUN: "true", **headers}
    return Reply(marked, json.dumps(document, separators=(",", ":")).encode())


def _warnings(answered: Mapping[str, str], unheeded: tuple[str, ...]) -> dict[str, str]:
    """All that was left out: by the provider's plan, and of what the caller said around the request."""
    said = list(dict.fromkeys(unheeded))
    said = said if len(said) <= MOST_UNHEEDED else [*said[: MOST_UNHEEDED - 1], "body"]
    names = [name for name in (answered.get(WARNINGS), *said) if name]
    return {WARNINGS: ",".join(names)} if names else {}
