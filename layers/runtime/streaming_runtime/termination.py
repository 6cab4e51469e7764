"""SIGTERM in the middle of a call ends the process as sys.exit does: the body is closed, so that its call is settled.

Lambda sends it to the runtime where an extension is registered, and SIGKILL soon after. While the runtime waits for the
next invocation nothing has to be closed, and the signal ends the process at once (docs/decisions/0009). A handler that
the function has installed itself is left alone.
"""

import signal
import sys
import threading
from types import FrameType


def leave(_number: int, _frame: FrameType | None) -> None:
    """Raises SystemExit wherever the main thread is."""
    sys.exit(0)


def while_waiting() -> None:
    """Before /next is asked for: the signal does what it does without a handler."""
    if signal.getsignal(signal.SIGTERM) is leave:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def while_serving() -> None:
    """Once an invocation is here. Signals are the main thread's business alone."""
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, leave)
