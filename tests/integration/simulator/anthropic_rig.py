"""A simulated Anthropic in an event loop of its own, and clients for it."""

from typing import Any

import anthropic
import httpx

from sluice_devstack.anthropic_simulator import SimulatedAnthropic
from sluice_devstack.event_loop import EventLoopThread

KEY = "sk-ant-fake-simulated-0123456789"
TIMEOUT_SECONDS = 20
MODEL = "claude-haiku-4-5"
WEATHER: Any = {
    "name": "get_weather",
    "description": "Tells the weather.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
THINKING: Any = {"type": "enabled", "budget_tokens": 1024}
HELLO: list[Any] = [{"role": "user", "content": "Hello!"}]


class Rig:
    """A simulator, and the clients for it."""

    def __init__(self, loop: EventLoopThread) -> None:
        self.simulator = SimulatedAnthropic([KEY], tokens_per_second=None, stall_seconds=0.3)
        self.url = loop.run(self.simulator.start())
        headers = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}
        self.http = httpx.Client(timeout=TIMEOUT_SECONDS, headers=headers)
        base_url = self.url.removesuffix("/v1")
        self.sdk = anthropic.Anthropic(api_key=KEY, base_url=base_url, timeout=TIMEOUT_SECONDS, max_retries=0)
        self._loop = loop

    def close(self) -> None:
        self.sdk.close()
        self.http.close()
        self._loop.run(self.simulator.stop())

    def post(self, model: str = MODEL, **options: Any) -> httpx.Response:
        body = {"model": model, "max_tokens": 2000, "messages": HELLO, **options}
        return self.http.post(f"{self.url}/messages", json=body)
