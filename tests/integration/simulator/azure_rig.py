"""A simulated Azure OpenAI resource in an event loop of its own, and clients for it."""

from typing import Any

import httpx
import openai

from sluice_devstack.azure_simulator import SimulatedAzure
from sluice_devstack.event_loop import EventLoopThread

KEY, TOKEN = "fake-azure-key-0123456789", "eyJhbGciOiJub25lIn0.fake.token"
VERSION = "2024-10-21"
DEPLOYMENTS = {"prod-mini": "gpt-4o-mini-instant"}
TIMEOUT_SECONDS = 20
HELLO: list[Any] = [{"role": "user", "content": "Hello!"}]


class Rig:
    """A simulator, and the clients for both of its APIs."""

    def __init__(self, loop: EventLoopThread) -> None:
        self.simulator = SimulatedAzure([KEY, TOKEN], DEPLOYMENTS, tokens_per_second=None, stall_seconds=0.3)
        self.url = loop.run(self.simulator.start())
        self.http = httpx.Client(timeout=TIMEOUT_SECONDS, headers={"api-key": KEY})
        options: Any = {"timeout": TIMEOUT_SECONDS, "max_retries": 0}
        self.classic = openai.AzureOpenAI(azure_endpoint=self.url, api_version=VERSION, api_key=KEY, **options)
        self.v1 = openai.OpenAI(base_url=f"{self.url}/openai/v1/", api_key=KEY, **options)
        self._loop = loop

    def close(self) -> None:
        for client in (self.classic, self.v1, self.http):
            client.close()
        self._loop.run(self.simulator.stop())

    def post(self, path: str, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        return self.http.post(self.url + path, json={"messages": HELLO, **body}, headers=headers)
