"""No process that the stack started outlives it, also when the stack is killed and cannot tidy up.

Strategy: a small process of its own holds the reading end of a pipe and is told the process groups as they come and go.
When the pipe closes, because its writer has stopped or died, it kills the groups that are left and ends. Unlike
PR_SET_PDEATHSIG this works on macOS too, and needs no code between fork and exec of a process with threads.
"""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("orphans.py")
STOP_SECONDS = 2.0


class Guardian:
    """Started with the stack, stopped last."""

    def __init__(self) -> None:
        command = [sys.executable, "-I", "-S", str(SCRIPT)]
        # A session of its own: Ctrl-C at the terminal reaches the stack only.
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        assert self._process.stdin is not None
        self._pipe = self._process.stdin

    def adopt(self, group: int) -> None:
        self._tell(f"+{group}\n")

    def release(self, group: int) -> None:
        """To be called when the group's leader was reaped: its number may be given to another process then."""
        self._tell(f"-{group}\n")

    def stop(self) -> None:
        self._pipe.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _tell(self, line: str) -> None:
        try:
            self._pipe.write(line.encode())
            self._pipe.flush()
        except BrokenPipeError:
            pass  # someone killed the guardian: the stack's own tidying up is all that is left
