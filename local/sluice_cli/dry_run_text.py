"""The answer to a dry run for people: the targets in the order they would be asked, and why one would not be."""

from collections.abc import Iterator, Mapping
from typing import Any

from sluice_cli.model_text import model_text
from sluice_cli.money import short_dollars
from sluice_cli.table_text import Column, table
from sluice_cli.terminal import Screen, printable

LEFT_OUT = "left out"
COLUMNS = (
    Column("", is_number=False),
    Column("target", is_number=False),
    Column("breaker", is_number=False),
    Column("at most", rank=1),
    Column("probably", rank=3),
    Column("tries", rank=2),
    Column("remark", is_number=False),
)
STICKY = {"session": "a session stays where it is", "prefix": "a conversation stays where it is"}
Json = Mapping[str, Any]


def for_people(found: Json, screen: Screen) -> str:
    """Raises KeyError, TypeError, ValueError or AttributeError where the document is another than expected."""
    made = table(COLUMNS, list(_rows(found)), screen.width)
    head, *lines = made.lines
    notes = [*_notes(found), *([f"no room for: {', '.join(made.left_out)}; --json has them"] if made.left_out else [])]
    dim = [screen.paint(note, "dim") for note in notes]
    return "\n".join([_heading(found, screen), screen.paint(head, "bold"), *lines, *dim, *_refusal(found, screen)])


def _heading(found: Json, screen: Screen) -> str:
    route = found["route"]
    words = [route["strategy"], *([STICKY.get(route["sticky"], route["sticky"])] if route["sticky"] else [])]
    return f"{screen.paint(_text(route['name']), 'bold')}: {_text(', '.join(words))}"


def _rows(found: Json) -> Iterator[list[str]]:
    """Numbered in the order they would be asked; what would be left out has no number."""
    number = 0
    for candidate in found["candidates"]:
        is_asked = candidate["would_be"] != LEFT_OUT
        number += is_asked
        yield [
            f"{number}." if is_asked else "-",
            _text(model_text(_step(candidate, found), candidate["provider"], candidate["model"])),
            _text(candidate["breaker"]),
            short_dollars(candidate["cost_bound"]),
            short_dollars(candidate["cost_estimate"]),
            f"{candidate['attempts']:d}" if is_asked else "0",
            _text("; ".join(_remarks(candidate))),
        ]


def _step(candidate: Json, found: Json) -> str | None:
    """The route of another step than the first."""
    return candidate["route"] if candidate["route"] != found["route"]["name"] else None


def _remarks(candidate: Json) -> Iterator[str]:
    if candidate["would_be"] == LEFT_OUT:
        yield f"left out: {candidate['remark']}"
    elif candidate["remark"]:
        yield candidate["remark"]
    if candidate["translated_to"]:
        yield f"translated to {candidate['translated_to']}"
    if candidate["warnings"]:
        yield f"does not see {', '.join(candidate['warnings'])}"


def _notes(found: Json) -> Iterator[str]:
    principal, version = found["principal"], found["configuration"]
    yield f"for {_text(principal['id'])}: policy says {_text(found['policy']['decision'])}"
    if found["cost_bound"] is not None:
        yield f"a call reserves {short_dollars(found['cost_bound'])}, the most that any of these can cost"
    elif not found["refusal"]:
        yield "what a call can cost at most is unknown"
    if version is not None:
        yield f"configuration {version:d}" if version else "the configuration that was deployed"


def _refusal(found: Json, screen: Screen) -> list[str]:
    refusal = found["refusal"]
    if not refusal:
        return []
    said = f"a call is refused: {refusal['status']:d} {refusal['code']}: {refusal['message']}"
    return [screen.paint(_text(said), "red")]


def _text(value: str) -> str:
    """On one line, and without what could move a terminal's cursor."""
    return printable(" ".join(value.split()))
