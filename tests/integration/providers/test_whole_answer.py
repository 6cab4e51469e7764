"""Answers that do not stream, over a real socket."""

import ssl
import time

import httpx
from tests.fakes.raw_provider import Peer, raw_provider

from sluice.codecs import dialects
from sluice.domain.clock import Clock
from sluice.domain.operation import CHAT
from sluice.domain.timeouts import Timeouts
from sluice.provider_settings import ProviderSettings
from sluice.providers.openai import Provider
from sluice.providers.plan import Plan
from sluice.providers.transport import Transport
from sluice.providers.watch import Watch


def test_once_the_head_came_only_silence_is_limited() -> None:
    timeouts = Timeouts(first_byte_timeout_seconds=0.3, idle_timeout_seconds=0.3)

    def slow_body(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n")
        for byte in b'{"choices": []      }'[:20]:
            peer.send(bytes([byte]))
            time.sleep(0.03)

    with raw_provider(slow_body) as raw:
        client = httpx.Client(transport=Transport(time.time, ssl.create_default_context(), tick_seconds=0.02))
        settings = ProviderSettings("it", "compatible", raw.url, None, timeouts)
        watch = Watch(timeouts, time.monotonic() + 60, Clock().monotonic)
        with client:
            upstream = Provider.of(settings, client).open(Plan(CHAT.path, (b"{}",), dialects.CHAT), None, watch)
            watch.begin()
            body = upstream.read(1000)
            upstream.close()

    assert body == b'{"choices": []      '
