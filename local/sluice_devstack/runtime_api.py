"""The Runtime API that one execution environment talks to: /next, /response, /error and init/error.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html, and for statuses and error types the code of
AWS's own Runtime Interface Emulator: 400 InvalidRequestID, InvalidFunctionResponseMode or TruncatedHTTPRequest, 403
InvalidStateTransition, 202 {"status":"OK"}. Lambda-Runtime-Invocation-Id (July 2026) has to be echoed: an answer
without it, with another one, or after the invocation has ended gets 410. Not here: SnapStart, extensions, telemetry.
"""

import asyncio
import base64
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sluice_devstack.http1 import BodyTooLarge, BrokenRequest, Exchange, Listener
from sluice_devstack.invocation import ErrorTrailers, FunctionError, Invocation
from sluice_devstack.prelude import PreludeError

PREFIX = "/2018-06-01/runtime/"
INVOCATION = re.compile(re.escape(PREFIX) + r"invocation/(?P<id>[^/]+)/(?P<verb>response|error)")
MAX_HEAD_BYTES = 2 * 1024 * 1024  # the X-Ray cause of an error travels in a header of up to 1 MiB
MAX_ERROR_BYTES = 6 * 1024 * 1024 + 100
ERROR_TYPE = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")
ERROR_TYPE_HEADER = "lambda-runtime-function-error-type"
ERROR_BODY_HEADER = "lambda-runtime-function-error-body"


class RuntimeApi:
    """One listener on loopback for one environment, with at most one invocation in hand."""

    def __init__(
        self,
        on_next: Callable[[], None],
        on_init_error: Callable[[FunctionError], None],
        on_broken_response: Callable[[Invocation, str], Awaitable[None]],
        on_defect: Callable[[BaseException], None],
    ) -> None:
        self._on_next = on_next
        self._on_init_error = on_init_error
        self._on_broken_response = on_broken_response
        self._listener = Listener(self._handle, MAX_HEAD_BYTES, on_defect)
        self._invocation: Invocation | None = None
        self._waiting: tuple[Exchange, asyncio.Future[Invocation]] | None = None
        self._responses = 0
        self._no_response = asyncio.Event()
        self._no_response.set()

    async def start(self) -> str:
        """Returns host:port, the value of AWS_LAMBDA_RUNTIME_API."""
        return f"127.0.0.1:{await self._listener.start()}"

    async def stop(self) -> None:
        await self._listener.stop()

    @property
    def is_waiting(self) -> bool:
        """The runtime stands at /next, and its connection still does."""
        return self._waiting is not None and not self._waiting[0].peer_has_hung_up

    def hand(self, invocation: Invocation) -> None:
        """Answers the waiting /next."""
        if self._waiting is None:
            raise RuntimeError("the runtime has not asked for an invocation")
        self._invocation = invocation
        self._waiting[1].set_result(invocation)
        self._waiting = None

    async def no_response(self) -> None:
        """Returns when no response is on its way: what a dead runtime had sent has been relayed by then."""
        await self._no_response.wait()

    async def _handle(self, exchange: Exchange) -> None:
        if (exchange.method, exchange.target) == ("GET", PREFIX + "invocation/next"):
            return await self._next(exchange)
        if (exchange.method, exchange.target) == ("POST", PREFIX + "init/error"):
            return await self._init_error(exchange)
        match = INVOCATION.fullmatch(exchange.target)
        if exchange.method != "POST" or match is None:
            return await _refuse(exchange, 404, "NotFound", f"no {exchange.method} {exchange.target} here")
        invocation = await self._claim(exchange, match["id"])
        if invocation is None:
            return None
        return await (self._response if match["verb"] == "response" else self._error)(exchange, invocation)

    async def _next(self, exchange: Exchange) -> None:
        if self.is_waiting or (self._invocation is not None and not self._invocation.is_settled):
            return await _refuse(exchange, 403, "InvalidStateTransition", "/next before the invocation was answered")
        self._waiting = exchange, asyncio.get_running_loop().create_future()
        waiting = self._waiting[1]
        self._on_next()
        invocation = await waiting
        ticket = invocation.ticket
        headers = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", ticket.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(invocation.deadline_ms)),
            ("Lambda-Runtime-Invoked-Function-Arn", ticket.function_arn),
            ("Lambda-Runtime-Trace-Id", ticket.trace_id),
            ("Lambda-Runtime-Invocation-Id", ticket.token),
        ]
        return await exchange.respond(200, headers, invocation.event)

    async def _init_error(self, exchange: Exchange) -> None:
        error = await _reported_error(exchange)
        await _accept(exchange)
        self._on_init_error(error)

    async def _claim(self, exchange: Exchange, request_id: str) -> Invocation | None:
        """The invocation that this answer is for; None if it was refused."""
        invocation = self._invocation
        if invocation is None or invocation.ticket.request_id != request_id:
            await _refuse(exchange, 400, "InvalidRequestID", "Invalid request ID")
        elif invocation.is_settled or exchange.header("lambda-runtime-invocation-id") != invocation.ticket.token:
            await _refuse(exchange, 410, "RuntimeInvokeTimeout", "the invocation has ended, or its id was not echoed")
        elif invocation.is_answering:
            await _refuse(exchange, 403, "InvalidStateTransition", "this invocation is being answered already")
        else:
            return invocation
        return None

    async def _response(self, exchange: Exchange, invocation: Invocation) -> None:
        mode = exchange.header("lambda-runtime-function-response-mode")
        if mode not in ("", "streaming"):
            await invocation.fail(FunctionError("Runtime.InvalidResponseModeHeader", f"response mode {mode!r}"))
            return await _refuse(exchange, 400, "InvalidFunctionResponseMode", "Invalid function response mode")
        self._responses += 1
        self._no_response.clear()
        try:
            return await self._relay(exchange, invocation, is_streaming=mode == "streaming")
        finally:
            self._responses -= 1
            if not self._responses:
                self._no_response.set()

    async def _relay(self, exchange: Exchange, invocation: Invocation, *, is_streaming: bool) -> None:
        try:
            invocation.begin(exchange.header("content-type"), is_streaming)
            while (parts := await exchange.read()) is not None:
                await invocation.write(parts)
        except BrokenRequest as broken:
            await self._on_broken_response(invocation, str(broken))
            return await _refuse(exchange, 400, "TruncatedHTTPRequest", "HTTP request detected as truncated")
        except PreludeError as error:
            await invocation.fail(FunctionError("Runtime.InvalidPrelude", str(error)))
            return await _refuse(exchange, 400, "InvalidPrelude", str(error))
        is_late = invocation.is_settled
        await invocation.finish(_error_trailers(exchange.trailers))
        if is_late:
            return await _refuse(exchange, 410, "RuntimeInvokeTimeout", "the invocation has ended")
        return await _accept(exchange)

    async def _error(self, exchange: Exchange, invocation: Invocation) -> None:
        invocation.is_answering = True
        await invocation.fail(await _reported_error(exchange))
        await _accept(exchange)


