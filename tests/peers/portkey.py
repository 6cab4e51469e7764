"""Portkey's gateway from npm, with one line mended.

As it is published, 1.15.2 answers 500 to every stream on Node.js 20: it writes to headers that are immutable there. So
that its streams can be looked at, a copy of its one file gets a response with headers of its own in that place.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from tests.peers.node_pipe import node_version
from tests.peers.peer import DEAD_URLS, KEY, Peer, PeerAbsent, Place, Upstream
from tests.peers.process import free_port, running

import node_packages
from sluice_prove.catalogue import Target

PACKAGE = node_packages.PEERS.folder / "node_modules" / "@portkey-ai" / "gateway"
PUBLISHED = PACKAGE / "build" / "start-server.js"
PATCHED = PACKAGE / "build" / "start-server-patched.js"
WRITES = ",this.updateHeaders(i,n.cacheStatus,o)"
COPIES = ",i=new Response(i.body,{status:i.status,headers:new Headers(i.headers)})"
FAULT_OF = {Target.CLOSED_PORT: "f-refused", Target.NO_HOST: "f-dns"}


def version() -> str:
    node_version()
    if not PUBLISHED.exists():
        raise PeerAbsent("not installed; run python3 scripts/setup.py prove-node")
    number = json.loads((PACKAGE / "package.json").read_text(encoding="utf-8"))["version"]
    return f"{number}, patched"


def patched() -> Path:
    text = PUBLISHED.read_text(encoding="utf-8")
    if text.count(WRITES) != 1:
        raise PeerAbsent("its code is another one than the patch is for")
    PATCHED.write_text(text.replace(WRITES, COPIES + WRITES), encoding="utf-8")
    return PATCHED


def configuration(upstream: Upstream, timeout_seconds: float) -> dict[str, Any]:
    """Which address a model leads to; Portkey takes it from a header of each call, the provider's key too."""
    addresses = {"prove": upstream.url, **{FAULT_OF[target]: url for target, url in DEAD_URLS.items()}}
    conditions = [{"query": {"params.model": {"$eq": fault}}, "then": fault} for fault in FAULT_OF.values()]
    return {
        "strategy": {"mode": "conditional", "conditions": conditions, "default": "prove"},
        "targets": [target(name, url, timeout_seconds) for name, url in addresses.items()],
    }


def target(name: str, url: str, timeout_seconds: float) -> dict[str, Any]:
    wait = int(timeout_seconds * 1000)
    return {"name": name, "provider": "openai", "api_key": KEY, "custom_host": url, "request_timeout": wait}


@contextmanager
def started(upstream: Upstream, timeout_seconds: float) -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        words: list[str | Path] = ["node", patched(), f"--port={port}", "--headless"]
        url, hosts = f"http://127.0.0.1:{port}", "127.0.0.1,localhost,no-such-host.invalid"
        with running(words, {"TRUSTED_CUSTOM_HOSTS": hosts}, Path(folder) / "portkey.log", lambda: is_alive(url)):
            headers = {"x-portkey-config": json.dumps(configuration(upstream, timeout_seconds))}
            models = dict.fromkeys((Target.CHAT, *FAULT_OF), "{fault}")
            yield Place(f"{url}/v1", models, headers, own_secrets=frozenset({KEY}))


def is_alive(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=2).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


PEER = Peer("Portkey", version, started)
