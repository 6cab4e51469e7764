"""LiteLLM's proxy in front of the same provider, with what it can do about budgets and records without a database.

Its virtual keys, and with them their budgets, need Postgres; without one `litellm_settings.max_budget` is not enforced
either (https://github.com/BerriAI/litellm-docs/pull/948). What it has is a budget for each deployment, kept in the
process's memory (https://github.com/BerriAI/litellm/pull/7220). That, and a callback that writes records, is used here.
"""

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.peers.litellm_proxy import MASTER_KEY, proxy
from tests.peers.process import free_port
from tests.proof.fate import INPUT_NANO, LANES, OUTPUT_NANO, Fate, limit

from sluice_prove.answer import Answer

RECORDER = Path(__file__).with_name("litellm_recorder.py")
HEADERS = {"authorization": f"Bearer {MASTER_KEY}"}
NOTES = (
    "without a database it has no virtual keys: this is its budget by deployment, which it keeps in memory and starts "
    "anew when its process was killed; its records are those of a custom callback. Cooldowns and retries are off.",
)
BUDGET_SPENT = b"crossed budget"
WINDOW = "1d"
UP_SECONDS = 60.0


def configuration(url: str, key: str, streams: Sequence[Fate]) -> dict[str, Any]:
    models = [
        {
            "model_name": lane.model,
            "litellm_params": {
                "model": f"openai/{lane.model}",
                "api_base": url,
                "api_key": key,
                "input_cost_per_token": INPUT_NANO / 1e9,
                "output_cost_per_token": OUTPUT_NANO / 1e9,
                "max_budget": limit(lane, list(streams)) / 1e9,
                "budget_duration": WINDOW,
            },
            "model_info": {"id": lane.model},
        }
        for lane in LANES
    ]
    return {
        "model_list": models,
        "litellm_settings": {"request_timeout": 20, "telemetry": False, "callbacks": ["litellm_recorder.recorder"]},
        # Without cooldowns: else some cut streams would close a model to all. Without retries: a refusal for want of
        # budget would be tried again for seconds.
        "router_settings": {"disable_cooldowns": True, "num_retries": 0},
        "general_settings": {"master_key": MASTER_KEY},
    }


def is_refusal(answer: Answer) -> bool:
    return answer.status >= 400 and BUDGET_SPENT in answer.body


@dataclass(slots=True)
class Theirs:
    """A running proxy that can be killed; it comes back with what it had kept outside itself."""

    folder: Path
    settings: str
    port: int = field(default_factory=free_port)
    kills: int = 0
    _exits: ExitStack = field(default_factory=ExitStack)
    _process: "subprocess.Popen[bytes] | None" = None
    _is_up: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def records(self) -> Path:
        return self.folder / "records.jsonl"

    @property
    def log(self) -> str:
        return (self.folder / "proxy.log").read_text(errors="replace")

    def named(self) -> list[str]:
        """The calls that have a record, each as often as it has."""
        lines = self.records.read_text(encoding="utf-8").splitlines() if self.records.exists() else []
        return [str(json.loads(line)["call"]) for line in lines]

    def start(self) -> None:
        """Raises PeerAbsent."""
        variables = {"PROOF_RECORDS": str(self.records), "PYTHONPATH": str(self.folder)}
        _url, self._process = self._exits.enter_context(proxy(self.folder, self.settings, self.port, variables))
        self._is_up.set()

    def stop(self) -> None:
        self._exits.close()

    def wait(self) -> None:
        """Until it serves."""
        self._is_up.wait(UP_SECONDS)

    def kill(self) -> None:
        """SIGKILL, and a new one in its place."""
        self._is_up.clear()
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self.kills += 1
        self._exits.close()
        self._exits = ExitStack()
        self.start()


@contextmanager
def theirs(folder: Path, url: str, key: str, streams: Sequence[Fate]) -> Iterator[Theirs]:
    shutil.copy(RECORDER, folder)
    running = Theirs(folder, json.dumps(configuration(url, key, streams)))
    try:
        running.start()
        yield running
    finally:
        running.stop()
