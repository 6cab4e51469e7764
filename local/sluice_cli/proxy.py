"""`sluice proxy`: a loopback server that signs what it gets and forwards it to a function URL, unbuffered.

For tools that know only a base URL and a key. Each piece of an answer is passed on in the read that brought it; an
answer that breaks off upstream breaks off here, without a proper end. Whoever reaches the port spends the developer's
credentials, so it listens on 127.0.0.1, takes calls for loopback host names only (a web page can point its own name
at 127.0.0.1: DNS rebinding) and none from web pages, unless their origin is allowed.
"""

import asyncio
import contextlib
import ipaddress
import os
import time
from collections.abc import Callable, Collection
from urllib.parse import urlsplit

import httpx

from sluice_cli.terminal import printable
from sluice_client import FunctionUrlAuth, SigningError
from sluice_client.function_url import Session
from sluice_devstack.http1 import BodyTooLarge, Exchange, Listener

MAX_BODY_BYTES = 6 * 1024 * 1024  # what a function URL takes
MAX_HEAD_BYTES = 64 * 1024
TIMEOUT = httpx.Timeout(connect=10.0, read=930.0, write=60.0, pool=None)  # Lambda's own limit is 900 s
HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
NOT_FORWARDED = HOP_BY_HOP | {
    "authorization",  # the tool's dummy key, whose place the signature takes; but for a virtual key, which it keeps
    "content-length",
    "cookie",  # a browser's cookies for localhost are those of other programs
    "expect",
    "host",
    "origin",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
}
VIRTUAL_KEY = "slu_"
PAGE_OF_ANOTHER_SITE = ("cross-site", "same-site")
NO_ORIGIN = "null"  # of files and of frames in a sandbox: it is anybody's, and not one to be allowed
PREFLIGHT_SECONDS = "600"

Headers = list[tuple[str, str]]


class ProxyError(Exception):
    """The proxy cannot start; the message says what would be right."""


class Refusal(Exception):
    """An answer of the proxy's own, in OpenAI's error shape."""

    def __init__(self, status: int, message: str, code: str, type_: str = "invalid_request_error") -> None:
        super().__init__(message)
        self.status = status
        self.document = {"error": {"message": message, "type": type_, "param": None, "code": code}}


