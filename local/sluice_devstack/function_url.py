"""The function URL: HTTP on loopback in, an invocation of the function out, its streamed response back.

Claims: facts/platform.md, sections 2.3 and 6. HTTP/1.1 only, one invoke mode (RESPONSE_STREAM), requests up to 6 MB,
AWS_IAM or NONE, CORS as configured. Unverified: the body of the 413, whether a base64 body counts with its own or its
encoded size (here its own), and how large a request head may be.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Protocol

from sluice_devstack.answer import UrlAnswer
from sluice_devstack.call import Call, Refusal
from sluice_devstack.cors import Cors
from sluice_devstack.event import Arrival, UrlSite, function_url_event
from sluice_devstack.function import LocalFunction, Watchers, event_bytes, new_ticket
from sluice_devstack.http1 import BodyTooLarge, BrokenRequest, Exchange, Listener
from sluice_devstack.invocation import Invocation, Ticket
from sluice_devstack.sigv4 import Identity, SignatureRefused, SignedRequest, Verifier
from sluice_devstack.template import UrlSettings

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 6 * 1024 * 1024
TOO_LARGE = {"message": f"Request must be smaller than {MAX_BODY_BYTES} bytes for the InvokeFunction operation"}

Headers = list[tuple[str, str]]


class Reporter(Protocol):
    """Who is told of what the URL has answered."""

    def finished(self, call: Call) -> None: ...

    def refused(self, refusal: Refusal) -> None: ...


class UnsupportedUrl(Exception):
    """The template asks for a function URL that is not emulated."""


class FunctionUrl:
    """Serves from `start` until `stop`."""

    def __init__(
        self,
        function: LocalFunction,
        site: UrlSite,
        settings: UrlSettings,
        verifier: Verifier,
        reporter: Reporter,
        watchers: Watchers,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if settings.invoke_mode != "RESPONSE_STREAM" or settings.auth_type not in ("AWS_IAM", "NONE"):
            raise UnsupportedUrl(f"not emulated: {settings}; InvokeMode must be RESPONSE_STREAM")
        self._function = function
        self._site = site
        self._verifier = verifier if settings.auth_type == "AWS_IAM" else None
        self._cors = Cors(settings.cors) if settings.cors else None
        self._reporter = reporter
        self._now = now
        self._listener = Listener(self._handle, MAX_HEAD_BYTES, watchers.on_defect)

    async def start(self, port: int) -> int:
        return await self._listener.start(port)

    async def stop(self) -> None:
        await self._listener.stop()

    async def _handle(self, exchange: Exchange) -> None:
        if not exchange.target.startswith("/"):
            raise BrokenRequest("the request target is not a path")
        ticket = new_ticket(self._function.arn)
        if await self._is_preflight_answered(exchange, ticket):
            return
        try:
            request = _request(exchange, await exchange.body(MAX_BODY_BYTES))
            caller = self._verifier.verify(request) if self._verifier else None
        except BodyTooLarge:
            await self._refuse(exchange, ticket, 413, TOO_LARGE, "RequestTooLargeException")
        except SignatureRefused as refused:
            await self._refuse(exchange, ticket, 403, refused.document, refused.error_type)
        else:
            await self._invoke(exchange, ticket, request, caller)

    async def _invoke(
        self, exchange: Exchange, ticket: Ticket, request: SignedRequest, caller: Identity | None
    ) -> None:
        began, at = asyncio.get_running_loop().time(), self._now()
        arrival = Arrival(ticket.request_id, ticket.trace_id, exchange.peer, at)
        event = function_url_event(self._site, request, arrival, caller)

        def record() -> None:
            self._reporter.finished(_call(ticket, request, at, began, answer, invocation.environment_pid))

        answer = UrlAnswer(exchange, self._own_headers(exchange, ticket), self._cors is not None, record)
        invocation = Invocation(ticket, event_bytes(event), answer)
        await self._function.serve(invocation)
        await answer.ended()

    async def _is_preflight_answered(self, exchange: Exchange, ticket: Ticket) -> bool:
        method = exchange.header("access-control-request-method")
        origin = exchange.header("origin")
        if self._cors is None or exchange.method != "OPTIONS" or not method or not origin:
            return False
        headers = self._cors.on_preflight(origin, method, exchange.header("access-control-request-headers"))
        self._tell(exchange, 200, "preflight" if headers else "preflight, not allowed")
        await exchange.respond(200, [*self._dated(ticket), *headers])
        return True

    async def _refuse(
        self, exchange: Exchange, ticket: Ticket, status: int, document: dict[str, str], error_type: str
    ) -> None:
        headers = [*self._own_headers(exchange, ticket), ("x-amzn-ErrorType", error_type)]
        self._tell(exchange, status, f"{error_type}: {' '.join(document.values())}")
        await exchange.respond_json(status, document, headers)

    def _tell(self, exchange: Exchange, status: int, reason: str) -> None:
        path = exchange.target.partition("?")[0]
        self._reporter.refused(Refusal(exchange.method, path, status, self._now(), reason))

    def _own_headers(self, exchange: Exchange, ticket: Ticket) -> Headers:
        cors = self._cors.on_answer(exchange.header("origin")) if self._cors else []
        return self._dated(ticket) + cors

    def _dated(self, ticket: Ticket) -> Headers:
        return [
            ("Date", format_datetime(self._now(), usegmt=True)),
            ("x-amzn-RequestId", ticket.request_id),
            ("X-Amzn-Trace-Id", ticket.trace_id),
        ]


def _request(exchange: Exchange, body: bytes) -> SignedRequest:
    path, _, query = exchange.target.partition("?")
    return SignedRequest(exchange.method, path, query, exchange.headers, body)


def _call(
    ticket: Ticket, request: SignedRequest, at: datetime, began: float, answer: UrlAnswer, pid: int | None
) -> Call:
    first = answer.first_byte_at
    return Call(
        request_id=ticket.request_id,
        method=request.method,
        path=request.path,
        status=answer.status,
        started_at=at,
        time_to_first_byte_seconds=None if first is None else first - began,
        duration_seconds=asyncio.get_running_loop().time() - began,
        bytes_out=answer.bytes_out,
        trailers=answer.trailers,
        error=answer.error,
        is_caller_gone=answer.is_caller_gone,
        environment_pid=pid,
    )
