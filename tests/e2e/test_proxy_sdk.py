"""Tools that know only a base URL and a key: the OpenAI SDK, unsigned, through a running `sluice proxy`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from tests.e2e.provider import Asked, Gate, Provider, provider, stream
from tests.e2e.rig import MESSAGES, Rig, compatible, rig
from tests.fakes.raw_provider import Peer

from sluice_devstack.stack import ROOT

WORDS = ("one ", "two ", "three")
DONE = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def delta(word: str) -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % word.encode()


@pytest.fixture(scope="module")
def upstream() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def site(upstream: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("proxy"), {"test": compatible(upstream.url, models=["small"])}) as running:
        yield running


@pytest.fixture(scope="module")
def base_url(site: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What the proxy tells its user to export."""
    stack = site.stack
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path_factory.mktemp("home")),
        "PYTHONPATH": str(ROOT / "local"),
        "PYTHONUNBUFFERED": "1",
        "AWS_ACCESS_KEY_ID": stack.access_key_id,
        "AWS_SECRET_ACCESS_KEY": stack.secret_access_key,
        "AWS_REGION": stack.region,
    }
    command = [sys.executable, "-m", "sluice_cli", "proxy", "--url", stack.url, "--port", "0"]
    process = subprocess.Popen(command, env=environ, cwd=Path(environ["HOME"]), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        line = next((line for line in process.stdout if line.startswith("export ")), "")
        assert line, f"the proxy ended with {process.wait(10)}"
        yield line.split("OPENAI_BASE_URL=")[1].split()[0]
        process.terminate()
        process.stdout.read()


@pytest.fixture
def sdk(base_url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=base_url, api_key="unused", max_retries=0, timeout=30) as client:
        yield client


def test_a_stream_comes_word_by_word(sdk: openai.OpenAI, upstream: Provider) -> None:
    gate = Gate()

    def one_by_one(peer: Peer, _asked: Asked) -> None:
        peer.head()
        for word in WORDS:
            peer.chunk(delta(word))
            gate.wait()
        peer.chunk(DONE)
        peer.end()

    model = upstream.play("one-by-one", one_by_one)
    words = []
    for chunk in sdk.chat.completions.create(model=f"test/{model}", messages=MESSAGES, stream=True):
        words.append(chunk.choices[0].delta.content)
        gate.open()

    assert words == [*WORDS, None]


def test_models_are_listed(sdk: openai.OpenAI) -> None:
    assert [model.id for model in sdk.models.list()] == ["test/small"]


def test_an_error_keeps_its_class(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="nowhere"):
        sdk.models.retrieve("nowhere/small")


def test_the_key_of_the_tool_goes_no_further(sdk: openai.OpenAI, upstream: Provider) -> None:
    upstream.play("short", stream(delta("hi"), DONE))

    list(sdk.chat.completions.create(model="test/short", messages=MESSAGES, stream=True))

    (asked,) = upstream.asked_for("short")
    assert "authorization" not in asked.headers
