"""Verdicts on answers of honest, late, leaking and lying gateways."""

import base64
from urllib.parse import quote

import pytest
from tests.unit.sluice_prove.answers import EVENT_STREAM, answered, case, document

from sluice_prove.answer import Answer, End
from sluice_prove.judge import Judged, Seen, Verdict, judge
from sluice_prove.sentence import BEGUN, DONE, ENDING, FINISH, SPOKEN, STREAM, USED, chunk, event

TIMEOUT_SECONDS = 3.0
KEY = "sk-fake/key+of the provider"
CANARY = "sk-fake-canary-0123456789abcdef"
SEEN = Seen(attempts=1, secrets=frozenset({KEY}), canary=CANARY, leak_place="127.0.0.1:9999")
ERROR = event({"error": {"message": "gone", "code": "upstream_lost"}})
INVENTED = event({"choices": [], "usage": {"prompt_tokens": 8, "completion_tokens": 11, "total_tokens": 19}})
REFUSED = document(502, b'{"error": {"message": "gone", "code": "upstream_lost"}}')


def judged(fault: str, answer: Answer, seen: Seen = SEEN) -> Judged:
    return judge(case(fault), answer, seen, TIMEOUT_SECONDS)


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        ("ok", answered(*STREAM)),
        ("f-trunc", answered(*BEGUN, ERROR)),
        ("f-trunc", answered(*BEGUN[:2], ERROR)),
        ("f-trunc", REFUSED),
        ("f-rst", answered(*BEGUN, end=End.CUT)),
        ("f-nodone", answered(*SPOKEN, FINISH, USED)),
        ("f-nodone", answered(*STREAM)),
        ("f-500once", answered(*STREAM)),
        ("f-500once", document(500, b"{}")),
        ("f-badjson", answered(*BEGUN, b'data: {"cut\n\n', *ENDING)),
        ("f-stallmid", answered(*BEGUN, ERROR, seconds=TIMEOUT_SECONDS + 1)),
        ("f-429", document(429, b"{}", ("retry-after", "1"))),
        ("f-401", REFUSED),
        ("f-redirect", document(307, b"")),
        ("b-trunc", answered(*BEGUN, ERROR)),
    ],
)
def test_what_is_told_as_it_was_is_honest(fault: str, answer: Answer) -> None:
    found = judged(fault, answer)

    assert (found.verdict, found.reason) == (Verdict.HONEST, "")


@pytest.mark.parametrize(
    ("fault", "answer", "reason"),
    [
        ("f-trunc", answered(*BEGUN), "a broken answer is shown as whole"),
        ("f-trunc", answered(*BEGUN, FINISH, DONE), "a broken answer is shown as whole"),
        ("f-trunc", answered(*BEGUN, INVENTED), "a broken answer is shown as whole"),
        ("f-trunc", answered(*BEGUN, INVENTED, ERROR), "usage 8/11 was invented"),
        ("f-trunc", answered(*BEGUN, FINISH, ERROR), "finish_reason stop was invented"),
        ("f-trunc", answered(*BEGUN[1:], ERROR), "the text was altered"),
        ("f-errevent", answered(*BEGUN, ERROR, DONE), "an end is told behind the error"),
        ("f-badjson", answered(*BEGUN, *ENDING), "a broken answer is shown as whole"),
        ("f-empty", answered(), "an answer that never was is shown as whole"),
        ("f-503", document(200, b'{"error": {}}'), "an answer that never was is shown as whole"),
        ("f-503", answered(*BEGUN, ERROR), "text that nobody sent"),
        ("ok", REFUSED, "an error, though the provider's answer was complete"),
        ("ok", answered(*SPOKEN[1:], *ENDING), "the text was altered"),
        ("ok", answered(*SPOKEN, SPOKEN[0], *ENDING), "the text was altered"),
        ("ok", answered(*SPOKEN, FINISH, USED), "`[DONE]` was lost"),
        ("ok", answered(*SPOKEN, USED, DONE), "finish_reason is lost"),
        ("ok", answered(*SPOKEN, event(chunk({}, "length")), USED, DONE), "finish_reason is length"),
        ("ok", answered(*SPOKEN, FINISH, DONE), "usage was lost"),
        ("ok", answered(*SPOKEN, FINISH, INVENTED, DONE), "usage is 8/11, not 11/5"),
        ("f-500once", answered(*SPOKEN[1:], *ENDING), "the text was altered"),
    ],
)
def test_what_is_not_so_is_a_lie(fault: str, answer: Answer, reason: str) -> None:
    found = judged(fault, answer)

    assert (found.verdict, found.reason) == (Verdict.LYING, reason)


