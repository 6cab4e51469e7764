"""The single table: its keys, its attribute names, and records as DynamoDB's attribute values.

One item per call under `R#<request id>`. A row is that item with plain values; None means that nothing is known, and is
never stored. Names are short because every byte of an item is paid for on each write; the comments say what each means.
Text that a caller or a provider chose is cut here, so that no call can grow an item past what a write may hold
(400 KB), and a lone surrogate is replaced, since DynamoDB refuses it.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
"""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sluice.domain.principal import Principal
from sluice.domain.record import Attempt, Outcome, Reservation, UsageRecord
from sluice.domain.usage import Usage, UsageSource

Row = dict[str, Any]  # attribute name -> str, int, float, bool, list, dict or None
Item = dict[str, dict[str, Any]]  # the same as DynamoDB's attribute values

SHARDS = 4
HOT = "H#0"  # the partition of the `open` index that holds budgets whose open calls are in their own row
RETENTION_DAYS = 400
MAX_TEXT = 512  # characters of one text attribute
MAX_METADATA = 2048  # bytes of all metadata of one record
MAX_ATTEMPTS = 20
MAX_NOTES = 10
MAX_NOTE = 64  # characters of one note
MAX_INTEGER = 10**38  # DynamoDB keeps 38 digits
FLOATS = (1e-130, 9.9e125)  # magnitudes that DynamoDB keeps


class Status(StrEnum):
    RESERVED = "R"
    SETTLED = "S"  # by the gateway
    ABANDONED = "A"  # by the sweeper, at the bound


def key(request_id: str) -> Row:
    return {"pk": f"R#{request_id}", "sk": "R"}


def request_id(primary: str) -> str:
    return primary.removeprefix("R#")


def shard(request_id: str) -> int:
    return zlib.crc32(request_id.encode()) % SHARDS


def open_key(shard: int) -> str:
    """The partition of the `open` index that holds what is reserved and not settled."""
    return f"O#{shard}"


def open_sort(lease: float, request_id: str = "") -> str:
    """Sorts by the lease's end. Without an id it sorts before every call whose lease ends in that second."""
    return f"{int(lease):012d}#{request_id}" if request_id else f"{int(lease):012d}"


def day(started_ms: int) -> str:
    return f"{datetime.fromtimestamp(started_ms / 1000, UTC):%Y%m%d}"


def closing(started_ms: int, request_id: str, expires: int) -> Row:
    """Leaves the `open` index and enters the one that finds a call by when it was made; only now may it expire."""
    return {
        "opk": None,
        "osk": None,
        "g2pk": f"T#{day(started_ms)}#{shard(request_id)}",
        "g2sk": f"{started_ms:013d}#{request_id}",
        "exp": expires,
    }


def expires(now: float, retention_days: int) -> int:
    return int(now) + retention_days * 86_400


def reserved(reservation: Reservation) -> Row:
    return {
        **key(reservation.request_id),
        "opk": open_key(shard(reservation.request_id)),
        "osk": open_sort(reservation.lease, reservation.request_id),
        "st": Status.RESERVED,
        "nn": reservation.nonce,  # which execution of the invocation reserved
        "pr": reservation.principal.id,
        "ac": reservation.principal.account,
        "se": reservation.principal.session,
        **behind(reservation.principal),
        "sf": reservation.surface,
        "op": reservation.operation,
        "pth": text(reservation.path),
        "rt": text(reservation.route),
        "pv": reservation.provider,
        "md": text(reservation.model),
        "stm": reservation.is_stream,
        "est": reservation.bound,  # nano-dollars at most
        "ce": reservation.estimate,  # nano-dollars such a call probably costs
        "pver": reservation.price_version,
        "ts": reservation.started_ms,
        "day": day(reservation.started_ms),
        "lease": reservation.lease,
        "bi": reservation.bytes_in,
        "meta": dict(metadata(reservation.metadata)) or None,
        "nt": [text(note, MAX_NOTE) for note in reservation.notes[:MAX_NOTES]] or None,
        "idk": reservation.idempotent.key if reservation.idempotent else None,
        "bud": held(reservation),
    }


def behind(principal: Principal) -> Row:
    """The virtual key, and the role of whoever showed it."""
    key = principal.key
    return {"vk": key.id if key else None, "iam": text(principal.role) if key else None}


def is_alone(reservation: Reservation) -> bool:
    """Whether its one budget is written without a transaction: it has so many calls that these would meet in it."""
    holds = reservation.holds
    return len(holds) == 1 and holds[0].is_hot and not (reservation.key_id or reservation.idempotent)


def held(reservation: Reservation) -> list[str] | None:
    """What is held of each budget, for whoever settles the call in the end: key, period, nano-dollars, and how."""
    how = "h" if is_alone(reservation) else "-"
    return [f"{hold.key} {hold.period} {hold.reserved} {hold.worst} {how}" for hold in reservation.holds] or None


def charged(reservation: Reservation, charges: Sequence[int]) -> Row:
    """What each budget was charged in the end, where there are any."""
    texts = [f"{hold.key} {hold.period} {charge}" for hold, charge in zip(reservation.holds, charges, strict=True)]
    return {"bud": texts} if texts else {}


def charges(reservation: Reservation, record: UsageRecord) -> tuple[int, ...]:
    """One for each budget; what it held at worst, where the record does not say."""
    worst = tuple(hold.worst for hold in reservation.holds)
    return record.charges if len(record.charges) == len(worst) else worst


