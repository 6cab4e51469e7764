"""LiteLLM's proxy as it is published, without a database; of its settings only the timeout is touched."""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from tests.peers.peer import DEAD_URLS, KEY, Peer, PeerAbsent, Place, Upstream
from tests.peers.process import free_port, running

import setup
from command import CommandFailed, run
from sluice_prove.catalogue import CASES, Case, Target

ENVIRONMENT = setup.ENVIRONMENTS["prove"]
MASTER_KEY = "sk-fake-master-key-of-the-proxy"
VARIABLES = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "ERROR",
    "DISABLE_ADMIN_UI": "True",
}
ASKS = "from importlib.metadata import version; print(version('litellm'))"
FAKE_CREDENTIALS = {
    "aws_access_key_id": "AKIDEXAMPLEPROVE",
    "aws_secret_access_key": "fake-secret-access-key",
    "aws_region_name": "us-east-1",
}


def version() -> str:
    if not ENVIRONMENT.python.exists():
        raise PeerAbsent("not installed; run python3 scripts/setup.py prove")
    try:
        return run([ENVIRONMENT.python, "-c", ASKS]).strip()
    except CommandFailed as error:
        raise PeerAbsent(str(error).splitlines()[-1]) from error


def parameters(case: Case, upstream: Upstream) -> dict[str, Any]:
    if case.target is Target.BEDROCK:
        model = f"bedrock/converse/{case.fault}"
        return {"model": model, "aws_bedrock_runtime_endpoint": upstream.address, **FAKE_CREDENTIALS}
    return {"model": f"openai/{case.fault}", "api_base": DEAD_URLS.get(case.target, upstream.url), "api_key": KEY}


def configuration(upstream: Upstream, timeout_seconds: float) -> str:
    """JSON is YAML."""
    models = [{"model_name": case.fault, "litellm_params": parameters(case, upstream)} for case in CASES]
    settings = {"request_timeout": timeout_seconds, "telemetry": False}
    general = {"master_key": MASTER_KEY}
    return json.dumps({"model_list": models, "litellm_settings": settings, "general_settings": general})


@contextmanager
def started(upstream: Upstream, timeout_seconds: float) -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as folder:
        with proxy(Path(folder), configuration(upstream, timeout_seconds)) as (url, _process):
            yield Place(f"{url}/v1", dict.fromkeys(Target, "{fault}"), {"authorization": f"Bearer {MASTER_KEY}"})


@contextmanager
def proxy(
    folder: Path, settings: str, port: int = 0, variables: Mapping[str, str] | None = None
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Its address and its process, once it serves; what it says goes to proxy.log in that folder, behind what is there."""
    config, port = folder / "config.yaml", port or free_port()
    config.write_text(settings, encoding="utf-8")
    place = ["--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"]
    words: list[str | Path] = [ENVIRONMENT.python.parent / "litellm", "--config", config, *place]
    url = f"http://127.0.0.1:{port}"
    with running(words, {**VARIABLES, **(variables or {})}, folder / "proxy.log", lambda: is_alive(url)) as process:
        yield url, process


def is_alive(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/liveliness", trust_env=False, timeout=2).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


PEER = Peer("LiteLLM", version, started)
