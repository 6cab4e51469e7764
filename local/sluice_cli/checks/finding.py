"""One line of a diagnosis."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    PROBLEM = "problem"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` was found; `remedy` says what to do, as far as anything is to be done."""

    check: str
    verdict: Verdict
    what: str
    remedy: str = ""

    @property
    def line(self) -> str:
        return f"{self.what}; {self.remedy}" if self.remedy else self.what


def ok(check: str, what: str) -> Finding:
    return Finding(check, Verdict.OK, what)


def problem(check: str, what: str, remedy: str = "") -> Finding:
    return Finding(check, Verdict.PROBLEM, what, remedy)


def not_checked(check: str, what: str, remedy: str = "") -> Finding:
    return Finding(check, Verdict.NOT_CHECKED, what, remedy)
