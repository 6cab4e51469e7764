"""The front door: one routing table, on Powertools' LambdaFunctionUrlResolver.

The resolver matches and runs middleware; what it has no answer for is decided here: 405 with Allow where the path is
known (it alone says 404), 404 otherwise, and every failure in the surface's own shape. A header named
`content-type` in lower case keeps the resolver from serialising a JSON body that is an iterator
(facts/platform.md 8; tests pin it).
"""

import difflib
import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware

from sluice.domain.clock import Clock
from sluice.domain.errors import GatewayError, MethodNotAllowed, NotFound, Unavailable
from sluice.surfaces import call_headers, cf_headers
from sluice.surfaces.cloudflare import Cloudflare
from sluice.surfaces.openai_error import OPENAI_ERRORS
from sluice.surfaces.request import Errors, Refused, Reply, Request
from sluice.telemetry import Telemetry

Handler = Callable[..., Reply]
NO_CLOUDFLARE = Cloudflare()


class Route(NamedTuple):
    """One row of the routing table. `rule` is a regular expression; its groups are the handler's arguments.

    The groups have no names: the resolver would read `<name>` as its own placeholder, which takes no slash.
    """

    method: str
    rule: str
    handler: Handler


UNDECIDED = "sluice_undecided"  # of an event: which configuration is in force, and whose policies, is not known yet
NOT_CONFIGURED = "the table did not say which configuration is in force; nothing was sent to a provider"


@dataclass(frozen=True, slots=True)
class Application:
    """Answers function URL events. `paths` are those that an unknown one may have been meant for, `errors` the shape of
    errors by how a path begins, the first that fits; OpenAI's elsewhere. `cloudflare` says who hears its headers.
    """

    routes: tuple[Route, ...]
    telemetry: Telemetry
    clock: Clock
    paths: tuple[str, ...] = ()
    errors: tuple[tuple[str, Errors], ...] = ()
    cloudflare: Cloudflare = NO_CLOUDFLARE

    def handler(self) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
        """The Lambda handler: an event in, a response dict out, whose body may be an iterator of bytes."""
        resolver = LambdaFunctionUrlResolver(debug=False)  # in its debug mode it prints every event
        resolver.use(middlewares=[self._middleware()])
        for route in self.routes:
            resolver.route(route.rule, method=route.method)(self._bound(route, resolver))
        resolver.not_found(lambda _: self._unrouted(resolver))
        return lambda event, context: resolver.resolve(self._timed(event), context)

    def _timed(self, event: dict[str, Any]) -> dict[str, Any]:
        return {**event, "sluice_started": self.clock.monotonic()}

    def _bound(self, route: Route, resolver: LambdaFunctionUrlResolver) -> Callable[..., Response[Any]]:
        def run() -> Response[Any]:
            request = self._request(resolver)
            match = re.fullmatch(route.rule, request.path)
            if match is None:  # the resolver's own pattern ends before a newline
                raise NotFound("no such path; docs/api.md lists them")
            return self._response(route.handler(request, *match.groups()), resolver)

        return run

    def _request(self, resolver: LambdaFunctionUrlResolver) -> Request:
        event, context = resolver.current_event.raw_event, resolver.lambda_context
        started = event["sluice_started"]
        return Request(
            event=event,
            headers=cf_headers.canonical(_headers(event)),
            path=event.get("rawPath", ""),
            request_id=context.aws_request_id,
            started=started,
            deadline=started + context.get_remaining_time_in_millis() / 1000,
        )

    def _middleware(self) -> Callable[[LambdaFunctionUrlResolver, NextMiddleware], Response[Any]]:
        """A plain function: the resolver notes on it what it found in its signature, which it cannot on a method."""

        def guard(resolver: LambdaFunctionUrlResolver, next_middleware: NextMiddleware) -> Response[Any]:
            return self._guard(resolver, next_middleware)

        return guard

    def _guard(self, resolver: LambdaFunctionUrlResolver, next_middleware: NextMiddleware) -> Response[Any]:
        """Every failure becomes an answer here; nothing of an unexpected one is shown but that it happened."""
        try:
            event = resolver.current_event.raw_event
            call_headers.check(_headers(event))
            if event.get(UNDECIDED):
                raise Unavailable(NOT_CONFIGURED, headers={"retry-after": "1"})
            return next_middleware(resolver)
        except GatewayError as error:
            return self._failed(error, resolver)
        except Refused as refused:
            return self._failed(refused.error, resolver, refused.errors)
        except Exception as error:  # the application boundary: the caller gets a 500, the operator where it broke
            return self._failed(self._unexpected(error), resolver)

    def _unexpected(self, error: Exception) -> GatewayError:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.filename.rpartition('/')[2]}:{place.lineno} {place.name}"
        self.telemetry.trouble("sluice.unexpected", {"error": type(error).__name__, "where": where})
        failure = GatewayError("an internal error")
        failure.is_recorded = True
        return failure

    def _unrouted(self, resolver: LambdaFunctionUrlResolver) -> Response[Any]:
        path = resolver.current_event.raw_event.get("rawPath", "")
        method = resolver.current_event.http_method
        allowed = sorted({route.method for route in self.routes if re.fullmatch(route.rule, path)})
        if not allowed:
            return self._failed(NotFound(f"no such path: {path[:80]}; {self._meant(path)}"), resolver)
        methods = ", ".join(allowed)
        error = MethodNotAllowed(f"{method} does not go with this path; use {methods}", headers={"allow": methods})
        return self._failed(error, resolver)

    def _meant(self, path: str) -> str:
        """What would be right: the path that ends alike, else the nearest one."""
        wanted = "/" + path.strip("/")
        alike = [known for known in self.paths if known.endswith(wanted) or wanted.endswith(known)]
        close = sorted(alike, key=len) or difflib.get_close_matches(path, self.paths, n=1, cutoff=0.8)
        return f"did you mean {close[0]}?" if close and path else "docs/api.md lists what is served"

    def _failed(
        self, error: GatewayError, resolver: LambdaFunctionUrlResolver, errors: Errors | None = None
    ) -> Response[Any]:
        request_id = resolver.lambda_context.aws_request_id
        if not error.is_recorded:
            self.telemetry.call(
                {
                    "request_id": request_id,
                    "http_status": error.status,
                    "outcome": "refused",
                    "error_code": error.code,
                    "path": resolver.current_event.raw_event.get("rawPath"),
                }
            )
        path = resolver.current_event.raw_event.get("rawPath", "")
        return self._response((errors or self._errors(path)).reply(error, request_id), resolver)

    def _errors(self, path: str) -> Errors:
        """The errors of the surface that a path belongs to, also where it is none of its paths."""
        for prefix, errors in self.errors:
            if path.startswith(prefix):
                return errors
        return OPENAI_ERRORS

    def _response(self, reply: Reply, resolver: LambdaFunctionUrlResolver) -> Response[Any]:
        body = reply.body.decode() if isinstance(reply.body, bytes) else reply.body
        headers = {**reply.headers, "x-request-id": resolver.lambda_context.aws_request_id}
        return Response(status_code=reply.status, body=body, headers={**headers, **self._twins(headers, resolver)})

    def _twins(self, reply: Mapping[str, str], resolver: LambdaFunctionUrlResolver) -> dict[str, str]:
        """Cloudflare's names of our headers, for a caller who used its names or its paths."""
        event = resolver.current_event.raw_event
        headers = _headers(event)
        is_theirs = cf_headers.is_used(headers) or self.cloudflare.is_theirs(event.get("rawPath", ""))
        return cf_headers.twins(reply, headers) if is_theirs else {}


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}
