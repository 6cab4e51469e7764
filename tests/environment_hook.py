"""Runs the script that it is given with an audit hook: what an environment of the dev stack must never do is told.

Started by tests/environment_wrapper, which stands in SLUICE_NEXT_WRAPPER, so it runs on the machine's own interpreter
without a package of the tests. Never: a connection or a look-up that leaves the machine, another process, a file that
is written. Each is told on standard error, in one line that begins with MARK, and a connection is refused as well.
"""

import ipaddress
import os
import runpy
import sys
from pathlib import Path
from typing import Any

MARK = "environment hook:"
CONNECTING = {"socket.connect", "socket.sendto", "socket.sendmsg"}
LOOKING_UP = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
PROCESSES = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
NO_RESIDUE = ("__pycache__", os.devnull)  # the interpreter's own; Lambda's file system is not even writable there


def offence(event: str, arguments: tuple[Any, ...]) -> str:
    """What is wrong with an audited event; empty where nothing is."""
    if event in CONNECTING:
        address = arguments[1]
        return "" if isinstance(address, str | bytes) or is_local(address[0]) else f"{event} {address[0]}"
    if event in LOOKING_UP:
        return "" if is_local(arguments[0]) else f"{event} {arguments[0]}"
    if event == "open":
        return written(*arguments)
    return event if event in PROCESSES else ""


def is_local(host: Any) -> bool:
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if text in (None, "", "localhost") or text.rstrip(".").endswith(".invalid"):
        return True
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return False


def written(path: Any, _mode: Any, flags: Any) -> str:
    is_file = isinstance(path, str | bytes | os.PathLike)
    name = os.fsdecode(path) if is_file else ""
    is_writing = isinstance(flags, int) and bool(flags & WRITING)
    return f"open {name}" if is_file and is_writing and not any(part in name for part in NO_RESIDUE) else ""


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    found = offence(event, arguments)
    if found:
        os.write(2, f"{MARK} {found}\n".encode())
        if event in CONNECTING | LOOKING_UP:
            raise PermissionError(found)


if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    sys.addaudithook(hook)
    runpy.run_path(sys.argv[0], run_name="__main__")
