"""The lock in front of moto. The process around it is tested in tests/integration/test_embedded_aws.py."""

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sluice_devstack.aws_server import OneAtATime

TIMEOUT_SECONDS = 10


def test_a_second_request_waits_until_the_first_has_been_answered() -> None:
    first_is_inside, first_may_leave, second_is_inside = threading.Event(), threading.Event(), threading.Event()

    def application(environ: dict[str, Any], _start_response: Any) -> Iterable[bytes]:
        if environ["number"] == 1:
            first_is_inside.set()
            assert first_may_leave.wait(TIMEOUT_SECONDS)
        else:
            second_is_inside.set()
        yield b"done"

    server = OneAtATime(application)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(server, {"number": 1}, print)
        assert first_is_inside.wait(TIMEOUT_SECONDS)
        second = pool.submit(server, {"number": 2}, print)

        overlapped = second_is_inside.wait(0.1)
        first_may_leave.set()

        assert not overlapped
        assert (first.result(TIMEOUT_SECONDS), second.result(TIMEOUT_SECONDS)) == ([b"done"], [b"done"])
