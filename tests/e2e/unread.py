"""Whether another process has read what was sent to it over loopback. Nobody tells, so the kernel is asked.

sock_diag(7) answers for one socket in microseconds; where it is missing, /proc/net/tcp lists them all in milliseconds.
"""

import socket
import struct
import time
from pathlib import Path

PATIENCE_SECONDS = 10.0
PAUSE_SECONDS = 0.0002
SOCK_DIAG, SOCK_DIAG_BY_FAMILY, REQUEST, ERROR = 4, 20, 1, 2
HEADER = struct.Struct("=IHHII")  # nlmsghdr
QUESTION = struct.Struct("=BBBBI")  # inet_diag_req_v2 up to the socket's id
PORTS, INTERFACE_AND_COOKIE, QUEUES = struct.Struct("!HH"), struct.Struct("=III"), struct.Struct("=II")
ANY_STATE = NO_COOKIE = 0xFFFFFFFF
QUEUES_AT = HEADER.size + 4 + 48 + 4  # inet_diag_msg: family and state, the socket's id, expires
LOOPBACK = socket.inet_aton("127.0.0.1") + bytes(12)
TCP_TABLE = Path("/proc/net/tcp")


def wait_until_read(sock: socket.socket) -> None:
    """Returns when the other end has read all that was sent: no later byte is in the same read then."""
    ours, theirs = sock.getsockname()[1], sock.getpeername()[1]
    until = time.monotonic() + PATIENCE_SECONDS
    while waiting(ours, theirs) or waiting(theirs, ours):
        assert time.monotonic() < until, "the gateway does not read"
        time.sleep(PAUSE_SECONDS)


def waiting(local: int, remote: int) -> int:
    """Bytes that the socket between these ports has not read, or not had acknowledged; 0 where there is none."""
    try:
        return diagnosed(local, remote)
    except OSError:
        return listed(local, remote)


def diagnosed(local: int, remote: int) -> int:
    socket_id = PORTS.pack(local, remote) + LOOPBACK + LOOPBACK + INTERFACE_AND_COOKIE.pack(0, NO_COOKIE, NO_COOKIE)
    question = QUESTION.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, 0, ANY_STATE) + socket_id
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, SOCK_DIAG) as netlink:
        netlink.send(HEADER.pack(HEADER.size + len(question), SOCK_DIAG_BY_FAMILY, REQUEST, 1, 0) + question)
        answer = netlink.recv(4096)
    if HEADER.unpack_from(answer)[1] == ERROR:  # there is no such socket, or no such question
        return listed(local, remote)
    return sum(QUEUES.unpack_from(answer, QUEUES_AT))


def listed(local: int, remote: int) -> int:
    for line in TCP_TABLE.read_text().splitlines()[1:]:
        _, here, there, _, queues, *_ = line.split()
        if (port(here), port(there)) == (local, remote):
            return sum(int(part, 16) for part in queues.split(":"))
    return 0


def port(address: str) -> int:
    return int(address.partition(":")[2], 16)
