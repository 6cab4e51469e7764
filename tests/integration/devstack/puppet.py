"""The test's end of puppet_runtime.py: an execution environment whose every byte to the Runtime API is the test's."""

import base64
import json
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

SCRIPT = Path(__file__).with_name("puppet_runtime.py")
PATIENCE_SECONDS = 20
NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: runtime\r\n\r\n"
STREAMING = {
    "Content-Type": "application/vnd.awslambda.http-integration-response",
    "Lambda-Runtime-Function-Response-Mode": "streaming",
    "Trailer": "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
}
PRELUDE = b'{"statusCode":200,"headers":{"content-type":"text/plain"},"cookies":[]}' + bytes(8)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@dataclass(frozen=True, slots=True)
class Handed:
    """What /next gave: its headers, lower case, and the event."""

    headers: dict[str, str]
    event: dict[str, Any]

    @property
    def request_id(self) -> str:
        return self.headers["lambda-runtime-aws-request-id"]

    @property
    def token(self) -> str:
        return self.headers["lambda-runtime-invocation-id"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What the Runtime API answered to a POST."""

    status: int
    body: bytes


def parsed(response: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = response.partition(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(status_line.split()[1]), headers, body


class Puppet:
    """One environment's process."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE_SECONDS)
        self._connection = connection
        self._replies = connection.makefile("rb")

    def ask_next(self) -> None:
        """Sends GET /next; `handed` reads what it brings."""
        self.do("open", "next")
        self.do("send", "next", NEXT)

    def handed(self) -> Handed:
        _, headers, body = parsed(self.do("receive", "next"))
        self.do("close", "next")
        return Handed(headers, json.loads(body))

    def begin(self, handed: Handed, headers: Mapping[str, str] = STREAMING, name: str = "post") -> None:
        """Sends the head of a chunked POST to /response."""
        self.begin_post(
            f"invocation/{handed.request_id}/response", {"Lambda-Runtime-Invocation-Id": handed.token, **headers}, name
        )

    def begin_post(self, path: str, headers: Mapping[str, str], name: str = "post") -> None:
        lines = [f"POST /2018-06-01/runtime/{path} HTTP/1.1", "Host: runtime", "Transfer-Encoding: chunked"]
        lines += [f"{key}: {value}" for key, value in headers.items()]
        self.do("open", name)
        self.do("send", name, "\r\n".join([*lines, "", ""]).encode())

    def send(self, data: bytes, name: str = "post") -> None:
        self.do("send", name, data)

    def end(self, trailers: bytes = b"", name: str = "post") -> Reply:
        """Ends the chunked body and reads the Runtime API's answer."""
        self.do("send", name, b"0\r\n" + trailers + b"\r\n")
        return self.reply(name)

    def flood(self, data: bytes, times: int) -> None:
        """Sends the same bytes over and over; returns when the last are in the kernel."""
        self._order("flood", "post", data, times)
        assert self._replies.readline() == b"\n"

    def reply(self, name: str = "post") -> Reply:
        status, _, body = parsed(self.do("receive", name))
        self.do("close", name)
        return Reply(status, body)

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """A whole POST."""
        self.begin_post(path, headers)
        self.send(chunk(body))
        return self.end()

    def answer(self, body: bytes) -> Handed:
        """Serves one call: takes it, streams `body` as text, asks for the next one."""
        handed = self.handed()
        self.begin(handed)
        self.send(chunk(PRELUDE) + chunk(body))
        assert self.end().status == 202
        self.ask_next()
        return handed

    def environ(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.do("environ"))
        return found

    def print(self, text: str) -> None:
        self.do("print", data=text.encode())

    def leave(self, code: int) -> None:
        """Ends the process with that exit status."""
        self._order("exit", str(code), b"")

    def die(self) -> None:
        """The process kills itself."""
        self._order("abort", "", b"")

    def do(self, verb: str, name: str = "", data: bytes = b"") -> bytes:
        self._order(verb, name, data)
        return base64.b64decode(self._replies.readline())

    def close(self) -> None:
        self._replies.close()
        self._connection.close()

    def wait_for_death(self) -> None:
        """Returns when the process is gone: its end of the connection is closed then."""
        assert self._replies.readline() == b""

    def _order(self, verb: str, name: str, data: bytes, times: int = 1) -> None:
        command = {"verb": verb, "name": name, "data": base64.b64encode(data).decode(), "times": times}
        self._connection.sendall(json.dumps(command).encode() + b"\n")


class Stage:
    """Where puppets report: one per environment that is started, in the order of their starts."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(PATIENCE_SECONDS)
        self._puppets: list[Puppet] = []

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-I", "-S", str(SCRIPT)]

    @property
    def variables(self) -> dict[str, str]:
        return {"PUPPET_PORT": str(self._listening.getsockname()[1])}

    def enter(self) -> Puppet:
        """The next puppet, which has not done anything yet."""
        self._puppets.append(Puppet(self._listening.accept()[0]))
        return self._puppets[-1]

    def __enter__(self) -> "Stage":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for puppet in self._puppets:
            puppet.close()
        self._listening.close()
