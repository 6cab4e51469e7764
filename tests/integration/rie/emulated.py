"""A function of the artifact under AWS's Runtime Interface Emulator.

The emulator knows no AWS_LAMBDA_EXEC_WRAPPER, so it is told to start what the managed runtime would.
"""

import http.client
import socket
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

from tests.integration.rie.artifact import Artifact
from tests.integration.rie.placed import Placed

PATH = "/2015-03-31/functions/function/invocations"
START_SECONDS, INVOKE_SECONDS = 20.0, 60.0


class EmulatorFailed(Exception):
    """The emulator did not start or did not answer; the message holds the end of what it and the function said."""


class Emulated:
    """A context manager; `invoke` as often as wanted. `command` starts the runtime, paths as on Lambda."""

    def __init__(
        self, artifact: Artifact, function: str, command: Sequence[str], variables: Mapping[str, str], handler: str
    ) -> None:
        self._port = _free_port()
        addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"]
        addresses += ["--runtime-api-address", f"127.0.0.1:{_free_port()}"]
        rie = ["/var/rapid/aws-lambda-rie", "--log-level", "error", *addresses, *command, handler]
        self._placed = Placed(artifact, function, rie, variables)

    def __enter__(self) -> "Emulated":
        self._placed.__enter__()
        try:
            self._wait()
        except BaseException:
            self._placed.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._placed.__exit__(kind, error, trace)

    def invoke(self, event: bytes) -> bytes:
        """All bytes of the answer, as the function gave them to the Runtime API."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=INVOKE_SECONDS)
        try:
            connection.request("POST", PATH, event)
            return connection.getresponse().read()
        except OSError as error:
            raise EmulatorFailed(f"{error}\n{self._placed.said}") from error
        finally:
            connection.close()

    def _wait(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._placed.is_running:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.02)
        raise EmulatorFailed(f"the emulator does not listen\n{self._placed.said}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
