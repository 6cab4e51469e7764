"""Another dialect on the caller's side: events are read, translated and written anew, without I/O.

The same way as `Passage`, seen from the relay: feed it what was read, send what it returns, at once. What a failure
found already translated is sent before it (`broken` tells of it), and nothing of the provider's own words follows.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sluice.codecs import sse
from sluice.codecs.dialect import Dialect
from sluice.codecs.sse_events import SSE
from sluice.domain.errors import GatewayError, UpstreamError, UpstreamProtocol, UpstreamReported
from sluice.metering import Meter
from sluice.passage import WITHHELD, damaged
from sluice.translation.translation import Translator


class Translated:
    """One stream on its way from the `provider`'s dialect to the `caller`'s.

    `failure` makes our error of an error event of the provider; one that repeats the `key` says nothing.
    """

    __slots__ = (
        "_caller",
        "_decoder",
        "_failure",
        "_key",
        "_meter",
        "_provider",
        "_translator",
        "broken",
        "has_valid_event",
        "is_over",
    )

    reported = None  # the provider's words never reach the caller

    def __init__(
        self,
        meter: Meter,
        provider: Dialect,
        caller: Dialect,
        translator: Translator,
        failure: Callable[[Mapping[str, Any]], UpstreamError],
        key: str = "",
    ) -> None:
        self._decoder = provider.framing.decoder()
        self._meter = meter
        self._provider = provider
        self._caller = caller
        self._translator = translator
        self._failure = failure
        self._key = key
        self.broken: GatewayError | None = None
        self.has_valid_event = False
        self.is_over = False

    def feed(self, data: bytes) -> bytes:
        """The events to send now. Never raises: `broken` says why there will be no more."""
        sent: list[bytes] = []
        try:
            self._read(self._decoder.feed(data), sent)
        except sse.EventTooLarge as error:
            self.broken = UpstreamProtocol(f"the provider's {error}")
        except GatewayError as error:
            self.broken = error
        self.broken = self.broken or damaged(self._decoder.damage)
        self._end_if_over(sent)
        return b"".join(sent)

    def close(self) -> bytes:
        """The provider closed its stream: the last events. `broken` is set unless the answer ended properly."""
        sent: list[bytes] = []
        try:
            self._read(self._decoder.close(), sent)
            if not self.broken and not self.is_over:
                self._write(self._translator.end(), sent)
                self._end(sent)
        except GatewayError as error:
            self.broken = error
        return b"".join(sent)

    @property
    def failure(self) -> GatewayError:
        """Of `reported`, which is never set."""
        return self.broken or UpstreamReported(WITHHELD)

    def _read(self, events: Iterable[tuple[sse.Event, Mapping[str, Any] | None]], sent: list[bytes]) -> None:
        is_error, is_end = self._provider.is_error, self._provider.is_end
        translator, see = self._translator, self._meter.see_chunk
        for event, chunk in events:
            if is_error(event, chunk):
                raise self._reported(chunk or {})
            if chunk is None and self._is_unreadable(event):
                raise UpstreamProtocol("the provider sent an event that is no JSON")
            if chunk is not None:
                see(chunk)
                self._write(translator.add(chunk), sent)
            if is_end(event, chunk) and not translator.is_over:
                self._write(translator.end(), sent)
                self._end(sent)
                return

    def _is_unreadable(self, event: sse.Event) -> bool:
        """Whether it may have carried something: what is left out of an answer is never left out in silence.

        A frame of Bedrock's has a checksum, so one that cannot be read is of a kind that nobody knows yet.
        """
        return bool(event.data) and self._provider.framing is SSE and not self._provider.is_end(event, None)

    def _write(self, events: Iterable[dict[str, Any]], sent: list[bytes]) -> None:
        encode = self._caller.encode
        for event in events:
            sent.append(encode(event))
            self.has_valid_event = True

    def _end_if_over(self, sent: list[bytes]) -> None:
        if self._translator.is_over and not self.broken and not self.is_over:
            self._end(sent)

    def _end(self, sent: list[bytes]) -> None:
        sent.append(self._caller.terminal)
        self.is_over = True

    def _reported(self, chunk: Mapping[str, Any]) -> UpstreamError:
        error = self._failure(chunk)
        if self._key and self._key in error.message:
            error.message = WITHHELD
        return error
