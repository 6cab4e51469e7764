"""Calls that are made at most once under their caller's own name, and their answers while these are kept.

One row per name, `I#<principal>#<name>`, both as hashes: nobody reaches another principal's. It is written in the
transaction that reserves the call, so of two at once one is made.

| name | what it means |
| --- | --- |
| rid, bh | the call that has the name, and the digest of what it asked |
| st | R it runs, D it has ended well, F it has not: the name may be used again |
| lease | when a running call has ended at the latest, in epoch seconds: a process that died frees the name then |
| hdr, body | the answer's headers and its bytes, packed with zlib; absent where they are not kept |
| exp | when the name is free again, in epoch seconds |

Whoever may write to the table may have written anything: a row that makes no sense is a conflict, never a failure.
"""

import hashlib
import json
import logging
import re
import zlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from random import Random
from typing import Any, Protocol

from sluice.domain.call import Call, Step
from sluice.domain.clock import Clock
from sluice.domain.errors import IdempotencyConflict, Repeated, StillRunning
from sluice.domain.idempotency import Idempotent, KeptAnswer
from sluice.domain.record import Outcome, Reservation, UsageRecord
from sluice.stores import table
from sluice.stores.retries import FAILURES, Retries, code, is_condition
from sluice.stores.table import Item, Row

MAX_ANSWER_BYTES = 4 * 1024 * 1024  # of an answer that is kept
MAX_PACKED_BYTES = 300 * 1024  # an item holds 400 KB
MAX_HEADER_BYTES = 8 * 1024
KEPT_SECONDS = 86_400
END_SECONDS = 0.5
RUNNING, DONE, FREE = "R", "D", "F"
HEADERS = re.compile(r"content-type|x-sluice-[a-z0-9-]{1,64}")  # never cookies, and nothing of AWS's own
HEADER_TEXT = re.compile(r"[\x20-\x7e]*")
UNREADABLE = "what is kept under this Idempotency-Key cannot be read; use a new one"
AGAIN = {"retry-after": "2", "x-should-retry": "true"}
IS_FREE = "attribute_not_exists(pk) OR #st = :free OR (#st = :running AND #lease < :now) OR #exp < :now"

logger = logging.getLogger(__name__)

Within = Callable[[float], AbstractContextManager[object]]


class Updates(Protocol):
    """What it takes of a low-level DynamoDB client whose own retries are off."""

    def update_item(self, **arguments: Any) -> Mapping[str, Any]: ...


