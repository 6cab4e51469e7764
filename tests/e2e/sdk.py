"""The official OpenAI SDK as a caller of the stack: synchronous and asynchronous, on both HTTP libraries, signed, at
each of the base URLs that the gateway serves."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx2
import openai
from tests.e2e.rig import Rig, rig

TIMEOUT_SECONDS = 30
PROVIDER = "openai"

Make = Callable[[Any], Any]
CLIENTS: dict[str, tuple[type[Any], Make, str]] = {
    "httpx2 at /v1": (openai.OpenAI, lambda auth: httpx2.Client(auth=auth, timeout=TIMEOUT_SECONDS), "/v1"),
    "httpx at /openai": (openai.OpenAI, lambda auth: httpx.Client(auth=auth, timeout=TIMEOUT_SECONDS), "/openai"),
    "async httpx2 at /openai/v1": (
        openai.AsyncOpenAI,
        lambda auth: httpx2.AsyncClient(auth=auth, timeout=TIMEOUT_SECONDS),
        "/openai/v1",
    ),
    "async httpx at /v1": (
        openai.AsyncOpenAI,
        lambda auth: httpx.AsyncClient(auth=auth, timeout=TIMEOUT_SECONDS),
        "/v1",
    ),
}


class Sdk:
    """One of the clients; what is asynchronous is run to its end."""

    def __init__(self, name: str, url: str, auth: Any) -> None:
        kind, http_client, base = CLIENTS[name]
        self._runner = asyncio.Runner()
        self._prefix = f"{PROVIDER}/" if base == "/v1" else ""
        self.base = base
        self.client = kind(base_url=url + base, api_key="unused", max_retries=0, http_client=http_client(auth))

    def model(self, name: str) -> str:
        """A model of the simulated OpenAI as it is named here: bare where the path names the provider."""
        return self._prefix + name

    def close(self) -> None:
        self.done(self.client.close())
        self._runner.close()

    def done(self, result: Any) -> Any:
        return self._runner.run(awaited(result)) if hasattr(result, "__await__") else result

    def listed(self, items: Any) -> list[Any]:
        return self._runner.run(collected(items)) if hasattr(items, "__aiter__") else list(items)

    def gathered(self, items: Any, into: list[Any]) -> None:
        """Every item into the list, until there are no more or the stream raises."""
        if hasattr(items, "__aiter__"):
            self._runner.run(gather(items, into.append))
        else:
            into.extend(items)

    def final(self, manager: Any, method: str) -> Any:
        """What the stream of a helper (`with ... as stream`) says at its end."""
        if hasattr(manager, "__aenter__"):
            return self._runner.run(final(manager, method))
        with manager as stream:
            return getattr(stream, method)()


@contextmanager
def simulated(folder: Path, attempts: int | None = None, **settings: Any) -> Iterator[Rig]:
    """A stack whose one provider is the simulated OpenAI, asked `attempts` times at most."""
    providers = {PROVIDER: {"kind": "openai", "secret": "sluice/openai", **settings}}
    with rig(folder, providers, attempts=attempts) as running:
        yield running


@contextmanager
def sdk(name: str, site: Rig) -> Iterator[Sdk]:
    made = Sdk(name, site.stack.url, site.auth())
    try:
        yield made
    finally:
        made.close()


async def awaited(result: Awaitable[Any]) -> Any:
    return await result


async def collected(items: Any) -> list[Any]:
    return [item async for item in items]


async def gather(items: Any, take: Callable[[Any], None]) -> None:
    async for item in items:
        take(item)


async def final(manager: Any, method: str) -> Any:
    async with manager as stream:
        return await getattr(stream, method)()
