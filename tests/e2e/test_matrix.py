"""Every surface on every provider, feature by feature, through the whole stack with the real SDKs: what
docs/surfaces.md says, cell by cell."""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import anthropic
import pytest
from tests.e2e import matrix
from tests.e2e.matrix import (
    COUNTED,
    FEATURES,
    IMAGE,
    PARIS,
    PROVIDERS,
    REFUSALS,
    SCHEMA,
    SENT,
    SURFACES,
    TOOL,
    TOOL_INPUT,
    TWO_CITIES,
    Question,
    Said,
    Surface,
    ask,
    throttled,
    verdict,
)
from tests.e2e.matrix_anthropic import AnthropicSurface, anthropic_client
from tests.e2e.matrix_bedrock import ConverseSurface, InvokeSurface
from tests.e2e.matrix_openai import OpenAISurface
from tests.e2e.rig import Rig

GREETING = "Hello! Lovely to hear from you."
MAKE: dict[str, Callable[[Rig], Surface]] = {
    "chat": lambda site: OpenAISurface("chat", site),
    "responses": lambda site: OpenAISurface("responses", site),
    "messages": AnthropicSurface,
    "converse": ConverseSurface,
    "invoke": InvokeSurface,
}
CELLS = [(surface, provider, feature) for surface in SURFACES for provider in PROVIDERS for feature in FEATURES]
SIGNED = {
    *((surface, provider) for surface in SURFACES for provider in ("bedrock_claude", "anthropic")),
    ("responses", "openai"),
}
ASKED: dict[str, dict[str, bool]] = {
    "stream": {"is_stream": True},
    "tools": {"has_tool": True},
    "parallel_tools": {"has_tool": True, "is_stream": True},
    "images": {"has_image": True},
    "json_schema": {"has_schema": True},
    "reasoning": {"thinks": True},
}
MARKS = {
    ("", "images"): IMAGE,
    ("", "json_schema"): "textFormat",
    ("", "reasoning"): '"reasoning_effort"',
    ("responses", "reasoning"): '"effort"',
    ("invoke", "reasoning"): '"reasoningConfig"',
}
KINDS = {"openai": "openai", "anthropic": "anthropic"}  # the rest is Bedrock


class Cell(NamedTuple):
    """One cell, with what it takes to try it."""

    site: Rig
    name: str
    surface: Surface
    provider: str
    verdict: str

    def question(self, prompt: str = matrix.HELLO, **more: Any) -> Question:
        return Question(self.provider, prompt, **more)

    def ask(self, question: Question) -> Said:
        return ask(self.surface, question)

    @property
    def received(self) -> str:
        """The body of the last request that the provider was sent."""
        simulated = self.site.stack.simulated[KINDS.get(self.provider, "bedrock")]
        return simulated.requests[-1].body.decode()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with matrix.every_provider(tmp_path_factory.mktemp("matrix")) as running:
        yield running


@pytest.fixture(scope="module")
def surfaces(site: Rig) -> Iterator[dict[str, Surface]]:
    made = {name: make(site) for name, make in MAKE.items()}
    yield made
    for one in made.values():
        one.close()


def text(cell: Cell) -> None:
    assert cell.ask(cell.question()).text.startswith(GREETING)


def stream(cell: Cell) -> None:
    said = cell.ask(cell.question(is_stream=True))

    assert said.text.startswith(GREETING)
    assert said.pieces > 10


def tools(cell: Cell) -> None:
    question = cell.question(PARIS, has_tool=True)

    first = cell.ask(question)

    assert [(call.name, call.arguments) for call in first.calls] == [(TOOL, {"city": "Paris"})]
    assert "Paris: 17 degrees" in cell.ask(question.after(first)).text


def parallel_tools(cell: Cell) -> None:
    question = cell.question(TWO_CITIES, has_tool=True, is_stream=True)

    first = cell.ask(question)
    second = cell.ask(question.after(first))

    assert [call.arguments for call in first.calls] == [{"city": "Paris"}, {"city": "Rome"}]
    assert len({call.id for call in first.calls}) == 2
    assert all(f"{city}: 17 degrees" in second.text for city in ("Paris", "Rome"))


def images(cell: Cell) -> None:
    said = cell.ask(cell.question(has_image=True))

    assert said.text.startswith(GREETING)
    assert IMAGE in cell.received


def json_schema(cell: Cell) -> None:
    said = cell.ask(cell.question("Where is Lisbon?", has_schema=True))

    assert set(json.loads(said.text)) == set(SCHEMA["required"])
    assert not said.calls
    assert ("json_tool_call" in cell.received) is (cell.verdict == TOOL_INPUT)


def reasoning(cell: Cell) -> None:
    """Thoughts stream; those that are signed or sealed come back to their model beside the tool's result."""
    question = cell.question(PARIS, has_tool=True, thinks=True, is_stream=True)

    first = cell.ask(question)
    second = cell.ask(question.after(first))

    assert first.reasoning
    assert first.reasoning.isdigit() is (cell.verdict == COUNTED)
    assert bool(first.signature) is ((cell.name, cell.provider) in SIGNED)
    assert first.signature in cell.received
    assert "Paris: 17 degrees" in second.text


def usage(cell: Cell) -> None:
    for is_stream in (False, True):
        said = cell.ask(cell.question(is_stream=is_stream))

        counted = cell.site.record(said.request_id)["usage"]
        assert said.usage == (counted["input"], counted["output"])
        assert min(said.usage) > 0


def error(cell: Cell) -> None:
    for is_stream in (False, True):
        with pytest.raises(cell.surface.errors) as raised:
            ask(cell.surface, cell.question(is_stream=is_stream), throttled(cell.name, cell.provider))

        assert cell.surface.refused(raised.value)[0] == 429


TESTS: dict[str, Callable[[Cell], None]] = {
    "text": text,
    "stream": stream,
    "tools": tools,
    "parallel_tools": parallel_tools,
    "images": images,
    "json_schema": json_schema,
    "reasoning": reasoning,
    "usage": usage,
    "error": error,
}


def sent(cell: Cell, feature: str) -> None:
    """The provider gets what was asked; what its model makes of it is its own."""
    said = cell.ask(cell.question(PARIS, **ASKED[feature]))

    assert said.text
    assert MARKS.get((cell.name, feature), MARKS["", feature]) in cell.received


def refused(cell: Cell, feature: str) -> None:
    with pytest.raises(cell.surface.errors) as raised:
        cell.ask(cell.question(PARIS, **ASKED.get(feature, {})))

    assert cell.surface.refused(raised.value) == REFUSALS[cell.verdict]


@pytest.mark.parametrize(("surface", "provider", "feature"), CELLS, ids=["-".join(cell) for cell in CELLS])
def test_a_cell(surface: str, provider: str, feature: str, site: Rig, surfaces: dict[str, Surface]) -> None:
    cell = Cell(site, surface, surfaces[surface], provider, verdict(surface, provider, feature))

    if cell.verdict == SENT:
        sent(cell, feature)
    elif cell.verdict in REFUSALS:
        refused(cell, feature)
    else:
        TESTS[feature](cell)


COUNTED_BY = {"anthropic", "bedrock_claude"}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_tokens_of_messages_are_counted_for_claude_alone(provider: str, site: Rig) -> None:
    messages: Any = [{"role": "user", "content": matrix.HELLO}]
    with anthropic_client(site) as sdk:
        if provider in COUNTED_BY:
            assert sdk.messages.count_tokens(model=provider, messages=messages).input_tokens > 0
        else:
            with pytest.raises(anthropic.BadRequestError):
                sdk.messages.count_tokens(model=provider, messages=messages)
