"""A simulator in an event loop of its own, and clients for it."""

from typing import Any

import httpx
import openai

from sluice_devstack.event_loop import EventLoopThread
from sluice_devstack.simulator import SimulatedOpenAI

KEY = "sk-fake-simulated-0123456789"
TIMEOUT_SECONDS = 20


class Rig:
    """A simulator in a loop of its own, and the clients for it."""

    def __init__(self, loop: EventLoopThread, **options: Any) -> None:
        self.loop = loop
        self.simulator = SimulatedOpenAI([KEY], **{"tokens_per_second": None, "stall_seconds": 0.3, **options})
        self.url = loop.run(self.simulator.start())
        self.http = httpx.Client(timeout=TIMEOUT_SECONDS, headers={"authorization": f"Bearer {KEY}"})
        self.sdk = openai.OpenAI(base_url=self.url, api_key=KEY, timeout=TIMEOUT_SECONDS, max_retries=0)

    def close(self) -> None:
        self.sdk.close()
        self.http.close()
        self.loop.run(self.simulator.stop())

    def to(self, path: str, **body: Any) -> httpx.Response:
        return self.http.post(f"{self.url}{path}", json=body)

    def post(self, model: str, **options: Any) -> httpx.Response:
        messages = [{"role": "user", "content": "Hello!"}]
        return self.to("/chat/completions", **{"model": model, "messages": messages, **options})
