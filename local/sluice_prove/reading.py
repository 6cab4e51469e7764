"""What a client makes of an answer: its text, its end, its usage, its errors. Lenient where the standards are."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sluice_cli.event_stream import Event, EventReader, EventTooLarge
from sluice_prove.answer import Answer, End

DONE = "[DONE]"
EVENT_STREAM = "text/event-stream"
COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
OK = range(200, 300)


class Outcome(StrEnum):
    """What the caller has to believe."""

    WHOLE = "whole"
    FAILED = "failed"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Reading:
    """`errors` are those told in band; `broken` counts events that are no JSON; `is_done` is for `[DONE]`;
    `went_on` says that an end was told behind an error."""

    outcome: Outcome
    text: str = ""
    finish_reasons: tuple[str, ...] = ()
    is_done: bool = False
    usage: tuple[object, ...] | None = None
    errors: tuple[str, ...] = ()
    broken: int = 0
    went_on: bool = False


def read(answer: Answer) -> Reading:
    values, broken = _values(answer)
    objects = [value for value in values if isinstance(value, dict)]
    errors = [number for number, value in enumerate(values) if _is_error(value)]
    reasons = tuple(reason for one in objects for reason in _told(one, "finish_reason"))
    behind = values[errors[0] :] if errors else []
    return Reading(
        outcome=_outcome(answer, is_told=bool(errors or broken) and _is_stream(answer)),
        text="".join(said for one in objects for said in _said(one)),
        finish_reasons=reasons,
        is_done=DONE in values,
        usage=next((_usage(one) for one in reversed(objects) if isinstance(one.get("usage"), dict)), None),
        errors=tuple(_name(values[number]) for number in errors),
        broken=broken,
        went_on=DONE in behind or any(_told(one, "finish_reason") for one in behind if isinstance(one, dict)),
    )


def _outcome(answer: Answer, is_told: bool) -> Outcome:
    """A clean end that tells of no error passes for a whole answer, whatever is missing in it."""
    if answer.end is End.NEVER:
        return Outcome.PENDING
    failed = answer.status not in OK or answer.end is End.CUT or is_told
    return Outcome.FAILED if failed else Outcome.WHOLE


def _is_stream(answer: Answer) -> bool:
    return answer.header("content-type").lower().startswith(EVENT_STREAM)


def _values(answer: Answer) -> tuple[list[Any], int]:
    """The JSON values of the answer, `[DONE]` as its text, and how many events were none."""
    if not _is_stream(answer):
        found = _parsed(answer.body)
        return ([] if found is None else [found]), 0
    read = [_value(event) for event in _events(answer.body)]
    return [value for value in read if value is not None], read.count(None)


def _value(event: Event) -> Any:
    """None for what is no JSON; what an event of that name holds is an error."""
    found = DONE if event.data == DONE else _parsed(event.data)
    return {"error": found or event.data} if event.name == "error" and not _is_error(found) else found


def _events(body: bytes) -> Iterator[Event]:
    """Nothing behind what is too large for anybody."""
    try:
        yield from EventReader().feed(body)
    except EventTooLarge:
        return


def _parsed(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_error(value: Any) -> bool:
    return isinstance(value, dict) and (bool(value.get("error")) or value.get("type") == "error")


def _name(value: Any) -> str:
    """The code of an error, else its type."""
    error = value.get("error")
    named = error if isinstance(error, dict) else value
    return str(named.get("code") or named.get("type") or "error")


def _choices(value: dict[str, Any]) -> list[dict[str, Any]]:
    found = value.get("choices")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _told(value: dict[str, Any], name: str) -> list[str]:
    return [str(choice[name]) for choice in _choices(value) if choice.get(name)]


def _said(value: dict[str, Any]) -> Iterator[str]:
    for choice in _choices(value):
        spoken = choice.get("delta") or choice.get("message")
        text = spoken.get("content") if isinstance(spoken, dict) else None
        if isinstance(text, str):
            yield text


def _usage(value: dict[str, Any]) -> tuple[object, ...]:
    return tuple(value["usage"].get(name) for name in COUNTS)