def settled(reservation: Reservation, record: UsageRecord, expires: int) -> Row:
    """What settling writes over a reservation, or over what the sweeper made of it."""
    return {
        **outcome(record),
        **tokens(record.usage),
        "att": [attempt(one) for one in kept(record.attempts)],
        **charged(reservation, charges(reservation, record)),
        **closing(reservation.started_ms, reservation.request_id, expires),
    }


def kept(attempts: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    """As many as an item should hold, the one that answered among them."""
    return attempts if len(attempts) <= MAX_ATTEMPTS else (*attempts[: MAX_ATTEMPTS - 1], attempts[-1])


def outcome(record: UsageRecord) -> Row:
    answering = record.attempts[-1] if record.attempts else None
    return {
        "st": Status.SETTLED,
        "oc": record.outcome,
        "http": record.http_status,
        "src": record.usage_source,
        "act": record.cost,  # nano-dollars
        **({"pv": answering.provider, "md": text(answering.model)} if answering else {}),
        **({"pver": record.price_version} if record.price_version else {}),
        **({"op": record.operation, "stm": record.is_stream} if record.operation else {}),  # of the step that answered
        "ma": text(record.model_answered),
        "fin": text(record.finish_reason),
        "err": text(record.error_code),
        "pid": text(record.provider_request_id),
        "ttft": record.time_to_first_chunk_ms,
        "dur": record.duration_ms,
        "bo": record.bytes_out,
    }


def tokens(usage: Usage) -> Row:
    return {
        "it": usage.input,
        "cr": usage.cache_read,
        "c5": usage.cache_write_5m,
        "c1": usage.cache_write_1h,
        "ot": usage.output,
        "rs": usage.reasoning,
    }


def attempt(one: Attempt) -> Row:
    return {
        "pv": one.provider,
        "md": text(one.model),
        "http": one.http_status,
        "err": text(one.error_code),
        "ms": one.milliseconds,
        "ce": one.cost,  # nano-dollars that a failed one may have cost
    }


def abandoned(held: Row, expires: int) -> Row:
    """What the sweeper writes: the most the call can have cost, and nothing that nobody has seen."""
    return {
        "st": Status.ABANDONED,
        "oc": Outcome.ABANDONED,
        "src": UsageSource.ESTIMATED,
        "act": held.get("est"),
        **({"bud": [at_worst(text) for text in held["bud"]]} if held.get("bud") else {}),
        **closing(held["ts"], request_id(held["pk"]), expires),
    }


def at_worst(held: str) -> str:
    """A budget that is charged the most that it held."""
    key, period, _, worst, _ = held.rsplit(" ", 4)
    return f"{key} {period} {worst}"


def is_whole(held: Row) -> bool:
    """Whether a stored row still has what settling it needs: its owner, its time and its lease."""
    return isinstance(held.get("pr"), str) and all(isinstance(held.get(name), int) for name in ("ts", "lease"))


def text(value: str | None, most: int = MAX_TEXT) -> str | None:
    """Cut, and valid UTF-8."""
    return None if value is None else value[:most].encode("utf-8", "replace").decode()


def metadata(pairs: Mapping[str, str | int | float | bool]) -> Iterator[tuple[str, str | int | float | bool]]:
    """The pairs that fit in `MAX_METADATA` bytes together, in their order, without those DynamoDB cannot hold."""
    room = MAX_METADATA
    for name, value in pairs.items():
        kept = text(value) if isinstance(value, str) else value
        if not name or len(name) > MAX_TEXT or kept is None or not is_storable(kept):
            continue
        size = len(str(text(name)).encode()) + len(str(kept).encode())
        if size <= room:
            room -= size
            yield str(text(name)), kept


def is_storable(value: str | int | float | bool) -> bool:
    if isinstance(value, float):
        return value == 0 or FLOATS[0] <= abs(value) <= FLOATS[1]  # false for nan
    return isinstance(value, str) or abs(value) < MAX_INTEGER


def item(values: Row) -> Item:
    return {name: attribute(value) for name, value in values.items() if value is not None}


def attribute(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"S": str(value)}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": repr(value)}
    if isinstance(value, list):
        return {"L": [attribute(one) for one in value]}
    return {"M": item(value)}


PLAIN: dict[str, Callable[[Any], Any]] = {
    "S": lambda value: value,
    "N": lambda value: int(value) if value.lstrip("-").isdigit() else float(value),
    "BOOL": lambda value: value,
    "NULL": lambda _: None,
    "L": lambda value: [plain(one) for one in value],
    "M": lambda value: row(value),
}


def row(stored: Item) -> Row:
    return {name: plain(value) for name, value in stored.items()}


def plain(attribute: dict[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    return PLAIN[kind](value) if kind in PLAIN else value


def update(changes: Row, previous: Status, nonce: str | None = None) -> dict[str, Any]:
    """Arguments of an UpdateItem that writes `changes`, if the item still has the `previous` status and, where one is
    given, is of the execution with this nonce.

    Every name and value is bound, never written into the expression.
    """
    known = item(changes)
    unknown = [name for name in changes if name not in known]
    own = {} if nonce is None else {"nn": nonce}
    return {
        "UpdateExpression": expression(list(known), unknown),
        "ConditionExpression": "#st = :previous" + "".join(f" AND #{name} = :{name}" for name in own),
        "ExpressionAttributeNames": {f"#{name}": name for name in ("st", *own, *changes)},
        "ExpressionAttributeValues": {
            ":previous": attribute(previous),
            **{f":{name}": value for name, value in (item(own) | known).items()},
        },
    }


def expression(known: list[str], unknown: list[str]) -> str:
    setting = "SET " + ", ".join(f"#{name} = :{name}" for name in known)
    return setting + (" REMOVE " + ", ".join(f"#{name}" for name in unknown) if unknown else "")
