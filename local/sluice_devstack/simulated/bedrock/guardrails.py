"""ApplyGuardrail: every id is a guardrail, and all of them are alike.

What holds the word "forbidden" is blocked, in a text about which nothing more is told; e-mail addresses become
`{EMAIL}`. An id picks a failure: one that ends in `throttled` is refused with 429, `failing` with 500, `silent` never
answers, `nojudgement` answers 200 and tells of an internal failure.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from sluice_devstack.simulated.bedrock import shapes
from sluice_devstack.simulated.bedrock.exceptions import invalid, refused

PATH = re.compile(r"/guardrail/(?P<guardrail>.+)/version/(?P<version>[^/]+)/apply")
FORBIDDEN = re.compile(r"\bforbidden\b", re.IGNORECASE)
EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
SORRY = "Sorry, the model cannot answer this question."
TEXT_UNIT, MOST_UNITS = 1000, 25
SLOW_DOWN = "Too many requests, please wait before trying again."
INTERNAL = "The system encountered an unexpected error during processing. Try your request again."
FAILURES = {
    "throttled": ("ThrottlingException", SLOW_DOWN),
    "failing": ("InternalServerException", INTERNAL),
}
NO_JUDGEMENT = {"Output": {"__type": "com.amazon.coral.service#InternalFailure"}, "Version": "1.0"}
POLICIES = ("topic", "content", "word", "sensitiveInformation", "contextualGrounding")

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Applied:
    """Which guardrail; its id may be an ARN."""

    guardrail: str
    version: str

    @property
    def is_silent(self) -> bool:
        return self.guardrail.endswith("silent")


def applied(path: str) -> Applied | None:
    """`path` is as on the wire; None for one of another operation."""
    found = PATH.fullmatch(path)
    return Applied(unquote(found["guardrail"]), unquote(found["version"])) if found else None


def judged(asked: Applied, body: Document) -> Document:
    """The answer. Raises Refused for what Bedrock answers with an exception."""
    for end, (name, message) in FAILURES.items():
        if asked.guardrail.endswith(end):
            raise refused(name, message)
    if asked.guardrail.endswith("nojudgement"):
        return NO_JUDGEMENT
    shapes.check_guardrail(asked.guardrail, asked.version, body)
    texts = [str(block["text"]["text"]) for block in body["content"] if "text" in block]
    units = -(-sum(map(len, texts)) // TEXT_UNIT)
    if units > MOST_UNITS:
        raise invalid(f"The input is too long: {units} text units; at most {MOST_UNITS} are taken.")
    return _document(texts, units)


def _document(texts: Sequence[str], units: int) -> Document:
    words = [found[0] for text in texts for found in FORBIDDEN.finditer(text)]
    emails = [found[0] for text in texts for found in EMAIL.finditer(text)]
    assessment = (_words(words) if words else {}) | (_entities(emails, is_blocked=bool(words)) if emails else {})
    masked = [{"text": SORRY}] if words else [{"text": EMAIL.sub("{EMAIL}", text)} for text in texts]
    return {
        "usage": {f"{policy}PolicyUnits": units for policy in POLICIES} | {"sensitiveInformationPolicyFreeUnits": 0},
        "action": "GUARDRAIL_INTERVENED" if assessment else "NONE",
        "outputs": masked if assessment else [],
        "assessments": [assessment] if assessment else [],
    }


def _words(words: Sequence[str]) -> Document:
    found = [{"match": word, "action": "BLOCKED", "detected": True} for word in words]
    return {"wordPolicy": {"customWords": found, "managedWordLists": []}}


def _entities(emails: Sequence[str], *, is_blocked: bool) -> Document:
    action = "NONE" if is_blocked else "ANONYMIZED"
    found = [{"match": email, "type": "EMAIL", "action": action, "detected": True} for email in emails]
    return {"sensitiveInformationPolicy": {"piiEntities": found, "regexes": []}}
