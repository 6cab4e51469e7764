"""Egress (I10): a test fails on any connection, name look-up or listener that is not on this machine.

An audit hook sees every connection that Python makes, whoever makes it, before it is made: what is not on the list is
refused and fails the test during which it was tried. Names under `.invalid` exist nowhere by definition, so looking one
up is no way out. The gateway's environments have a hook of their own (tests/environment_hook.py).

tests/conftest.py makes this plugin known.
"""

import ipaddress
import sys
from collections.abc import Iterator
from typing import Any

import pytest

NOWHERE = ".invalid"
LOCAL_NAMES = frozenset({"", "localhost", "localhost.localdomain"})
CONNECTING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"})
LOOKING_UP = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"})


class EgressRefused(RuntimeError):
    """Not an OSError: what takes failed connections in its stride must not take this one."""


def host_of(event: str, arguments: tuple[Any, ...]) -> str | None:
    """Where an audited event leads; None where it leads nowhere (a path, an address that is kept)."""
    target = arguments[1] if event in CONNECTING else arguments[0] if event in LOOKING_UP else None
    if isinstance(target, tuple):
        target = target[0]
    return target.decode("ascii", "replace") if isinstance(target, bytes) else target


def is_listed(host: str | None) -> bool:
    """This machine, and names that exist nowhere."""
    if host is None or host in LOCAL_NAMES or host.startswith("/") or host.rstrip(".").endswith(NOWHERE):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


class Guard:
    """The hook. It cannot be taken out again, and judges nothing while it is not watching."""

    def __init__(self) -> None:
        self.is_watching = False
        self.refused: list[str] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.is_watching or event not in CONNECTING | LOOKING_UP:
            return
        host = host_of(event, arguments)
        if is_unix(event, arguments) or is_listed(host):
            return
        self.refused.append(f"{event} {host}")
        raise EgressRefused(f"{event} to {host}: tests stay on this machine")

    def taken(self) -> list[str]:
        """What was refused since the last look."""
        found, self.refused = self.refused, []
        return found


def is_unix(event: str, arguments: tuple[Any, ...]) -> bool:
    """A path in the file system, which a socket of the family AF_UNIX has in the place of a host."""
    return event in CONNECTING and isinstance(arguments[1], str | bytes)


GUARD = Guard()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    yield
    if refused := GUARD.taken():
        pytest.fail(f"left this machine, or tried to: {refused}", pytrace=False)


def pytest_configure() -> None:
    if not GUARD.is_watching:
        GUARD.is_watching = True
        sys.addaudithook(GUARD)
