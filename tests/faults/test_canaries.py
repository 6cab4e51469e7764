"""The search for canaries finds them in every form, finds nothing where there is nothing, and fails a stack that leaks."""

import base64
import json
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from tests import canaries
from tests.canaries import KEY, PROMPT, SAID, leaks
from tests.e2e.rig import Answer, kept_secrets
from tests.e2e.watched import Watched
from tests.environment_hook import MARK

RANDOM = canaries.random_part(KEY)
FORMS = {
    "raw": f"key {KEY}.",
    "a masked beginning": f"***{RANDOM[:8]}",
    "a masked end": f"{RANDOM[-8:]}***",
    "eight characters of the middle": f"x{RANDOM[20:28]}y",
    "reversed": f"{RANDOM[::-1]}",
    "in a URL": quote(f"?key={KEY}&x=/"),
    "in JSON": json.dumps({"a": KEY}),
    "in base64": base64.b64encode(f"{KEY}".encode()).decode(),
    "in base64, one byte on": base64.b64encode(f"x{KEY}yz".encode()).decode(),
    "in base64, two bytes on": base64.b64encode(f"xy{KEY}z".encode()).decode(),
    "a role's secret": "fake-secret-of-GatewayRole",
    "a role's token in base64": base64.b64encode(b"AWS:fake-session-token-of-GatewayRole").decode(),
}


@pytest.mark.fault("P01")
@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_a_canary_is_found_in_every_form(text: str) -> None:
    assert leaks(text) != []


@pytest.mark.fault("P01")
@pytest.mark.parametrize(
    "text", ["", "sk-fake-", "prompt answer", RANDOM[:7], f"{RANDOM[:7]} {RANDOM[10:17]}", canaries.canary("sk-fake-")]
)
def test_what_is_no_canary_is_not_found(text: str) -> None:
    assert leaks(text) == []


@pytest.mark.fault("P01")
@pytest.mark.parametrize("line", [f"key {KEY}", f"said {PROMPT}", f"got {SAID}", f"{MARK} socket.connect 192.0.2.1"])
def test_a_stack_that_says_what_it_must_not_fails_its_test(line: str) -> None:
    watched, stack = Watched({}), nobody()
    watched.lines.append(line)

    with pytest.raises(AssertionError):
        watched.check(stack)


def nobody() -> Any:
    """A stack that is not asked for anything."""
    return SimpleNamespace()


@pytest.mark.fault("P01")
@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {"x-echo": KEY}, (b"data: {}\n\n",), "ended"),
        Answer(500, {}, (KEY.encode(),), "ended"),
        Answer(200, {}, (b'data: {"error":{"message":"' + KEY[:20].encode() + b'"}}\n\n',), "ended"),
    ],
    ids=["a header", "an error", "an error inside a stream"],
)
def test_an_answer_that_repeats_a_key_fails_its_test(answer: Answer) -> None:
    with pytest.raises(AssertionError):
        kept_secrets(answer)


@pytest.mark.fault("P01")
def test_an_answer_may_repeat_what_its_model_said() -> None:
    answer = Answer(200, {"a": "b"}, (f'data: {{"x":"{SAID}"}}\n\n'.encode(),), "ended")

    assert kept_secrets(answer) is answer