def put(reservation: Reservation, table_name: str, now: float) -> dict[str, Any]:
    """The Put of a transaction that writes a reservation: its call begins, unless it runs or has ended well."""
    idempotent = reservation.idempotent
    if idempotent is None:
        raise ValueError("the reservation has no Idempotency-Key")
    row = {
        **key(idempotent),
        "rid": reservation.request_id,
        "bh": idempotent.digest,
        "st": RUNNING,
        "lease": reservation.lease,
        "exp": int(now) + KEPT_SECONDS,
    }
    return {
        "Put": {
            "TableName": table_name,
            "Item": table.item(row),
            "ConditionExpression": IS_FREE,
            "ExpressionAttributeNames": {f"#{name}": name for name in ("st", "lease", "exp")},
            "ExpressionAttributeValues": table.item({":free": FREE, ":running": RUNNING, ":now": int(now)}),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def refused(idempotent: Idempotent, found: Row) -> Exception:
    """What to raise for the row that was in the way: Repeated, StillRunning or IdempotencyConflict.

    An empty one went away meanwhile.
    """
    if found and found.get("bh") != idempotent.digest:
        return conflict("this Idempotency-Key was used for another request; use a new one")
    status = found.get("st", FREE)
    if status == DONE:
        return _repeated(found)
    if status not in (RUNNING, FREE) or not isinstance(found.get("lease", 0), int):
        return conflict(UNREADABLE)
    return StillRunning("the call with this Idempotency-Key has not been answered yet; repeat it later", headers=AGAIN)


def _repeated(found: Row) -> Exception:
    if "body" not in found:
        words = "the call with this Idempotency-Key was answered, and its answer is not kept or too long to be"
        return conflict(f"{words}; use a new one to make the call again")
    body, headers, request_id = unpacked(found["body"]), found.get("hdr"), found.get("rid")
    if body is None or not isinstance(headers, Mapping) or not isinstance(request_id, str):
        return conflict(UNREADABLE)
    return Repeated(KeptAnswer(request_id, sound(headers), body))


def conflict(words: str) -> IdempotencyConflict:
    return IdempotencyConflict(words, headers={"x-should-retry": "false"})


class Idempotency:
    """Of one table. `within` bounds the client's own timeouts by the seconds it is given."""

    def __init__(
        self, client: Updates, table_name: str, clock: Clock, random: Random, within: Within = nullcontext
    ) -> None:
        self._client = client
        self._name = table_name
        self._clock = clock
        self._retries = Retries(clock, random)
        self._within = within

    def end(self, reservation: Reservation, record: UsageRecord, answer: KeptAnswer | None) -> None:
        """The call has ended; a complete one is kept with its answer, any other may be made again. Never raises."""
        if reservation.idempotent is None:
            return
        until = self._clock.monotonic() + END_SECONDS
        changes = ended(record, answer, int(self._clock.now()) + KEPT_SECONDS)
        arguments = {
            "TableName": self._name,
            "Key": table.item(key(reservation.idempotent)),
            **written(changes, reservation.request_id),
        }
        try:
            self._retries.run(partial(self._update, arguments, until), END_SECONDS)
        except FAILURES as error:
            if not is_condition(error):  # after its lease another call has the name
                logger.warning("idempotency.unended: table %s, %s; free after its lease", self._name, code(error))

    def _update(self, arguments: dict[str, Any], until: float) -> Mapping[str, Any]:
        with self._within(max(0.0, until - self._clock.monotonic())):
            return self._client.update_item(**arguments)


def ended(record: UsageRecord, answer: KeptAnswer | None, expires: int) -> Item:
    """What the row of an ended call is changed to."""
    if record.outcome is not Outcome.COMPLETE or record.http_status != 200:
        return table.item({"st": FREE, "exp": expires})
    done = table.item({"st": DONE, "exp": expires})
    body = packed(answer.body) if answer else None
    if answer is None or body is None:
        return done
    return {**done, "hdr": table.attribute(sound(answer.headers)), "body": {"B": body}}


def written(changes: Item, request_id: str) -> dict[str, Any]:
    """Arguments of an UpdateItem that writes them, if the row is still that call's."""
    return {
        "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in changes),
        "ConditionExpression": "#rid = :rid",
        "ExpressionAttributeNames": {"#rid": "rid", **{f"#{name}": name for name in changes}},
        "ExpressionAttributeValues": {
            ":rid": table.attribute(request_id),
            **{f":{name}": value for name, value in changes.items()},
        },
    }


def packed(body: bytes) -> bytes | None:
    """None where it is too long to be kept."""
    if len(body) > MAX_ANSWER_BYTES:
        return None
    short = zlib.compress(body)
    return short if len(short) <= MAX_PACKED_BYTES else None


def unpacked(held: object) -> bytes | None:
    """None for what is not one whole packed answer that could have been kept."""
    unpacker = zlib.decompressobj()
    try:
        body = unpacker.decompress(held, MAX_ANSWER_BYTES + 1) if isinstance(held, bytes) else b""
    except zlib.error:
        return None
    return body if unpacker.eof and len(body) <= MAX_ANSWER_BYTES else None


def sound(headers: Mapping[str, Any]) -> dict[str, str]:
    """Those that a repeated answer may have."""
    room = MAX_HEADER_BYTES
    kept: dict[str, str] = {}
    for name, text in headers.items():
        is_sound = HEADERS.fullmatch(name) and isinstance(text, str) and HEADER_TEXT.fullmatch(text)
        if is_sound and (room := room - len(name) - len(text)) >= 0:
            kept[name] = text
    return kept


def key(idempotent: Idempotent) -> Row:
    return {"pk": idempotent.key, "sk": "I"}


def key_of(principal_id: str, caller_key: str) -> str:
    """The row of a principal's own name of a call."""
    return f"I#{_sha256(principal_id)[:16]}#{_sha256(caller_key)}"


def digest_of(call: Call) -> str:
    """Of all that a call asks: where, and what of which models, in which order."""
    return digest({"path": call.path, "surface": call.surface, "steps": [_asked(step) for step in call.steps]})


def _asked(step: Step) -> Row:
    request = step.request
    return {
        "operation": request.operation.name,
        "provider": step.provider,
        "model": request.named,
        "body": request.body,
        "headers": dict(request.headers),
    }


def digest(parts: Mapping[str, Any]) -> str:
    """The SHA-256 of these as canonical JSON: names in order, nothing between, all of it ASCII."""
    return _sha256(json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
