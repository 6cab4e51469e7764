"""A gateway as its callers see it: the whole dev stack, signed calls over loopback, and the ledger it leaves behind."""

import functools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import botocore.session
import h11
import pytest
from tests import canaries
from tests.e2e.watched import Watched
from tests.integration.devstack.caller import Caller, signed_headers

from sluice_cli import host_build
from sluice_cli.record import Record, record
from sluice_client import FunctionUrlAuth
from sluice_devstack import DevStack, StackOptions
from sluice_devstack.aws_json import DYNAMODB, call
from sluice_devstack.call import Call
from sluice_devstack.sigv4 import Identity
from sluice_devstack.stack import ROOT

CHAT = "/v1/chat/completions"
PATIENCE_SECONDS = 20.0
MESSAGES: Any = [{"role": "user", "content": f"Hello! {canaries.PROMPT}"}]
Found = TypeVar("Found")


def eventually(look: Callable[[], Found | None], what: str, seconds: float = PATIENCE_SECONDS) -> Found:
    """What `look` finds, as soon as it finds anything: for what happens in another process and tells nobody."""
    until = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < until, f"{what}: not after {seconds:g} s"
        time.sleep(0.005)
    return found


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller got: HTTP's own chunks, and whether it "ended" or was "cut"."""

    status: int
    headers: Mapping[str, str]
    chunks: tuple[bytes, ...]
    end: str

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def request_id(self) -> str:
        return self.headers["x-amzn-requestid"]

    @property
    def error(self) -> dict[str, Any]:
        """The error object: of an answer that is one, or of the stream's last event."""
        return error_in(self.body)


def kept_secrets(answer: Answer) -> Answer:
    """The answer, if nothing of a key or of a role's credentials stands in its headers, or in it where it is an error."""
    said = answer.body if answer.status != 200 or b'"error"' in answer.body[-4096:] else b""
    text = json.dumps(dict(answer.headers)) + said.decode("utf-8", "replace")
    assert canaries.leaks(text, [canaries.KEY]) == []
    return answer


def error_in(body: bytes) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(body.removesuffix(b"\n\n").rpartition(b"\n\n")[2].removeprefix(b"data: "))[
        "error"
    ]
    return error


