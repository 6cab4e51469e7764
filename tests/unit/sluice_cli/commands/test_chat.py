import io
import json
import time
from dataclasses import replace
from typing import Any

import httpx
import pytest
from tests.unit.sluice_cli.screens import Shown

from sluice_cli.__main__ import main
from sluice_cli.commands.chat import Conversation
from sluice_cli.failure import CommandFailed
from sluice_cli.gateway import Gateway, UnknownModel
from sluice_cli.site import Site
from sluice_cli.waiting import ERASE, PATIENCE_SECONDS

URL = "http://127.0.0.1:8787"
OURS = {"request_id": "id-1"}
DONE = "data: [DONE]\n\n"
USAGE = 'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
ERROR = 'data: {"error":{"message":"the provider left","code":"upstream_stream_truncated"}}\n\n'


def said(text: str) -> str:
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': text}}]})}\n\n"


class Chat:
    """A conversation with a gateway that gives these answers, one after the other."""

    def __init__(
        self, *answers: str, system: str | None = None, is_terminal: bool = False, answers_after: float = 0
    ) -> None:
        self._answers_after = answers_after
        self.asked: list[dict[str, Any]] = []
        self.shown = Shown(is_terminal=is_terminal)
        self._answers = list(answers)
        gateway = Gateway(URL, lambda request: request, httpx.MockTransport(self._answer))
        self.conversation = Conversation(gateway, "mini", system, Site(URL), self.shown.terminal)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(json.loads(request.content))
        time.sleep(self._answers_after)
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


def test_a_terminal_sees_that_the_answer_is_awaited_until_its_first_word() -> None:
    chat = Chat(said("Hello") + DONE, is_terminal=True, answers_after=PATIENCE_SECONDS + 0.3)

    chat.conversation.ask("Hi")

    waited, _, rest = chat.shown.complained.rpartition(ERASE)
    assert "waiting for mini" in waited
    assert "waiting" not in rest
    assert chat.shown.written == "Hello\n"


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

    with pytest.raises(CommandFailed, match="broke off: upstream_stream_truncated: the provider left"):
        chat.conversation.ask("first")
    chat.conversation.ask("second")

    assert chat.shown.written == "Hel\ntwo\n"
    assert [message["content"] for message in chat.asked[1]["messages"]] == ["second"]


def test_an_answer_cannot_steer_the_terminal() -> None:
    chat = Chat(said("\x1b]0;title\x07x") + DONE, is_terminal=True)

    chat.conversation.ask("Hi")

    assert chat.shown.written == "\ufffd]0;title\ufffdx\n"


def test_what_is_told_of_an_answer_cannot_steer_the_terminal_either() -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": "\x1b]0;title\x07\n", "completion_tokens": 2}}
    chat = Chat(said("x\n") + f"data: {json.dumps(usage)}\n\n" + DONE, is_terminal=True)

    chat.conversation.ask("Hi")

    assert "?+2 tok  id-1" in chat.shown.complained
    assert "title" not in chat.shown.complained


def test_without_a_prompt_and_without_input_it_says_where_one_goes() -> None:
    shown = Shown({"SLUICE_URL": URL}, typed=" \n")

    assert main(["chat"], shown.terminal) == 2
    assert shown.complained == 'sluice chat: a prompt is needed: sluice chat "Hello", or one on standard input\n'


class Served:
    """A gateway that serves only the models it lists."""

    def __init__(self, *models: str) -> None:
        self.shown = Shown()
        self._models = models

    def ask(self, model: str | None) -> None:
        gateway = Gateway(URL, lambda request: request, httpx.MockTransport(self._answer))
        Conversation(gateway, model, None, Site(URL), self.shown.terminal).ask("Hi")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/models":
            return httpx.Response(200, json={"data": [{"id": name} for name in self._models]})
        model = json.loads(request.content)["model"]
        if model not in self._models:
            return httpx.Response(404, json={"error": {"message": "unknown", "code": "model_not_found", **OURS}})
        return httpx.Response(200, content=(said(model) + DONE).encode())


def test_where_the_default_is_unknown_the_first_model_is_asked_and_that_is_said() -> None:
    served = Served("laptop/llama3.2", "b")

    served.ask(None)

    assert served.shown.written == "laptop/llama3.2\n"
    assert served.shown.complained.startswith(
        "gpt-4o-mini is unknown here, asking laptop/llama3.2; --model chooses another\n"
    )


@pytest.mark.parametrize(("model", "models"), [("chosen", ["a"]), (None, [])])
def test_a_model_that_was_chosen_is_not_replaced_nor_one_by_nothing(model: str | None, models: list[str]) -> None:
    with pytest.raises(UnknownModel, match="answered 404 model_not_found: unknown"):
        Served(*models).ask(model)


@pytest.mark.parametrize(("words", "name"), [(["caf\udce9"], "the prompt"), (["--system", "\udce9", "Hi"], "--system")])
def test_what_is_not_utf8_is_wrong_usage(words: list[str], name: str) -> None:
    shown = Shown({"SLUICE_URL": URL})

    assert main(["chat", *words], shown.terminal) == 2
    assert shown.complained == f"sluice chat: {name} is not UTF-8\n"


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_standard_input_that_is_not_utf8_is_wrong_usage(errors: str) -> None:
    shown = Shown({"SLUICE_URL": URL})
    piped = io.TextIOWrapper(io.BytesIO(b"caf\xe9"), "utf-8", errors)

    assert main(["chat"], replace(shown.terminal, input=piped)) == 2
    assert shown.complained == "sluice chat: the prompt is not UTF-8\n"
