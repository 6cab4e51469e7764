import contextlib
import socket

import pytest

from sluice.providers.connection import connect


@pytest.mark.fault("U02")
def test_all_addresses_of_a_host_share_one_timeout() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    with listener, contextlib.ExitStack() as waiting:
        for _ in range(3):  # fills the backlog, so that a further connection gets no answer
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listener.getsockname())

        with pytest.raises(TimeoutError):
            connect("127.0.0.1", listener.getsockname()[1], 0.1)
