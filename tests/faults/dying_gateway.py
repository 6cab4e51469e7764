"""A gateway that is killed at one step after the other: a process of its own, which forks one child for each call.

`python -m tests.faults.dying_gateway CONFIG MODEL`, with the gateway's variables in the environment. The child of number
N makes one call and is killed by SIGKILL as it is about to enter the N-th function of the gateway's own; a call that
gets to its end is the last one. Each is told in a line of JSON: the number, where it died, and nothing else.
"""

import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from sluice.wiring import build

PACKAGE = str(Path("functions", "sluice"))
WHERE = ("admission", "answer", "answering", "attempting", "early", "pipeline", "relay", "settlement", "whole")
FOLDERS = ("stores", "providers", "routing")
PURE = ("table",)  # the shape of rows: nothing has happened between two of these
MAX_STEPS = 5000


class Context:
    """What Lambda hands the handler; the id tells the call's number."""

    def __init__(self, number: int) -> None:
        self.aws_request_id = request_id(number)

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def request_id(number: int) -> str:
    return f"{number:08d}-0000-4000-8000-000000000000"


def is_step(frame: FrameType) -> bool:
    """Whether a function is one of those that make a call what it is; codecs and tables are not."""
    path = Path(frame.f_code.co_filename)
    return PACKAGE in str(path) and path.stem not in PURE and (path.stem in WHERE or path.parent.name in FOLDERS)


class Countdown:
    """A profile function: kills the process at the step of that number."""

    def __init__(self, steps: int, told: int) -> None:
        self._left = steps
        self._told = told

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call" and is_step(frame):
            self._left -= 1
            if not self._left:
                os.write(self._told, f"{Path(frame.f_code.co_filename).name}:{frame.f_code.co_name}".encode())
                os.kill(os.getpid(), signal.SIGKILL)


def event(model: str, number: int) -> dict[str, Any]:
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": True, "user": request_id(number)}
    http = {"method": "POST", "path": "/v1/chat/completions"}
    iam = {"userArn": "arn:aws:iam::123456789012:user/ada", "accountId": "123456789012"}
    return {
        "version": "2.0",
        "rawPath": http["path"],
        "headers": {"content-type": "application/json"},
        "requestContext": {"http": http, "authorizer": {"iam": iam}, "stage": "$default"},
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }


def made(handler: Any, model: str, number: int) -> None:
    """One call, as the runtime layer makes it: its body read to the end and closed."""
    answer = handler(event(model, number), Context(number))
    body = answer["body"]
    if not isinstance(body, str):
        for _ in body:
            pass
        body.close()


def died_at(handler: Any, model: str, number: int) -> str:
    """Where the child of that number died; empty where it came to its end."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.setprofile(Countdown(number, writing))
        made(handler, model, number)
        sys.setprofile(None)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        place = told.read()
    os.waitpid(child, 0)
    return place


def main(config: str, model: str) -> None:
    handler = build(Path(config))
    for number in range(1, MAX_STEPS):
        place = died_at(handler, model, number)
        print(json.dumps({"number": number, "place": place}), flush=True)
        if not place:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
