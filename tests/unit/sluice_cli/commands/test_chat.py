import json
from typing import Any

import httpx
import pytest
from tests.unit.sluice_cli.screens import Shown

from sluice_cli.__main__ import main
from sluice_cli.commands.chat import Conversation
from sluice_cli.failure import CommandFailed
from sluice_cli.gateway import Gateway
from sluice_cli.site import Site

URL = "http://127.0.0.1:8787"
DONE = "data: [DONE]\n\n"
USAGE = 'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
ERROR = 'data: {"error":{"message":"the provider left","code":"upstream_truncated"}}\n\n'


def said(text: str) -> str:
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': text}}]})}\n\n"


class Chat:
    """A conversation with a gateway that gives these answers, one after the other."""

    def __init__(self, *answers: str, system: str | None = None, is_terminal: bool = False) -> None:
        self.asked: list[dict[str, Any]] = []
        self.shown = Shown(is_terminal=is_terminal)
        self._answers = list(answers)
        gateway = Gateway(URL, lambda request: request, httpx.MockTransport(self._answer))
        self.conversation = Conversation(gateway, "mini", system, Site(URL), self.shown.terminal)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(json.loads(request.content))
        return httpx.Response(200, headers={"x-request-id": "id-1"}, content=self._answers.pop(0).encode())


def test_the_answer_goes_out_and_what_it_came_to_goes_beside_it() -> None:
    chat = Chat(said("Hel") + said("lo") + USAGE + DONE)

    chat.conversation.ask("Hi")

    assert chat.shown.written == "Hello\n"
    assert chat.shown.complained == "3+2 tok  id-1\n"
    assert chat.asked[0] == {
        "model": "mini",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_an_answer_that_ends_its_line_gets_no_further_one() -> None:
    chat = Chat(said("Hello\n") + DONE)

    chat.conversation.ask("Hi")

    assert chat.shown.written == "Hello\n"
    assert chat.shown.complained == "id-1\n"


def test_each_question_goes_with_all_that_was_said_before() -> None:
    chat = Chat(said("one") + DONE, said("two") + DONE, system="Count.")

    chat.conversation.ask("first")
    chat.conversation.ask("second")

    assert [message["content"] for message in chat.asked[1]["messages"]] == ["Count.", "first", "one", "second"]
    assert [message["role"] for message in chat.asked[1]["messages"]] == ["system", "user", "assistant", "user"]


def test_an_answer_that_breaks_off_is_shown_as_far_as_it_came_and_fails() -> None:
    chat = Chat(said("Hel") + ERROR, said("two") + DONE)

    with pytest.raises(CommandFailed, match="broke off: upstream_truncated: the provider left"):
        chat.conversation.ask("first")
    chat.conversation.ask("second")

    assert chat.shown.written == "Hel\ntwo\n"
    assert [message["content"] for message in chat.asked[1]["messages"]] == ["second"]


def test_an_answer_cannot_steer_the_terminal() -> None:
    chat = Chat(said("\x1b]0;title\x07x") + DONE, is_terminal=True)

    chat.conversation.ask("Hi")

    assert chat.shown.written == "\ufffd]0;title\ufffdx\n"


def test_without_a_prompt_and_without_input_it_says_where_one_goes() -> None:
    shown = Shown({"SLUICE_URL": URL}, typed=" \n")

    assert main(["chat"], shown.terminal) == 2
    assert shown.complained == 'sluice chat: a prompt is needed: sluice chat "Hello", or one on standard input\n'
