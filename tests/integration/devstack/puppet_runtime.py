"""Run as the process of an execution environment: does to the Runtime API exactly the bytes that a test tells it to.

Commands come from the test as JSON lines over loopback (see puppet.py). Standard library only, and no HTTP client.
"""

import base64
import json
import os
import signal
import socket
import sys
from typing import Any


def response(connection: socket.socket) -> bytes:
    """One HTTP response that has a Content-Length, or what came before the connection closed."""
    received = b""
    while b"\r\n\r\n" not in received:
        data = connection.recv(65536)
        if not data:
            return received
        received += data
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while len(body) < int(lengths[0]):
        data = connection.recv(65536)
        if not data:
            break
        body += data
    return head + b"\r\n\r\n" + body


def obey(command: dict[str, Any], connections: dict[str, socket.socket]) -> bytes:
    verb, name, data = command["verb"], command.get("name", ""), base64.b64decode(command.get("data", ""))
    if verb == "open":
        host, _, port = os.environ["AWS_LAMBDA_RUNTIME_API"].rpartition(":")
        connections[name] = socket.create_connection((host, int(port)))
        connections[name].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    elif verb == "send":
        connections[name].sendall(data)
    elif verb == "flood":
        for _ in range(command["times"]):
            connections[name].sendall(data)
    elif verb == "receive":
        return response(connections[name])
    elif verb == "close":
        connections.pop(name).close()
    elif verb == "print":
        sys.stdout.write(data.decode())
        sys.stdout.flush()
    elif verb == "environ":
        return json.dumps(dict(os.environ)).encode()
    elif verb == "spawn":
        return str(os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "600")).encode()
    elif verb == "exit":
        os._exit(int(name))
    elif verb == "abort":
        os.kill(os.getpid(), signal.SIGKILL)
    return b""


def main() -> None:
    connections: dict[str, socket.socket] = {}
    with socket.create_connection(("127.0.0.1", int(os.environ["PUPPET_PORT"]))) as test:
        for line in test.makefile("rb"):
            reply = obey(json.loads(line), connections)
            test.sendall(base64.b64encode(reply) + b"\n")


if __name__ == "__main__":
    main()
