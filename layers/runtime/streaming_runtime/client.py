"""awslambdaric's clients of the Runtime API, with streamed responses.

Claims: facts/platform.md, sections 2 and 3. An exception out of a post would end the process, so whatever the Runtime
API does to a response is reported and the loop goes on with /next, which fails by itself if the API is gone.
"""

import signal
import time
from collections.abc import Callable
from contextlib import closing

from awslambdaric.lambda_runtime_client import (
    BaseLambdaRuntimeClient,
    LambdaMultiConcurrentRuntimeClient,
    LambdaRuntimeClient,
)

from streaming_runtime import termination, wire
from streaming_runtime.connection import Connection
from streaming_runtime.marshaller import StreamingMarshaller
from streaming_runtime.polling import PollingThread
from streaming_runtime.report import report
from streaming_runtime.response import StreamedResponse

LONGEST_INVOCATION_SECONDS = 900.0


class BaseStreamingClient(BaseLambdaRuntimeClient):  # type: ignore[misc]  # awslambdaric is untyped
    """Streams go out on connections of their own; no wait for the Runtime API goes far beyond the deadline."""

    marshaller = StreamingMarshaller()
    grace_seconds = 5.0  # past the deadline Lambda kills the environment; where nobody does, this ends the wait

    def __init__(self, address: str, use_thread: bool = False, clock: Callable[[], float] = time.time) -> None:
        super().__init__(address)  # without a thread, so that no ThreadPoolExecutor is imported
        self.may_use_thread = use_thread
        self.ThreadPoolExecutor = PollingThread
        self.clock = clock
        self.deadline = clock()

    def wait_next_invocation(self) -> object:
        """Waits in a thread only where Python code handles SIGTERM: handing over costs a call 0.15 ms of CPU."""
        termination.while_waiting()
        self.use_thread_for_polling_next = self.may_use_thread and callable(signal.getsignal(signal.SIGTERM))
        request = super().wait_next_invocation()
        termination.while_serving()
        milliseconds = request.deadline_time_in_ms
        self.deadline = int(milliseconds) / 1000 if milliseconds else self.clock() + LONGEST_INVOCATION_SECONDS
        return request

    def post_invocation_result(
        self,
        invoke_id: str,
        result_data: object,
        content_type: str = "application/json",
        invocation_id: str | None = None,
    ) -> None:
        if isinstance(result_data, StreamedResponse):
            self.stream(invoke_id, result_data, invocation_id)
        else:
            super().post_invocation_result(invoke_id, result_data, content_type, invocation_id)

    def stream(self, request_id: str, response: StreamedResponse, invocation_id: str | None) -> None:
        """Posts a response as its body yields it. A refusal (410: too late) or a broken connection is only reported."""
        head = wire.head(self.lambda_runtime_address, request_id, invocation_id)
        try:
            answer = self.exchange(head, response, request_id)
        except OSError as error:
            report("the Runtime API did not take the response", requestId=request_id, error=repr(error))
        else:
            if not answer.startswith(b"202"):
                report("the Runtime API refused the response", requestId=request_id, answer=answer.decode("latin-1"))

    def exchange(self, head: bytes, response: StreamedResponse, request_id: str) -> bytes:
        """The API's answer to the whole response. The body is let go of before that is waited for, and in any case."""
        with closing(Connection()) as connection:
            with closing(response):
                connection.open(self.lambda_runtime_address, self.patience)
                connection.send(head, response.frames(request_id))
            return connection.answer(self.patience)

    @property
    def patience(self) -> float:
        """Seconds to wait for the Runtime API from now on."""
        return max(0.0, self.deadline - self.clock()) + self.grace_seconds


class StreamingClient(BaseStreamingClient, LambdaRuntimeClient):  # type: ignore[misc]  # awslambdaric is untyped
    """One invocation at a time."""

    def handle_exception(self, exc: Exception, func_to_retry: object = None, use_backoff: bool = False) -> None:
        """A failed /next ends the process, as ever; a post that the API refused (410, 5xx, closed) does not."""
        if func_to_retry is not None:
            super().handle_exception(exc, func_to_retry, use_backoff)
        report("the Runtime API refused a result or an error", error=repr(exc))


class ConcurrentStreamingClient(BaseStreamingClient, LambdaMultiConcurrentRuntimeClient):  # type: ignore[misc]
    """For a worker of Lambda Managed Instances; awslambdaric already keeps these alive."""
