"""`sluice chat`: an answer on the terminal as it is generated, from the dev stack or from a deployed gateway."""

import argparse
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice_cli.arguments import Parser
from sluice_cli.completion import Completion
from sluice_cli.failure import CommandFailed, UsageError
from sluice_cli.gateway import DEFAULT_MODEL, Gateway, UnknownModel
from sluice_cli.site import Site
from sluice_cli.site_options import add_url_options, url_site
from sluice_cli.terminal import Terminal, printable
from sluice_cli.waiting import Waiting

SETTLE_SECONDS = 2.0
NO_PROMPT = 'a prompt is needed: sluice chat "Hello", or one on standard input'

Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class Options:
    """What was typed."""

    stack: str | None
    url: str | None
    env_file: Path | None
    region: str | None
    model: str | None
    system: str | None
    prompt: list[str]


def parser() -> Parser:
    made = Parser(
        "chat",
        "Streams a model's answer to the terminal. Asks the gateway of --stack or --url, else of SLUICE_URL, else\n"
        "of a running dev stack. Without a prompt it reads standard input, or on a terminal keeps up a conversation.",
        'sluice chat --model openai/gpt-5-mini "Why is the sky blue?"',
    )
    add = made.add_argument
    add("prompt", nargs="*", metavar="PROMPT", help="what to ask")
    add_url_options(made)
    default = f"default {DEFAULT_MODEL}, where that is unknown the first of /v1/models"
    add("--model", help=f"a route of gateway.toml, or provider/model ({default})")
    add("--system", metavar="TEXT", help="instructions that go before the conversation")
    return made


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    chosen = Options(**vars(options))
    prompt = utf8("the prompt", " ".join(chosen.prompt) or _piped(terminal))
    for name, text in (("--system", chosen.system), ("--model", chosen.model)):
        utf8(name, text or "")
    site = url_site(chosen.stack, chosen.url, chosen.env_file, chosen.region, terminal.environ)
    with Gateway.at(site) as gateway:
        conversation = Conversation(gateway, chosen.model, chosen.system, site, terminal)
        if prompt:
            conversation.ask(prompt)
            return 0
        return _talk(conversation, terminal)


class Conversation:
    """Every question goes with all that was said before it. Without a `model` it finds one that is served."""

    def __init__(self, gateway: Gateway, model: str | None, system: str | None, site: Site, terminal: Terminal) -> None:
        self._gateway = gateway
        self._model = model or DEFAULT_MODEL
        self._is_model_ours = model is None
        self._site = site
        self._terminal = terminal
        self._messages: list[Message] = [{"role": "system", "content": system}] if system else []

    def ask(self, prompt: str) -> None:
        """Prints the answer as it comes; a question that failed is as if it had not been asked."""
        asked = [*self._messages, {"role": "user", "content": prompt}]
        try:
            answer = self._answer(asked)
        except UnknownModel as unknown:
            self._choose_model(unknown)
            answer = self._answer(asked)
        self._messages = [*asked, {"role": "assistant", "content": answer}]

    def _choose_model(self, unknown: UnknownModel) -> None:
        """The first that the gateway lists, once; raises `unknown` where the caller chose or nothing is listed."""
        found = self._gateway.models() if self._is_model_ours else []
        if not found:
            raise unknown
        error = self._terminal.error
        error.line(error.foreign(f"{self._model} is unknown here, asking {found[0]}; --model chooses another"))
        self._model, self._is_model_ours = found[0], False

    def _answer(self, messages: list[Message]) -> str:
        said = ""
        out = self._terminal.out
        body: dict[str, Any] = {"model": self._model, "messages": messages, "stream": True}
        asked = self._gateway.completion({**body, "stream_options": {"include_usage": True}})
        with Waiting(self._terminal.error, printable(f"waiting for {self._model}")) as waiting, asked as completion:
            try:
                for text in completion.texts():
                    waiting.stop()
                    said += text
                    out.write(out.foreign(text))
            finally:
                if said and not said.endswith("\n"):
                    out.line()
        error = self._terminal.error
        error.line(error.paint(error.foreign(self._summary(completion)), "dim"))
        return said

    def _summary(self, completion: Completion) -> str:
        """The record's line where the ledger can be read, else what the stream itself has told."""
        with contextlib.suppress(CommandFailed):
            if self._site.table and completion.request_id:
                return self._booked(completion.request_id)
        usage = completion.usage or {}
        tokens = f"{_count(usage, 'prompt_tokens')}+{_count(usage, 'completion_tokens')} tok" if usage else ""
        return "  ".join(part for part in (tokens, completion.request_id) if part)

    def _booked(self, request_id: str) -> str:
        from sluice_cli.ledger import open_ledger  # boto3 takes a while, and the answer comes first
        from sluice_cli.record_text import brief

        found = open_ledger(self._site, self._terminal.environ).find_ended(request_id, SETTLE_SECONDS)
        if found is None:
            raise CommandFailed("no record yet")
        return brief(found)


def _count(usage: dict[str, Any], name: str) -> str:
    """A number of the provider's; whatever else it may send there is none."""
    return str(usage[name]) if isinstance(usage.get(name), int) else "?"


def _piped(terminal: Terminal) -> str:
    """Standard input where it is a file or a pipe; nothing at a terminal."""
    if terminal.input.isatty() and terminal.out.is_terminal:
        return ""
    try:
        prompt = "" if terminal.input.isatty() else terminal.input.read().strip()
    except UnicodeDecodeError as error:
        raise UsageError("the prompt is not UTF-8") from error
    if not prompt:
        raise UsageError(NO_PROMPT)
    return prompt


def utf8(name: str, text: str) -> str:
    """The text, unless it holds bytes that Python could not decode and kept as surrogates (PEP 383)."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{name} is not UTF-8") from error
    return text


def _talk(conversation: Conversation, terminal: Terminal) -> int:
    """Until Ctrl-D; what goes wrong with one question does not end it."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 (line editing and history for input())
    terminal.error.line(terminal.error.paint("Ctrl-D ends the conversation.", "dim"))
    for prompt in _questions(terminal):
        try:
            conversation.ask(utf8("the prompt", prompt))
        except (CommandFailed, UsageError) as failure:
            terminal.error.line(terminal.error.foreign(f"sluice chat: {failure}"))
    return 0


def _questions(terminal: Terminal) -> Iterator[str]:
    with contextlib.suppress(EOFError):
        while True:
            if prompt := terminal.ask("> ").strip():
                yield prompt
