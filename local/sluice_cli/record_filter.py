"""Which records are wanted: by who called, what was asked, and what came of it. Kinds of filter are joined by and.

A name is met whole; `*` and `?` stand for any characters, as in a shell. Case counts.
"""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from sluice_cli.arguments import Parser
from sluice_cli.record import Record

OUTCOMES = ("complete", "incomplete", "failed", "abandoned")
STATUS = re.compile(r"[1-5](\d\d|xx)")


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Empty sequences ask for nothing in particular."""

    principals: Sequence[str] = ()
    models: Sequence[str] = ()
    providers: Sequence[str] = ()
    surfaces: Sequence[str] = ()
    outcomes: Sequence[str] = ()
    statuses: Sequence[str] = ()
    is_for_errors: bool = False

    @classmethod
    def of(cls, options: argparse.Namespace) -> "RecordFilter":
        """What was typed; an option that the command does not have asks for nothing."""
        typed = vars(options)
        return cls(
            principals=tuple(typed["principal"] or ()),
            models=tuple(typed["model"] or ()),
            providers=tuple(typed["provider"] or ()),
            surfaces=tuple(typed["surface"] or ()),
            outcomes=tuple(typed["outcome"] or ()),
            statuses=tuple(typed.get("status") or ()),
            is_for_errors=bool(typed.get("errors")),
        )

    @property
    def wants_all(self) -> bool:
        return self == RecordFilter()

    def wants(self, found: Record) -> bool:
        return (
            _meets(self.principals, principal_names(found))
            and _meets(self.models, model_names(found))
            and _meets(self.providers, [found["provider"]])
            and _meets(self.surfaces, [found["surface"]])
            and _meets(self.outcomes, [found["outcome"]])
            and _meets([status.replace("x", "?") for status in self.statuses], [str(found["http_status"])])
            and (not self.is_for_errors or is_error(found))
        )


def is_error(found: Record) -> bool:
    """Not complete, or answered with an error."""
    return found["outcome"] != "complete" or (found["http_status"] or 0) >= 400


def principal_names(found: Record) -> list[str]:
    """The whole ARN, what stands behind its last slash, and the session of an assumed role."""
    whole = str(found["principal"] or "")
    return [whole, whole.rpartition("/")[2], str(found["session"] or "")]


def model_names(found: Record) -> list[str]:
    """The model, `provider/model`, and what the caller asked for."""
    return [str(found["model"]), f"{found['provider']}/{found['model']}", str(found["route"])]


def add_filters(parser: Parser, has_status: bool = False) -> None:
    add = parser.add_argument
    add("--principal", action="append", metavar="WHO", help="only of this ARN, user, role or session; * for any text")
    add("--model", action="append", metavar="NAME", help="only of this model, provider/model or route; * for any text")
    add("--provider", action="append", metavar="NAME", help="only of this provider; * for any text")
    add("--surface", action="append", metavar="NAME", help="only by this surface: openai, anthropic, bedrock, quick")
    add(
        "--outcome",
        action="append",
        choices=OUTCOMES,
        metavar="|".join(OUTCOMES),
        help="only calls that ended so; filters of one name are joined by or, of several by and",
    )
    if has_status:
        add("--status", action="append", type=status, metavar="CODE", help="only of this HTTP status: 429, 5xx")
        add("--errors", action="store_true", help="only calls that did not end well")


def status(text: str) -> str:
    if not STATUS.fullmatch(text.lower()):
        raise argparse.ArgumentTypeError(f"{text!r} is no HTTP status; 429 and 5xx are")
    return text.lower()


def _meets(patterns: Sequence[str], names: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(name or "", pattern) for pattern in patterns for name in names)
