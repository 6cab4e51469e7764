"""What is asked on every surface of every provider, and what came back: the cells of docs/surfaces.md.

A surface's dialect makes a request's body of a `Question` and reads an answer into `Said`, so that one test asks all.
"""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from tests.e2e.rig import Rig, rig

SURFACES = ("chat", "responses", "messages", "converse", "invoke")
PROVIDERS = ("openai", "bedrock_claude", "bedrock_nova", "bedrock_gpt_oss", "anthropic")
FEATURES = ("text", "stream", "tools", "parallel_tools", "images", "json_schema", "reasoning", "usage", "error")
ON_BEDROCK = ("converse", "invoke")
YES, SENT, TOOL_INPUT, COUNTED, INVALID, ELSEWHERE = "yes", "sent", "tool", "count", "400", "404"
REFUSALS = {INVALID: (400, "ValidationException"), ELSEWHERE: (404, "ResourceNotFoundException")}
# What is not `yes`: `sent` reaches the provider as it was asked, and the model judges it; `tool`: the JSON is asked for
# as a tool's arguments; `count`: the provider tells how much was thought, and not what; else the refusal.
OTHERWISE: dict[tuple[str, str, str], str] = {
    **{(surface, provider, feature): ELSEWHERE for surface in ON_BEDROCK for provider in ("openai", "anthropic")
       for feature in FEATURES},
    **{(surface, "bedrock_nova", "json_schema"): TOOL_INPUT for surface in ("chat", "responses", "messages")},
    **{("invoke", "bedrock_nova", feature): SENT for feature in ("json_schema", "reasoning")},
    **{(surface, "bedrock_gpt_oss", "images"): SENT for surface in SURFACES},
    **{(surface, "bedrock_gpt_oss", "reasoning"): SENT for surface in ("chat", "responses", "messages")},
    ("converse", "bedrock_nova", "json_schema"): INVALID,
    ("chat", "openai", "reasoning"): COUNTED,
    ("messages", "openai", "reasoning"): COUNTED,
}  # fmt: skip
CONFIGURATION = """
[providers.openai]
kind = "openai"
secret = "sluice/openai"
[providers.anthropic]
kind = "anthropic"
secret = "sluice/anthropic"
[providers.bedrock]
kind = "bedrock"
region = "us-east-1"

[routes]
openai = "openai/gpt-5-mini-instant"
openai-throttled = "openai/f-429"
bedrock_claude = "bedrock/us.anthropic.claude-haiku-4-5-20251001-v1:0-instant"
bedrock_claude-throttled = "bedrock/us.anthropic.claude-haiku-4-5-f-throttled"
bedrock_nova = "bedrock/amazon.nova-2-lite-v1:0-instant"
bedrock_nova-throttled = "bedrock/amazon.nova-2-lite-f-throttled"
anthropic = "anthropic/claude-haiku-4-5-instant"
anthropic-throttled = "anthropic/f-429"
[routes.bedrock_gpt_oss]
targets = [{ model = "bedrock/openai.gpt-oss-120b-1:0-instant", api = "openai" }]
[routes.bedrock_gpt_oss-throttled]
targets = [{ model = "bedrock/openai.gpt-oss-f-429", api = "openai" }]
[routes.bedrock_gpt_oss-throttled-by-converse]
targets = [{ model = "bedrock/openai.gpt-oss-f-throttled" }]
"""
HELLO, PARIS, TWO_CITIES = "Hello!", "What is the weather in Paris?", "What is the weather in Paris and Rome?"
TOOL = "get_weather"
PARAMETERS: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "country": {"type": "string"}},
    "required": ["city", "country"],
    "additionalProperties": False,
}
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
IMAGE = base64.b64encode(PNG).decode()
MAX_TOKENS = 4000


class ToolCall(NamedTuple):
    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """One answer. `turn` is what goes back as the assistant's; `usage` are tokens in and out; `pieces` of text came
    one by one."""

    text: str
    calls: tuple[ToolCall, ...]
    turn: Any
    usage: tuple[int, int]
    reasoning: str = ""
    signature: str = ""
    pieces: int = 1
    request_id: str = ""

    def results(self) -> list[tuple[str, str]]:
        """What each call found, by its id."""
        return [(call.id, f"{call.arguments['city']}: 17 degrees") for call in self.calls]


@dataclass(frozen=True, slots=True)
class Question:
    """With `earlier` the conversation goes on: its calls are answered."""

    provider: str
    prompt: str = HELLO
    is_stream: bool = False
    has_tool: bool = False
    has_image: bool = False
    has_schema: bool = False
    thinks: bool = False
    earlier: Said | None = None

    def after(self, said: Said) -> "Question":
        return replace(self, earlier=said)


class Answer(NamedTuple):
    """A whole answer as a document, or a stream's events."""

    documents: list[dict[str, Any]]
    headers: Mapping[str, str]


class Dialect(Protocol):
    def body(self, question: Question) -> dict[str, Any]: ...

    def said(self, answer: Mapping[str, Any]) -> Said: ...

    def joined(self, events: list[dict[str, Any]]) -> tuple[dict[str, Any], int]:
        """The answer that a stream amounts to, and how many pieces of text it came in."""


class Surface(Protocol):
    """One SDK at one base URL."""

    @property
    def errors(self) -> tuple[type[Exception], ...]: ...

    def dialect(self, provider: str) -> Dialect: ...

    def send(self, model: str, body: dict[str, Any], question: Question) -> Answer:
        """Raises the SDK's own exceptions."""

    def refused(self, error: Any) -> tuple[int, str]:
        """The status and the code of an exception of the SDK's."""

    def close(self) -> None: ...


def ask(surface: Surface, question: Question, model: str | None = None) -> Said:
    """The model is the provider's own route unless another is named."""
    dialect = surface.dialect(question.provider)
    answer = surface.send(model or question.provider, dialect.body(question), question)
    document, pieces = dialect.joined(answer.documents) if question.is_stream else (answer.documents[0], 1)
    return replace(dialect.said(document), pieces=pieces, request_id=answer.headers["x-request-id"])


def verdict(surface: str, provider: str, feature: str) -> str:
    return OTHERWISE.get((surface, provider, feature), YES)


def throttled(surface: str, provider: str) -> str:
    """The route of a provider's model that is throttled; gpt-oss is asked by Converse on Bedrock's own surface."""
    by_converse = surface in ON_BEDROCK and provider == "bedrock_gpt_oss"
    return f"{provider}-throttled{'-by-converse' if by_converse else ''}"


@contextmanager
def every_provider(folder: Path) -> Iterator[Rig]:
    """A stack with all providers, and a route to a model of each."""
    config = folder / "matrix.toml"
    config.write_text(CONFIGURATION, encoding="utf-8")
    with rig(folder, {}, config=config) as running:
        yield running