@pytest.mark.parametrize("secret", [KEY, CANARY])
@pytest.mark.parametrize(
    "written",
    [
        str,
        lambda text: text[::-1],
        lambda text: quote(text, safe=""),
        lambda text: base64.b64encode(text.encode()).decode(),
    ],
    ids=["as it is", "reversed", "for a URL", "base64"],
)
def test_a_secret_in_any_writing_is_a_leak(secret: str, written: object) -> None:
    assert callable(written)
    shown = written(secret)

    in_body = judged("f-401", document(401, f'{{"error": "{shown}"}}'.encode()))
    in_a_header = judged("f-hdrleak", answered(*STREAM, headers=(EVENT_STREAM, ("x-provider", f"Bearer {shown}"))))

    assert (in_body.verdict, in_a_header.verdict) == (Verdict.LEAKING, Verdict.LEAKING)
    assert in_body.reason.endswith("in the body")
    assert in_a_header.reason.endswith("in a header")


def test_a_mask_that_leaves_half_of_a_secret_is_a_leak() -> None:
    assert judged("f-401", document(401, b'{"error": "...9abcdef"}')).verdict is Verdict.HONEST
    assert judged("f-401", document(401, b'{"error": "...89abcdef"}')).verdict is Verdict.LEAKING


def test_a_key_that_the_caller_sent_himself_is_no_secret() -> None:
    seen = Seen(attempts=1, canary=CANARY)

    assert judged("f-401", document(401, KEY.encode()), seen).verdict is Verdict.HONEST


def test_a_redirect_that_is_followed_or_passed_on_is_a_leak() -> None:
    followed = judged("f-redirect", REFUSED, Seen(attempts=1, leaks=1))
    passed_on = judged("f-redirect", document(307, b"", ("location", "http://127.0.0.1:9999/v1")))

    assert (followed.verdict, followed.reason) == (Verdict.LEAKING, "the redirect was followed to another port")
    assert (passed_on.verdict, passed_on.reason) == (Verdict.LEAKING, "the caller was sent to another port")


@pytest.mark.parametrize(
    ("fault", "answer", "reason"),
    [
        ("f-stallmid", answered(*BEGUN, ERROR, seconds=5.1), "5.1 s with a timeout of 3 s"),
        ("f-stallmid", answered(*STREAM, seconds=15.0), "15.0 s with a timeout of 3 s"),
        ("f-stallhdr", answered(end=End.NEVER, seconds=30.0), "no end after 30.0 s"),
        ("f-503", document(503, b"{}"), ""),
        ("f-503", answered(status=503, seconds=15.1), "15.1 s for what needs no waiting"),
    ],
)
def test_what_takes_too_long_is_late(fault: str, answer: Answer, reason: str) -> None:
    found = judged(fault, answer)

    assert (found.verdict, found.reason) == (Verdict.LATE if reason else Verdict.HONEST, reason)


def test_the_worst_that_fits_is_the_verdict() -> None:
    leaks = Seen(attempts=1, leaks=1)

    lies_late = judged("f-trunc", answered(*BEGUN, seconds=60.0))
    leaks_and_lies = judged("f-trunc", answered(*BEGUN), leaks)

    assert (lies_late.verdict, leaks_and_lies.verdict) == (Verdict.LYING, Verdict.LEAKING)


@pytest.mark.parametrize(
    ("fault", "answer", "seen", "told"),
    [
        ("ok", answered(*STREAM), SEEN, "200, all text, stop, [DONE]"),
        ("f-trunc", answered(*BEGUN, ERROR), SEEN, "200, part of the text, error upstream_lost"),
        ("f-rst", answered(*BEGUN, end=End.CUT), SEEN, "200, part of the text, cut off"),
        ("f-429", document(429, b"{}", ("retry-after", "2")), Seen(attempts=3), "429, retry-after 2, 3 attempts"),
        ("f-stall0", answered(end=End.NEVER), SEEN, "200, no end"),
        ("f-rst", answered(status=0, headers=(), end=End.CUT), SEEN, "no answer, cut off"),
    ],
)
def test_what_came_out_is_told_in_a_few_words(fault: str, answer: Answer, seen: Seen, told: str) -> None:
    assert judged(fault, answer, seen).came_out == told
