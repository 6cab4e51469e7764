"""The test's end of the fake Runtime API, and the execution environments that talk to it."""

import base64
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

PATIENCE_SECONDS = 20.0
LONG_DEADLINE_SECONDS = 60.0

Event = dict[str, Any]


@dataclass(frozen=True)
class Streamed:
    """A response that came as a stream, as the Runtime API saw it."""

    request_id: str
    connection: int
    headers: Mapping[str, str]
    chunks: list[bytes]
    trailers: Mapping[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    segments: int = 0

    @cached_property
    def prelude(self) -> dict[str, Any]:
        text, delimiter, rest = self.chunks[0].partition(bytes(8))
        assert (delimiter, rest) == (bytes(8), b"")
        return dict(json.loads(text))

    @property
    def body(self) -> list[bytes]:
        return self.chunks[1:]

    @property
    def error(self) -> tuple[str, dict[str, Any]]:
        body = base64.b64decode(self.trailers["lambda-runtime-function-error-body"], validate=True)
        return self.trailers["lambda-runtime-function-error-type"], json.loads(body)


class RuntimeApi:
    """The fake API's process. Every wait has an end."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("fake_runtime_api.py")
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.arrivals: queue.Queue[Event] = queue.Queue()
        self.unclaimed: list[Event] = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.address = f"127.0.0.1:{self.event('listening')['port']}"
        self.count = 0

    def __enter__(self) -> "RuntimeApi":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        self.reader.join(PATIENCE_SECONDS)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.arrivals.put(json.loads(line))

    def invoke(
        self,
        event: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        deadline_seconds: float = LONG_DEADLINE_SECONDS,
        status: int = 202,
        then: Mapping[str, object] | None = None,
    ) -> str:
        """Queues an invocation, and what its response will meet; returns its request id."""
        self.count += 1
        request_id = f"request-{self.count}"
        deadline = {"Lambda-Runtime-Deadline-Ms": str(int((time.time() + deadline_seconds) * 1000))}
        script = {"request_id": request_id, "event": event, "headers": {**deadline, **(headers or {})}}
        assert self.process.stdin is not None
        print(json.dumps({**script, "status": status, "then": then or {}}), file=self.process.stdin, flush=True)
        return request_id

    def event(self, kind: str, path: str = "") -> Event:
        """The next event of that kind whose path holds `path`; others wait for whoever asks."""
        for seen in self.unclaimed:
            if seen["kind"] == kind and path in seen.get("path", ""):
                self.unclaimed.remove(seen)
                return seen
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                seen = self.arrivals.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise TimeoutError(f"no {kind!r} for {path!r} from the runtime; it did: {self.unclaimed}") from None
            if seen["kind"] == kind and path in seen.get("path", ""):
                return seen
            self.unclaimed.append(seen)

    def stream(self, request_id: str) -> Streamed:
        """The whole streamed response to an invocation."""
        path = f"/{request_id}/response"
        head, end = self.event("head", path), self.event("end", path)
        seen, self.unclaimed = self.unclaimed, []
        chunks: list[Event] = []
        for event in seen:
            of_this = event["kind"] == "chunk" and event["path"].endswith(path)
            (chunks if of_this else self.unclaimed).append(event)
        return Streamed(
            request_id,
            head["connection"],
            head["headers"],
            [chunk["data"].encode("latin-1") for chunk in chunks],
            end["trailers"],
            [piece.encode("latin-1") for piece in end["pieces"]],
            end["segments"],
        )

    def chunk(self, request_id: str) -> bytes:
        """The next chunk of a response, as soon as it is there."""
        data: str = self.event("chunk", f"/{request_id}/response")["data"]
        return data.encode("latin-1")

    def whole(self, path: str) -> Event:
        """A request that came whole: a plain result, an error, an init error."""
        return self.event("whole", path)

    def kinds(self) -> list[str]:
        """What has been told and not been asked for."""
        return [seen["kind"] for seen in self.unclaimed]


class Environment:
    """An execution environment: the runtime as Lambda starts it, through its exec wrapper."""

    def __init__(self, opt: Path, task: Path, api: RuntimeApi, environ: Mapping[str, str]) -> None:
        self.log_path = task.parent / "log.txt"
        lambda_environ = {
            "PATH": os.environ["PATH"],
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "LAMBDA_TASK_ROOT": str(task),
            "PYTHONDONTWRITEBYTECODE": "1",
            "_HANDLER": "app.handler",
        }
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [opt / "bootstrap", sys.executable, "/var/runtime/bootstrap.py"],
                cwd=task,
                env={**lambda_environ, **environ},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    @property
    def reports(self) -> list[dict[str, Any]]:
        """The runtime's own lines."""
        return [json.loads(line) for line in self.log.splitlines() if '"logger": "streaming_runtime"' in line]

    def exit_code(self) -> int:
        return self.process.wait(PATIENCE_SECONDS)

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.exit_code()

    def stop(self) -> None:
        """Ends it with all that it forked."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_SECONDS)
