"""Recorded traffic, served again: model `replay.<name>` answers with the status, headers and bytes of that recording.

`replay.<name>.by7` sends seven bytes at a time. A recording is `<name>.json` with the file of its body beside it; the
first letters of its name say on which operation it was made.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sluice_devstack.simulated.bedrock.exceptions import invalid, refused
from sluice_devstack.simulated.bedrock.operation import Operation

PREFIX = "replay."
NAME = re.compile(r"replay\.(?P<name>\w+?)(?:\.by(?P<size>\d+))?")
PIECE_BYTES = 16 * 1024
CHAT, RESPONSES = "chat/completions", "responses"
MADE_ON = {
    "cs_": (Operation.CONVERSE_STREAM.value,),
    "is_": (Operation.INVOKE_STREAM.value,),
    "cj_": (Operation.CONVERSE.value,),
    "ij_": (Operation.INVOKE.value,),
    "emb_": (Operation.INVOKE.value,),
    "err_bedrock_": tuple(operation.value for operation in Operation),
    "oc_": (CHAT,),
    "oj_": (CHAT,),
    "or_": (RESPONSES,),
    "mantle_responses_": (RESPONSES,),
}
CONTENT_TYPES = {".eventstream": "application/vnd.amazon.eventstream", ".sse": "text/event-stream"}
STRUCK_OUT = "**REDACTED**"  # where a recording's origin left out what a header said
NOT_SENT_AGAIN = ("transfer-encoding", "content-length", "content-encoding", "connection")


@dataclass(frozen=True, slots=True)
class Recorded:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    piece_bytes: int = PIECE_BYTES

    def pieces(self) -> Iterator[bytes]:
        yield from (self.body[at : at + self.piece_bytes] for at in range(0, len(self.body), self.piece_bytes))


class Recordings:
    """Those of one folder; None: there are none here."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def recorded(self, model: str, operation: str) -> Recorded:
        """Raises Refused for a name that no recording has, or that one of another operation has."""
        found = NAME.fullmatch(model)
        path = self._path(found["name"]) if found else None
        if found is None or path is None:
            raise refused("ResourceNotFoundException", self._absent(model))
        made_on = next((made for prefix, made in MADE_ON.items() if found["name"].startswith(prefix)), ())
        if operation not in made_on:
            raise invalid(f"The recording {found['name']} was made on {' or '.join(made_on) or 'another service'}.")
        return _read(path, max(1, int(found["size"] or PIECE_BYTES)))

    def _path(self, name: str) -> Path | None:
        path = self._folder / f"{name}.json" if self._folder else None
        return path if path and path.is_file() else None

    def _absent(self, model: str) -> str:
        where = f"{self._folder} holds no such recording" if self._folder else "no folder of recordings was named"
        return f"{model} cannot be replayed: {where}."


def _read(path: Path, piece_bytes: int) -> Recorded:
    response = json.loads(path.read_text(encoding="utf-8"))["response"]
    body = path.parent / response["body_file"]
    headers = {name.lower(): str(value) for name, value in response["headers"].items() if value != STRUCK_OUT}
    kept = {name: value for name, value in headers.items() if name not in NOT_SENT_AGAIN}
    kept.setdefault("content-type", CONTENT_TYPES.get(body.suffix, "application/json"))
    return Recorded(response["status"], tuple(kept.items()), body.read_bytes(), piece_bytes)
