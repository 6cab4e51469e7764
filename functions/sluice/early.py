"""Heartbeats before the answer has begun: `early_heartbeat_seconds`, off by default.

The first heartbeat fixes the status at 200 and leaves no room for the provider's headers, so a failure after it is in
band. The opening then runs in a thread of its own, because nothing else can be sent while it waits; once it is over,
the answer goes on as any other does, without it.
"""

import threading
from collections.abc import Callable, Generator

from sluice.answer import Answer, Body
from sluice.codecs.dialect import Dialect
from sluice.domain.errors import GatewayError
from sluice.providers.watch import Watch
from sluice.settlement import Settlement

ErrorBody = Callable[[GatewayError], dict[str, object]]


class Opening:
    """An answer being opened in a thread. What it raised is raised by `answer`."""

    def __init__(self, begin: Callable[[], Answer], watch: Watch) -> None:
        self._begin = begin
        self._watch = watch
        self._answer: Answer | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._answer = self._begin()
        except BaseException as error:
            self._error = error

    def answer(self, seconds: float | None = None) -> Answer | None:
        """The answer if it begins within so many seconds, else None."""
        self._thread.join(seconds)
        if self._error is not None:
            raise self._error
        return self._answer

    def abandon(self) -> None:
        """Nobody reads any more: ends the wait, and closes what came of it."""
        self._watch.cancel()
        self._thread.join()
        if self._answer is not None:
            self._answer.body.close()


def answer(
    begin: Callable[[], Answer],
    watch: Watch,
    seconds: float,
    settlement: Settlement,
    error_body: ErrorBody,
    dialect: Dialect,
) -> Answer:
    """The answer itself if it begins in time, else one that begins with a heartbeat. Raises GatewayError till then."""
    opening = Opening(begin, watch)
    begun = opening.answer(seconds)
    if begun is not None:
        return begun
    body = Body(_pieces(opening, seconds, settlement, error_body, dialect), opening.abandon, settlement)
    return Answer({"content-type": dialect.framing.content_type}, body)


def _pieces(
    opening: Opening, seconds: float, settlement: Settlement, error_body: ErrorBody, dialect: Dialect
) -> Generator[bytes, None, None]:
    yield dialect.framing.heartbeat
    try:
        while (begun := opening.answer(seconds)) is None:
            yield dialect.framing.heartbeat
    except GatewayError as error:
        settlement.fail_in_band(error)
        yield dialect.error_event(error_body(error), b"", False)
        raise
    except Exception:  # the boundary of a stream: it ends as honestly as any other failure, and shows nothing
        failed = GatewayError("an internal error")
        settlement.fail_in_band(failed)
        yield dialect.error_event(error_body(failed), b"", False)
        raise failed from None
    yield from begun.body
