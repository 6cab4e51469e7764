"""The verdict on one row: what a caller was told, held against what the provider did.

Leaking is worse than lying, and lying is worse than being late: the first that fits is the verdict.
"""

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import quote

from sluice_prove.answer import Answer, End
from sluice_prove.catalogue import Case, Expected
from sluice_prove.reading import COUNTS, Outcome, Reading, read
from sluice_prove.sentence import FINISH_REASON, USAGE

QUICK_SECONDS = 15.0  # for what needs no waiting, retries included
GRACE_SECONDS = 2.0  # above the timeout that the gateway was given
WINDOW = 8
ENDS = {End.WHOLE: (), End.CUT: ("cut off",), End.NEVER: ("no end",)}
SENT_USAGE = tuple(USAGE[name] for name in COUNTS)


class Verdict(StrEnum):
    """What is shown for a row."""

    HONEST = "honest"
    LATE = "late"
    LEAKING = "leaking"
    LYING = "lying"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the provider's side saw of a row: how often it was asked, who came to the leak port, and what must not
    have reached the caller. `leak_place` is where the redirect pointed."""

    attempts: int = 0
    leaks: int = 0
    secrets: frozenset[str] = frozenset()
    canary: str = ""
    leak_place: str = ""

    def since(self, before: "Seen") -> "Seen":
        return replace(self, attempts=self.attempts - before.attempts, leaks=self.leaks - before.leaks)


@dataclass(frozen=True, slots=True)
class Judged:
    """A row of the table. `reason` says why it is not honest, or why it was skipped."""

    case: Case
    verdict: Verdict
    came_out: str = ""
    reason: str = ""
    status: int | None = None
    seconds: float = 0.0
    attempts: int = 0


def skipped(case: Case, reason: str) -> Judged:
    return Judged(case, Verdict.SKIPPED, reason=reason)


def judge(case: Case, answer: Answer, seen: Seen, timeout_seconds: float) -> Judged:
    reading = read(answer)
    verdict, reason = Verdict.HONEST, ""
    for worse, found in (
        (Verdict.LEAKING, leak(answer, seen)),
        (Verdict.LYING, lie(case, reading)),
        (Verdict.LATE, lateness(case, reading, answer.seconds, timeout_seconds)),
    ):
        if found:
            verdict, reason = worse, found
            break
    told = came_out(case, answer, reading, seen)
    return Judged(case, verdict, told, reason, answer.status, answer.seconds, seen.attempts)


def leak(answer: Answer, seen: Seen) -> str:
    """Which secret got where; empty for none."""
    if seen.leaks:
        return "the redirect was followed to another port"
    heads = "\n".join(f"{name}: {value}" for name, value in answer.headers)
    if seen.leak_place and seen.leak_place in heads:
        return "the caller was sent to another port"
    body = answer.body.decode("utf-8", "replace")
    for place, text in (("a header", heads), ("the body", body)):
        if any(shape in text for secret in seen.secrets for shape in shapes(secret)):
            return f"the provider's key in {place}"
        if seen.canary and any(shape in text for shape in (*shapes(seen.canary), *windows(seen.canary))):
            return f"the provider's secret in {place}"
    return ""


def shapes(secret: str) -> tuple[str, ...]:
    """The secret as it may be written; of base64 the part that does not depend on what stands before it."""
    coded = base64.b64encode(secret.encode()).decode().rstrip("=")
    return secret, secret[::-1], quote(secret, safe=""), coded[:-1]


def windows(canary: str) -> Iterable[str]:
    """Pieces of its random part: a mask that leaves so much is none."""
    random = canary.rpartition("-")[2]
    return [random[start : start + WINDOW] for start in range(len(random) - WINDOW + 1)]


def lie(case: Case, reading: Reading) -> str:
    """What the caller was told that is not so; empty where all is."""
    return JUDGES[case.expected](case, reading) if reading.outcome is not Outcome.PENDING else ""


def _whole(case: Case, reading: Reading) -> str:
    if reading.outcome is Outcome.FAILED:
        return "an error, though the provider's answer was complete"
    if reading.text != case.text:
        return "the text was altered"
    if reading.finish_reasons != (FINISH_REASON,):
        return f"finish_reason is {', '.join(reading.finish_reasons) or 'lost'}"
    if reading.usage != SENT_USAGE:
        return "usage was lost" if reading.usage is None else f"usage is {_counts(reading)}, not {_sent()}"
    needs_done = case.is_stream and case.has_done
    return "`[DONE]` was lost" if needs_done and not reading.is_done else ""


def _broken(case: Case, reading: Reading) -> str:
    if reading.outcome is Outcome.WHOLE:
        return "a broken answer is shown as whole"
    return _failed(case, reading)


def _refused(case: Case, reading: Reading) -> str:
    if reading.outcome is Outcome.WHOLE:
        return "an answer that never was is shown as whole"
    return "text that nobody sent" if reading.text else _failed(case, reading)


def _either(case: Case, reading: Reading) -> str:
    judged = _whole if reading.outcome is Outcome.WHOLE else _failed
    return judged(case, reading)


def _failed(case: Case, reading: Reading) -> str:
    """An error was told; what stands before it has to be the provider's, and nothing may follow it."""
    if not case.text.startswith(reading.text):
        return "the text was altered"
    if reading.went_on:
        return "an end is told behind the error"
    if not case.ends and set(reading.finish_reasons) - {"error"}:
        return f"finish_reason {', '.join(reading.finish_reasons)} was invented"
    if reading.usage not in (None, SENT_USAGE if case.ends else None):
        return f"usage {_counts(reading)} was invented"
    return ""


JUDGES: dict[Expected, Callable[[Case, Reading], str]] = {
    Expected.WHOLE: _whole,
    Expected.BROKEN: _broken,
    Expected.REFUSED: _refused,
    Expected.EITHER: _either,
}


def lateness(case: Case, reading: Reading, seconds: float, timeout_seconds: float) -> str:
    limit = timeout_seconds + GRACE_SECONDS if case.waits else QUICK_SECONDS
    if reading.outcome is Outcome.PENDING:
        return f"no end after {seconds:.1f} s"
    if seconds <= limit:
        return ""
    what = f"with a timeout of {timeout_seconds:g} s" if case.waits else "for what needs no waiting"
    return f"{seconds:.1f} s {what}"


def came_out(case: Case, answer: Answer, reading: Reading, seen: Seen) -> str:
    """The answer in a few words: its status, then what was in it, in the order in which it came."""
    parts = [str(answer.status) if answer.status else "no answer"]
    if answer.header("retry-after"):
        parts.append(f"retry-after {answer.header('retry-after')}")
    if reading.text:
        parts.append("all text" if reading.text == case.text else "part of the text")
    parts += reading.finish_reasons
    parts += [f"usage {_counts(reading)}"] if reading.usage not in (None, SENT_USAGE) else []
    parts += [f"error {name}" for name in reading.errors]
    parts += ["broken JSON"] if reading.broken else []
    parts += ["[DONE]"] if reading.is_done else []
    parts += [f"{seen.attempts} attempts"] if seen.attempts > 1 else []
    return ", ".join([*parts, *ENDS[answer.end]])


def _counts(reading: Reading) -> str:
    return "/".join(map(str, (reading.usage or ())[:2]))


def _sent() -> str:
    return "/".join(map(str, SENT_USAGE[:2]))