class SigningProxy:
    """Forwards to `url`. `on_call` gets one line per call; the caller closes `client`."""

    def __init__(
        self,
        url: str,
        auth: FunctionUrlAuth,
        client: httpx.AsyncClient,
        allowed_origins: Collection[str] = (),
        on_call: Callable[[str], None] = lambda _line: None,
        on_defect: Callable[[BaseException], None] = lambda _error: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = checked_url(url)
        self._auth = auth
        self._client = client
        self._allowed_origins = frozenset(allowed_origins)
        self._on_call = on_call
        self._clock = clock
        self._listener = Listener(self._handle, MAX_HEAD_BYTES, on_defect)

    async def start(self, port: int = 0) -> int:
        return await self._listener.start(port)

    async def stop(self) -> None:
        await self._listener.stop()

    async def _handle(self, exchange: Exchange) -> None:
        started, reason = self._clock(), ""
        try:
            status = await self._answer(exchange)
        except Refusal as refusal:
            status, reason = refusal.status, f"  refused by this proxy: {refusal}"
            await exchange.respond_json(refusal.status, refusal.document, self._cors(exchange))
        path = urlsplit(exchange.target).path
        self._on_call(printable(f"{status}  {exchange.method} {path}  {self._clock() - started:.2f}s{reason}"))

    async def _answer(self, exchange: Exchange) -> int:
        self._check_caller(exchange)
        if _is_preflight(exchange):
            await exchange.respond(204, self._preflight(exchange))
            return 204
        request = await self._upstream_request(exchange)
        response = await self._send(request)
        try:
            await self._pass_on(exchange, response)
        finally:
            await response.aclose()
        return response.status_code

    def _check_caller(self, exchange: Exchange) -> None:
        host = exchange.header("host")
        if not is_loopback(_host_name(host)):
            raise Refusal(403, f"this proxy answers on loopback only, not as {host!r}; call http://127.0.0.1", "host")
        origin = exchange.header("origin")
        is_of_a_page = bool(origin) or exchange.header("sec-fetch-site") in PAGE_OF_ANOTHER_SITE
        if is_of_a_page and not self._allows(origin):
            named = "ORIGIN" if origin in ("", NO_ORIGIN) else origin
            raise Refusal(403, f"calls from web pages need `--allow-origin {named}`", "origin_not_allowed")

    def _allows(self, origin: str) -> bool:
        return bool(origin) and origin in self._allowed_origins

    def _cors(self, exchange: Exchange) -> Headers:
        origin = exchange.header("origin")
        if not self._allows(origin):
            return []
        return [("access-control-allow-origin", origin), ("access-control-expose-headers", "*"), ("vary", "origin")]

    def _preflight(self, exchange: Exchange) -> Headers:
        asked = exchange.header("access-control-request-headers", "*")
        method = exchange.header("access-control-request-method")
        return [
            *self._cors(exchange),
            ("access-control-allow-methods", method),
            ("access-control-allow-headers", asked),
            ("access-control-max-age", PREFLIGHT_SECONDS),
        ]

    async def _upstream_request(self, exchange: Exchange) -> httpx.Request:
        if not exchange.target.startswith("/"):
            raise Refusal(400, f"the request target {exchange.target!r} is not a path", "invalid_target")
        try:
            body = await exchange.body(MAX_BODY_BYTES)
        except BodyTooLarge as error:
            raise Refusal(413, "a function URL takes bodies of up to 6 MB", "request_too_large") from error
        target = self._url.raw_path.rstrip(b"/") + exchange.target.encode("latin-1")
        url = self._url.copy_with(raw_path=target)
        named = {name.strip().lower() for name in exchange.header("connection").split(",")}
        headers = [(name, value) for name, value in exchange.headers if _is_forwarded(name, value, named)]
        return httpx.Request(exchange.method, url, headers=headers, content=body or None)

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._client.send(request, stream=True, auth=self._auth)
        except SigningError as error:
            raise Refusal(502, str(error), "signing_failed", "server_error") from error
        except httpx.TimeoutException as error:
            message = f"{self._url} did not answer in time ({type(error).__name__}); is it the function URL's address?"
            raise Refusal(504, message, "upstream_timeout", "server_error") from error
        except httpx.TransportError as error:
            message = f"{self._url} cannot be reached ({error}); is that the function URL, and is this machine online?"
            raise Refusal(502, message, "upstream_unreachable", "server_error") from error

    async def _pass_on(self, exchange: Exchange, response: httpx.Response) -> None:
        exchange.start(response.status_code, [*_passed_headers(response, self._cors(exchange)), *self._cors(exchange)])
        await exchange.flush()
        try:
            async for chunk in response.aiter_raw():
                if exchange.is_gone:
                    return exchange.cut()
                exchange.write(chunk)
                await exchange.flush()
        except httpx.TransportError:
            return exchange.cut()
        return await exchange.end()


def checked_url(url: str) -> httpx.URL:
    """The URL to forward to: https, or http on loopback (the dev stack), without query."""
    parts = urlsplit(url)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if not is_safe or not parts.hostname or parts.query or parts.username:
        raise ProxyError(
            f"cannot forward to {url!r}; a function URL looks like https://<id>.lambda-url.<region>.on.aws"
        )
    return httpx.URL(url)


def _host_name(header: str) -> str:
    """Without the port; empty for what is no host."""
    with contextlib.suppress(ValueError):
        return urlsplit(f"//{header}").hostname or ""
    return ""


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def serve(
    url: str,
    port: int,
    region: str | None = None,
    allowed_origins: Collection[str] = (),
    echo: Callable[[str], None] = print,
    session: Session | None = None,
) -> None:
    """Runs until Ctrl-C. Raises ProxyError or SigningError when it cannot begin."""
    target = checked_url(url)
    auth = FunctionUrlAuth(region=region, session=session)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(target, port, auth, allowed_origins, echo))


async def _serve(
    url: httpx.URL, port: int, auth: FunctionUrlAuth, allowed_origins: Collection[str], echo: Callable[[str], None]
) -> None:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
    uses_proxies = not is_loopback(url.host)  # HTTP_PROXY and its kin are for the way out
    async with httpx.AsyncClient(timeout=TIMEOUT, limits=limits, trust_env=uses_proxies) as client:
        proxy = SigningProxy(
            str(url),
            auth,
            client,
            allowed_origins,
            on_call=lambda line: echo(f"{time.strftime('%H:%M:%S')}  {line}"),
            on_defect=lambda error: echo(f"defect: {error!r}"),
        )
        try:
            bound = await proxy.start(port)
        except OSError as error:
            raise ProxyError(
                f"port {port} cannot be used ({os.strerror(error.errno or 0)}); choose another with --port"
            ) from error
        echo(f"http://127.0.0.1:{bound} signs and forwards to {url}")
        echo(f"export OPENAI_BASE_URL=http://127.0.0.1:{bound}/v1 OPENAI_API_KEY=unused")
        try:
            await asyncio.Event().wait()
        finally:
            await proxy.stop()


def _is_preflight(exchange: Exchange) -> bool:
    return exchange.method == "OPTIONS" and bool(exchange.header("access-control-request-method"))


def _passed_headers(response: httpx.Response, replaced: Headers) -> Headers:
    """The answer's headers without those of the connection, and without those we set ourselves."""
    named = {name.strip().lower() for name in response.headers.get("connection", "").split(",")}
    left_out = HOP_BY_HOP | named | {name for name, _ in replaced}
    headers = [(name.decode("ascii"), value.decode("latin-1")) for name, value in response.headers.raw]
    return [(name, value) for name, value in headers if name.lower() not in left_out]


def _is_forwarded(name: str, value: str, named: set[str]) -> bool:
    """`named` are what the header Connection names; a virtual key goes on as another header, by whoever signs."""
    is_key = name == "authorization" and (value.split() or [""])[-1].startswith(VIRTUAL_KEY)
    return is_key or name not in NOT_FORWARDED | named