def _error_trailers(trailers: Mapping[str, str]) -> ErrorTrailers | None:
    error_type = trailers.get(ERROR_TYPE_HEADER)
    if error_type is None:
        return None
    encoded = trailers.get(ERROR_BODY_HEADER, "")
    try:
        body: Any = json.loads(base64.b64decode(encoded, validate=True))
    except ValueError:
        body = encoded  # not base64 of JSON, as the API asks: shown as it came
    return ErrorTrailers(_accepted_type(error_type), body)


def _accepted_type(error_type: str) -> str:
    """Lambda keeps types of the form Function.Name or Runtime.Name only."""
    if ERROR_TYPE.fullmatch(error_type):
        return error_type
    return "Runtime.Unknown" if error_type.startswith("Runtime.") else "Function.Unknown"


async def _reported_error(exchange: Exchange) -> FunctionError:
    try:
        document = json.loads(await exchange.body(MAX_ERROR_BYTES))
    except (ValueError, BodyTooLarge):
        document = None
    if not isinstance(document, dict):
        return FunctionError(exchange.header(ERROR_TYPE_HEADER, "Runtime.Unknown"), "an error without a JSON body")
    error_type = exchange.header(ERROR_TYPE_HEADER) or str(document.get("errorType", "Function.Unknown"))
    return FunctionError(error_type, str(document.get("errorMessage", "")))


async def _refuse(exchange: Exchange, status: int, error_type: str, message: str) -> None:
    await exchange.respond_json(status, {"errorType": error_type, "errorMessage": message})


async def _accept(exchange: Exchange) -> None:
    await exchange.respond_json(202, {"status": "OK"})
