"""curl signs function URL calls by itself: the shortest client there is."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import IO

import pytest
from tests.e2e.provider import Asked, Gate, Provider, provider
from tests.e2e.rig import CHAT, MESSAGES, Rig, compatible, rig
from tests.fakes.raw_provider import Peer

CURL = shutil.which("curl")
SECONDS = 30
EVENTS = [b'data: {"choices":[{"index":0,"delta":{"content":"%d "}}]}\n\n' % number for number in range(5)]
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"

pytestmark = pytest.mark.skipif(CURL is None, reason="curl is not installed; install it to run these")


@pytest.fixture(scope="module")
def upstream() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def site(upstream: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("curl"), {"test": compatible(upstream.url)}) as running:
        yield running


def curl(site: Rig, model: str, *more: str) -> "subprocess.Popen[bytes]":
    body = json.dumps({"model": f"test/{model}", "messages": MESSAGES, "stream": True})
    command = [CURL or "", "--silent", "--no-buffer", "--include", "--header", "content-type: application/json"]
    command += ["--max-time", str(SECONDS), "--data", body, *more, site.stack.url + CHAT]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def signature(site: Rig) -> tuple[str, ...]:
    keys = f"{site.stack.access_key_id}:{site.stack.secret_access_key}"
    return "--aws-sigv4", f"aws:amz:{site.stack.region}:lambda", "--user", keys


def event(output: IO[bytes]) -> bytes:
    """The next event that curl prints."""
    return output.readline() + output.readline()


def test_curl_signs_and_prints_each_event_before_the_next_is_sent(site: Rig, upstream: Provider) -> None:
    gate = Gate()

    def one_by_one(peer: Peer, _asked: Asked) -> None:
        peer.head()
        for data in [*EVENTS, STOP + DONE]:
            peer.chunk(data)
            gate.wait()
        peer.end()

    with curl(site, upstream.play("one-by-one", one_by_one), *signature(site)) as process:
        assert process.stdout is not None
        head = list(iter(process.stdout.readline, b"\r\n"))
        for expected in EVENTS:
            assert event(process.stdout) == expected
            gate.open()
        end = event(process.stdout) + event(process.stdout)
        gate.open()
        rest = process.stdout.read()

    assert head[0].startswith(b"HTTP/1.1 200 ")
    assert (end, rest, process.returncode) == (STOP + DONE, b"", 0)


def test_an_unsigned_curl_is_refused_as_aws_does_it(site: Rig, upstream: Provider) -> None:
    asked = len(upstream.asked)

    with curl(site, "nothing") as process:
        output = process.communicate(timeout=SECONDS)[0]

    head, _, body = output.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 403 ")
    assert b"\r\nx-amzn-errortype: accessdeniedexception\r\n" in head.lower()
    assert set(json.loads(body)) == {"Message"}
    assert len(upstream.asked) == asked


def test_a_wrong_secret_key_is_refused(site: Rig, upstream: Provider) -> None:
    asked = len(upstream.asked)
    signing, scope, user, keys = signature(site)

    with curl(site, "nothing", signing, scope, user, f"{keys}-wrong") as process:
        output = process.communicate(timeout=SECONDS)[0]

    assert output.startswith(b"HTTP/1.1 403 ")
    assert len(upstream.asked) == asked
