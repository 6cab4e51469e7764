"""The signing proxy between real sockets: a caller on one side, a stand-in for the function URL on the other."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import botocore.session
import httpx
import pytest

from sluice_cli.proxy import ProxyError, SigningProxy, serve
from sluice_client import FunctionUrlAuth
from sluice_devstack.http1 import Exchange, Listener
from sluice_devstack.sigv4 import Identity, SignedRequest, Verifier

TIMEOUT_SECONDS = 20
IDENTITY = Identity("AKIDEXAMPLE", "fake-secret-key", "arn:aws:iam::123456789012:user/developer")
VERIFIER = Verifier({IDENTITY.access_key_id: IDENTITY}, "us-east-1", lambda: datetime.now(UTC))


@dataclass(slots=True)
class Rig:
    """A proxy in front of a function URL whose answers the test writes."""

    url: str
    client: httpx.AsyncClient
    seen: list[SignedRequest] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def session() -> botocore.session.Session:
    session = botocore.session.Session()
    session.set_credentials(IDENTITY.access_key_id, IDENTITY.secret_access_key)
    return session


def awaited(test: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await test

    asyncio.run(bounded())


@asynccontextmanager
async def proxied(
    answer: Callable[[Exchange], Awaitable[None]], allowed_origins: tuple[str, ...] = (), prefix: str = ""
) -> AsyncIterator[Rig]:
    defects: list[BaseException] = []
    rig = Rig("", httpx.AsyncClient(timeout=TIMEOUT_SECONDS))

    async def upstream(exchange: Exchange) -> None:
        body = await exchange.body(10_000_000)
        path, _, query = exchange.target.partition("?")
        rig.seen.append(SignedRequest(exchange.method, path, query, exchange.headers, body))
        await answer(exchange)

    listener = Listener(upstream, 65536, defects.append)
    target = f"http://127.0.0.1:{await listener.start()}{prefix}"
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as outgoing:
        proxy = SigningProxy(target, signer(), outgoing, allowed_origins, rig.lines.append, defects.append)
        rig.url = f"http://127.0.0.1:{await proxy.start()}"
        yield rig
        await rig.client.aclose()
        await proxy.stop()
        await listener.stop()
    assert defects == []


def signer() -> FunctionUrlAuth:
    return FunctionUrlAuth(region="us-east-1", session=session())


async def ok(exchange: Exchange) -> None:
    await exchange.respond(200, [("content-type", "text/plain")], b"ok")


def test_chunk_n_reaches_the_caller_before_the_provider_sends_chunk_n_plus_1() -> None:
    async def test() -> None:
        arrived = asyncio.Semaphore(0)

        async def lock_step(exchange: Exchange) -> None:
            exchange.start(200, [("content-type", "text/event-stream")])
            for number in range(20):
                exchange.write(b"data: %d\n\n" % number)
                await exchange.flush()
                await arrived.acquire()
            await exchange.end()

        async with proxied(lock_step) as rig, rig.client.stream("POST", f"{rig.url}/v1/x", json={}) as response:
            chunks = []
            async for chunk in response.aiter_raw():
                chunks.append(chunk)
                arrived.release()

        assert chunks == [b"data: %d\n\n" % number for number in range(20)]

    awaited(test())


@pytest.mark.parametrize(
    "target", ["/v1/models?b=2&a=1&a=%2F", "/model/a%3A0/converse", "/model/a:0/x", "/a%20b/%C3%A9?q=c+d", "/"]
)
def test_any_path_is_forwarded_and_its_signature_holds(target: str) -> None:
    async def test() -> None:
        async with proxied(ok) as rig:
            await rig.client.get(httpx.URL(rig.url).copy_with(raw_path=target.encode()))

        assert VERIFIER.verify(rig.seen[0]) == IDENTITY
        assert rig.seen[0].path == target.partition("?")[0]

    awaited(test())


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD"])
def test_any_method_is_forwarded_with_its_body(method: str) -> None:
    async def test() -> None:
        async with proxied(ok, prefix="/base") as rig:
            answer = await rig.client.request(method, f"{rig.url}/v1/x", content=b'{"model":"h\xc3\xa9"}')

        assert VERIFIER.verify(rig.seen[0]) == IDENTITY
        assert (rig.seen[0].method, rig.seen[0].path, rig.seen[0].body) == (
            method,
            "/base/v1/x",
            b'{"model":"h\xc3\xa9"}',
        )
        assert answer.text == ("" if method == "HEAD" else "ok")

    awaited(test())


def test_headers_pass_but_not_the_dummy_key_nor_those_of_one_connection() -> None:
    async def test() -> None:
        headers = {
            "authorization": "Bearer sk-fake-dummy",
            "x-sluice-metadata": '{"team":"a"}',
            "x-stainless-lang": "python",
            "connection": "keep-alive, x-only-here",
            "x-only-here": "1",
            "te": "trailers",
            "cookie": "session=of-another-program",
            "x-amz-security-token": "forged",
        }
        async with proxied(ok) as rig:
            await rig.client.post(f"{rig.url}/v1/x", headers=headers, json={})

        sent = dict(rig.seen[0].headers)
        assert sent["x-sluice-metadata"] == '{"team":"a"}'
        assert sent["x-stainless-lang"] == "python"
        assert sent["authorization"].startswith("AWS4-HMAC-SHA256 ")
        assert {"x-only-here", "te", "cookie", "x-amz-security-token"}.isdisjoint(sent)

    awaited(test())


def test_the_answer_passes_with_its_status_and_headers() -> None:
    async def refused(exchange: Exchange) -> None:
        headers = [("x-request-id", "r-1"), ("x-sluice-cache-status", "MISS"), ("retry-after", "2")]
        await exchange.respond_json(429, {"error": {"message": "slow down"}}, headers)

    async def test() -> None:
        async with proxied(refused) as rig:
            answer = await rig.client.get(f"{rig.url}/v1/models")

        assert (answer.status_code, answer.json()["error"]["message"]) == (429, "slow down")
        assert (answer.headers["x-request-id"], answer.headers["retry-after"]) == ("r-1", "2")
        assert rig.lines[0].startswith("429  GET /v1/models  ")

    awaited(test())


def test_an_answer_that_breaks_off_upstream_breaks_off_for_the_caller() -> None:
    async def cut(exchange: Exchange) -> None:
        exchange.start(200, [("content-type", "text/event-stream")])
        exchange.write(b"data: 1\n\n")
        await exchange.flush()
        exchange.cut()

    async def test() -> None:
        async with proxied(cut) as rig:
            with pytest.raises(httpx.RemoteProtocolError):
                await rig.client.get(f"{rig.url}/v1/x")

    awaited(test())


def test_a_caller_that_leaves_lets_go_of_the_upstream() -> None:
    async def test() -> None:
        is_let_go = asyncio.Event()

        async def endless(exchange: Exchange) -> None:
            exchange.start(200, [])
            while not exchange.is_gone:
                exchange.write(b"x" * 1000)
                await exchange.flush()
                await asyncio.sleep(0)
            is_let_go.set()

        async with proxied(endless) as rig:
            async with rig.client.stream("GET", f"{rig.url}/v1/x") as response:
                await anext(response.aiter_raw())
            await rig.client.aclose()
            await is_let_go.wait()

    awaited(test())


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "[::1", ""])
def test_a_host_that_is_not_loopback_is_refused(host: str) -> None:
    async def test() -> None:
        async with proxied(ok) as rig:
            answer = await rig.client.get(f"{rig.url}/v1/x", headers={"host": host})

        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "host")
        assert "refused by this proxy: this proxy answers on loopback only" in rig.lines[0]
        assert rig.seen == []

    awaited(test())


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
def test_a_web_page_is_refused(headers: dict[str, str]) -> None:
    async def test() -> None:
        async with proxied(ok, allowed_origins=("http://localhost:3000",)) as rig:
            answer = await rig.client.get(f"{rig.url}/v1/x", headers=headers)

        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_not_allowed")
        assert "s  refused by this proxy: calls from web pages need `--allow-origin " in rig.lines[0]
        assert "--allow-origin null" not in rig.lines[0]
        assert rig.seen == []

    awaited(test())


def test_an_allowed_page_gets_its_preflight_and_its_answer() -> None:
    origin = {"origin": "http://localhost:3000"}
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}

    async def test() -> None:
        async with proxied(ok, allowed_origins=("http://localhost:3000",)) as rig:
            preflight = await rig.client.options(f"{rig.url}/v1/x", headers=origin | asked)
            answer = await rig.client.post(f"{rig.url}/v1/x", headers=origin, json={})

        assert (preflight.status_code, preflight.headers["access-control-allow-methods"]) == (204, "POST")
        assert preflight.headers["access-control-allow-headers"] == "authorization,content-type"
        assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"
        assert "origin" not in dict(rig.seen[0].headers)

    awaited(test())


def test_a_body_over_six_megabytes_is_refused_here() -> None:
    async def test() -> None:
        async with proxied(ok) as rig:
            answer = await rig.client.post(f"{rig.url}/v1/x", content=b"x" * (6 * 1024 * 1024 + 1))

        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
        assert rig.seen == []

    awaited(test())


def test_an_unreachable_url_is_a_502_that_says_what_to_look_at() -> None:
    async def test() -> None:
        closed = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
        port = closed.sockets[0].getsockname()[1]
        closed.close()
        await closed.wait_closed()

        async with httpx.AsyncClient() as outgoing, httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
            proxy = SigningProxy(f"http://127.0.0.1:{port}", signer(), outgoing)
            answer = await client.get(f"http://127.0.0.1:{await proxy.start()}/v1/models")
            await proxy.stop()

        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_unreachable")
        assert "is that the function URL" in answer.json()["error"]["message"]

    awaited(test())


def test_a_taken_port_is_named_before_anything_is_served() -> None:
    lines: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ProxyError, match=rf"port {port} cannot be used .* choose another with --port"):
            serve("http://127.0.0.1:9", port, echo=lines.append, session=session())

    assert lines == []
