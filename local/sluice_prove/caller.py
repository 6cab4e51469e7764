"""Calls through the gateway, as any client makes them: plain HTTP, no retries, no redirects followed."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from sluice_prove.answer import Answer, End, Piece

COMPLETIONS = "/chat/completions"
PROMPT = [{"role": "user", "content": "Say the sentence."}]
CONNECT_SECONDS = 10.0

Auth = Callable[[httpx.Request], httpx.Request]


class Unreachable(Exception):
    """Nobody listens at the gateway's address; the message says what the connection said."""


class Caller:
    """A context manager. `url` is what OpenAI's SDKs call base_url; `headers` go with every call."""

    def __init__(self, url: str, headers: Mapping[str, str], auth: Auth | None = None, is_direct: bool = True) -> None:
        self.url = url.rstrip("/") + COMPLETIONS
        self.headers = {"accept-encoding": "identity", **headers}
        each_anew = httpx.Limits(max_keepalive_connections=0)  # what one row leaves behind must not touch the next
        self._client = httpx.Client(auth=auth, trust_env=not is_direct, follow_redirects=False, limits=each_anew)

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def call(
        self,
        model: str,
        is_stream: bool,
        patience_seconds: float,
        fields: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Reads to the end, or until patience does. `fields` and `headers` are this call's own."""
        waits = httpx.Timeout(patience_seconds, connect=CONNECT_SECONDS)
        asked, named = {**body(model, is_stream), **(fields or {})}, {**self.headers, **(headers or {})}
        request = self._client.build_request("POST", self.url, json=asked, headers=named, timeout=waits)
        return _Reading(self._client, request, patience_seconds).answer()


def body(model: str, is_stream: bool) -> dict[str, Any]:
    asked: dict[str, Any] = {"model": model, "messages": PROMPT, "max_tokens": 64}
    return {**asked, "stream": True, "stream_options": {"include_usage": True}} if is_stream else asked


class _Reading:
    """One call while its answer comes."""

    def __init__(self, client: httpx.Client, request: httpx.Request, patience_seconds: float) -> None:
        self._client = client
        self._request = request
        self._patience_seconds = patience_seconds
        self._began = time.monotonic()
        self._status = 0
        self._headers: tuple[tuple[str, str], ...] = ()
        self._pieces: list[Piece] = []

    def answer(self) -> Answer:
        end = self._read()
        return Answer(self._status, self._headers, tuple(self._pieces), end, self._passed())

    def _read(self) -> End:
        try:
            return self._read_all()
        except httpx.ConnectError as error:
            raise Unreachable(str(error)) from error
        except httpx.TimeoutException:
            return End.NEVER
        except (httpx.TransportError, httpx.DecodingError):
            return End.CUT

    def _read_all(self) -> End:
        response = self._client.send(self._request, stream=True)
        try:
            self._status, self._headers = response.status_code, tuple(response.headers.multi_items())
            for data in response.iter_bytes():
                self._pieces.append(Piece(self._passed(), data))
                if self._passed() > self._patience_seconds:
                    return End.NEVER
        finally:
            response.close()
        return End.WHOLE

    def _passed(self) -> float:
        return time.monotonic() - self._began
