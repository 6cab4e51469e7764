"""Stand-ins on loopback: a URL with one answer, and AWS services that speak the query protocol."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str

    @property
    def is_signed(self) -> bool:
        return "authorization" in self.headers

    @property
    def parameters(self) -> dict[str, str]:
        """Of a query API."""
        return {name: values[0] for name, values in parse_qs(self.body).items()}


@contextmanager
def serving(answer: Callable[[Asked], Reply]) -> Iterator[str]:
    """The URL of a server that answers so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, self.rfile.read(length).decode())
            reply = answer(asked)
            payload = reply.body.encode()
            self.send_response_only(reply.status)
            for name, value in {"Date": formatdate(usegmt=True), **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_POST = do_GET

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def result(action: str, content: Document) -> Reply:
    """An answer of a query API: lists are lists of `member`."""
    body = f"<{action}Response><{action}Result>{_xml(content)}</{action}Result></{action}Response>"
    return Reply(body=body, headers={"Content-Type": "text/xml"})


def refusal(status: int, code: str, message: str) -> Reply:
    error = _xml({"Type": "Sender", "Code": code, "Message": message})
    return Reply(status, f"<ErrorResponse><Error>{error}</Error></ErrorResponse>", {"Content-Type": "text/xml"})


def _xml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "".join(f"<{name}>{_xml(one)}</{name}>" for name, one in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(one)}</member>" for one in value)
    return escape(str(value))
