"""From a parsed request to a call, the same on every surface."""

from dataclasses import dataclass
from functools import partial

from sluice.domain.call import Call, ModelRequest
from sluice.domain.clock import Clock
from sluice.pipeline import Pipeline
from sluice.policy.authentication import principal
from sluice.surfaces import call_headers
from sluice.surfaces.request import ErrorBody, Reply, Request


@dataclass(frozen=True, slots=True)
class Calls:
    """Makes calls and has them answered."""

    pipeline: Pipeline
    clock: Clock

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
        call = Call(
            request_id=request.request_id,
            surface=surface,
            path=request.path,
            request=asked,
            principal=principal(request.event),
            started=request.started,
            started_ms=round((self.clock.now() - self.clock.monotonic() + request.started) * 1000),
            deadline=request.deadline,
            bytes_in=bytes_in,
            provider=provider,
            timeouts=call_headers.timeouts(request.headers),
            metadata=call_headers.metadata(request.headers),
        )
        answer = self.pipeline.answer(call, partial(error_body, request_id=request.request_id))
        return Reply(answer.headers, answer.body)
