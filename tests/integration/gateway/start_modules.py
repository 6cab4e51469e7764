"""Started as a process of its own, with -S and -X importtime: loads runtime layer and gateway as an environment does,
then makes every call of events/. Its last line tells what was loaded before the first call, whose code ran after, and
what each call itself loaded.

Arguments: the files of events/ for the gateway, in order. No module but builtins is loaded before the gateway.
"""

import sys

before = set(sys.modules)

import streaming_runtime.loop  # noqa: E402, F401, I001

import gateway  # noqa: E402

at_start = sorted(set(sys.modules) - before)
used: set[str] = set()

import json  # noqa: E402
import uuid  # noqa: E402
from typing import Any  # noqa: E402


class Context:
    """What Lambda hands the handler."""

    def __init__(self) -> None:
        self.aws_request_id = str(uuid.uuid4())

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def saw(frame: Any, event: str, argument: Any) -> None:
    """A profile function: the module of each function that is called, written in Python or in C."""
    name = frame.f_globals.get("__name__") if event == "call" else getattr(argument, "__module__", None)
    if name:
        used.add(name)


def called(path: str) -> int:
    with open(path, encoding="utf-8") as file:
        event = json.load(file)
    loaded = set(sys.modules)
    answer = gateway.handler(event, Context())
    body = answer["body"]
    if not isinstance(body, str):
        for _ in body:
            pass
        body.close()
    late[path] = sorted(set(sys.modules) - loaded)
    return int(answer["statusCode"])


late: dict[str, list[str]] = {}
sys.setprofile(saw)
statuses = {path: called(path) for path in sys.argv[1:]}
sys.setprofile(None)
print(json.dumps({"at_start": at_start, "late": late, "used": sorted(used), "statuses": statuses}))