class Begun:
    """A call on its way."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._head: h11.Response | None = None

    @property
    def head(self) -> h11.Response:
        self._head = self._head or self._caller.head()
        return self._head

    def chunk(self) -> bytes | None:
        """The next chunk; None at the proper end, and h11.RemoteProtocolError at any other."""
        return self._caller.chunk() if self.head else None

    def answer(self) -> Answer:
        """The head, and all chunks that were not taken yet."""
        head, taken, end = self.head, list[bytes](), "ended"
        try:
            while (chunk := self.chunk()) is not None:
                taken.append(chunk)
        except h11.RemoteProtocolError:
            end = "cut"
        fields = {name.decode(): value.decode("latin-1") for name, value in head.headers}
        return kept_secrets(Answer(head.status_code, fields, tuple(taken), end))


@dataclass(frozen=True, slots=True)
class Rig:
    """A running stack. A call is made with `ask`, or with `begin` to watch it arrive."""

    stack: DevStack

    @contextmanager
    def connected(self) -> Iterator[Caller]:
        """One connection for many calls."""
        with Caller(self.stack.url) as caller:
            yield caller

    @contextmanager
    def begin(self, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Iterator[Begun]:
        with self.connected() as caller:
            yield self.send(caller, json.dumps(body).encode(), headers)

    def send(self, caller: Caller, payload: bytes, headers: Mapping[str, str] | None = None) -> Begun:
        """A signed chat completion on that connection."""
        caller.send("POST", CHAT, self.signed("POST", CHAT, payload, headers), payload)
        return Begun(caller)

    def signed(
        self, method: str, target: str, payload: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        who = Identity(self.stack.access_key_id, self.stack.secret_access_key, "")
        named = {"content-type": "application/json", **(headers or {})}
        return signed_headers(self.stack.url + target, method=method, headers=named, body=payload, identity=who)

    def ask(self, model: str, headers: Mapping[str, str] | None = None, **body: Any) -> Answer:
        """A chat completion, streamed unless the body says otherwise."""
        with self.begin({"model": model, "messages": MESSAGES, "stream": True, **body}, headers) as begun:
            return begun.answer()

    def auth(self) -> FunctionUrlAuth:
        """The developer's signature, for HTTP clients."""
        session = botocore.session.Session()
        session.set_credentials(self.stack.access_key_id, self.stack.secret_access_key)
        return FunctionUrlAuth(region=self.stack.region, session=session)

    def call(self, request_id: str) -> Call:
        """What the stack tells of a call, once it has finished."""
        found = lambda: next((one for one in self.stack.calls if one.request_id == request_id), None)  # noqa: E731
        return eventually(found, f"call {request_id} has finished")

    def record(self, request_id: str) -> Record:
        """The call's record once it is settled, which happens just after the caller got the last byte."""

        def settled() -> Record | None:
            key = {"pk": {"S": f"R#{request_id}"}, "sk": {"S": "R"}}
            item = self.dynamodb("GetItem", Key=key, ConsistentRead=True).get("Item")
            found = record(item) if item else None
            return found if found and found["status"] != "reserved" else None

        return eventually(settled, f"record {request_id} is settled")

    def records(self) -> list[Record]:
        """Everything on the ledger now, settled or not."""
        items: list[Any] = []
        more: dict[str, Any] = {}
        while True:
            page = self.dynamodb("Scan", ConsistentRead=True, **more)
            items += [item for item in page["Items"] if item["pk"]["S"].startswith("R#")]
            if "LastEvaluatedKey" not in page:
                return [record(item) for item in items]
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def settled_records(self) -> list[Record]:
        """Everything on the ledger, once nothing of it is open any more."""

        def settled() -> list[Record] | None:
            found = self.records()
            return found if all(one["status"] != "reserved" for one in found) else None

        return eventually(settled, "all records are settled")

    def dynamodb(self, operation: str, **arguments: Any) -> dict[str, Any]:
        body = {"TableName": self.stack.table, **arguments}
        return call(self.stack.dynamodb_url, DYNAMODB, operation, body, PATIENCE_SECONDS)


@functools.cache
def defect_of_the_build() -> str:
    """Why these tests would not test what the sources say; empty where all is well."""
    if host_build.is_missing(ROOT):
        return f"build/host is not there; {host_build.MAKE}"
    old = host_build.outdated(ROOT)
    return f"{old} is not in build/host as it is now; {host_build.MAKE}" if old else ""


@contextmanager
def rig(folder: Path, providers: Mapping[str, Mapping[str, Any]], **options: Any) -> Iterator[Rig]:
    """A stack with these providers; `options` are fields of StackOptions. It runs build/host, which has to be new.

    `attempts` among them are the most at one target: 1 where a test breaks one attempt and no more.
    """
    if defect := defect_of_the_build():
        pytest.fail(defect)
    config = folder / "gateway.toml"
    config.write_text(toml(providers) + defaults(options.pop("attempts", None)), encoding="utf-8")
    watched = Watched(providers)
    with DevStack(StackOptions(**watched.options({"config": config, "sweeper_seconds": None, **options}))) as stack:
        yield Rig(stack)
        watched.check(stack)


def toml(providers: Mapping[str, Mapping[str, Any]]) -> str:
    """A configuration of these providers; JSON's scalars and lists are TOML's too."""
    lines = []
    for name, settings in providers.items():
        lines.append(f"[providers.{name}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    return "\n".join([*lines, ""])


def defaults(attempts: int | None) -> str:
    return f"[defaults]\nretry = {{ attempts = {attempts} }}\n" if attempts else ""


def compatible(url: str, **settings: Any) -> dict[str, Any]:
    """A provider of the test's own."""
    return {"kind": "compatible", "base_url": url, **settings}
