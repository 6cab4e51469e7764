"""Completions with what Azure's content filter says of them, key by key as recorded.

https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-streaming. The filter has the first word, on the
prompt, in a chunk without choices. Of the answer it speaks in each chunk, or, where it runs beside the model, in chunks
of its own that come late and have no delta.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sluice_devstack.simulated.catalogue import Kind, Model
from sluice_devstack.simulated.chat.wire import DONE
from sluice_devstack.simulated.endpoint import Endpoint, Shape
from sluice_devstack.simulated.reply import JSON, Event, Reply, pretty, sse
from sluice_devstack.simulated.rules import Body, Rule

LATER = "-async"  # ends the name of a deployment whose filter runs beside the model
NAMES = ("hate", "self_harm", "sexual", "violence")
NOT_SAID = frozenset({"service_tier"})
DATA = b"data: "


def safe(*names: str) -> dict[str, object]:
    return {name: {"filtered": False, "severity": "safe"} for name in names}


ANSWER_RESULTS = safe(*NAMES)
PROMPT_RESULTS = dict(sorted({**safe(*NAMES), "jailbreak": {"filtered": False, "detected": False}}.items()))
VIOLENT = {**PROMPT_RESULTS, "violence": {"filtered": True, "severity": "medium"}}
ON_PROMPT = [{"prompt_index": 0, "content_filter_results": PROMPT_RESULTS}]
NAMELESS: dict[str, Any] = {"created": 0, "id": "", "model": "", "object": ""}
OFFSETS = {"check_offset": 44, "start_offset": 44, "end_offset": 198}


@dataclass(frozen=True, slots=True)
class Filtered:
    """A reply of chat or of legacy completions. `is_later`: the filter runs beside the model."""

    reply: Reply
    is_later: bool = False

    @property
    def input_tokens(self) -> int:
        return self.reply.input_tokens

    @property
    def output_tokens(self) -> int:
        return self.reply.output_tokens

    @property
    def content_type(self) -> str:
        return self.reply.content_type

    def events(self) -> Iterator[Event]:
        if self.content_type == JSON:
            yield from (replace(event, data=_whole(json.loads(event.data))) for event in self.reply.events())
            return
        yield Event(sse({"choices": [], **NAMELESS, "prompt_filter_results": ON_PROMPT}))
        for event in self.reply.events():
            yield from self._judged(event)

    def _judged(self, event: Event) -> Iterator[Event]:
        if event.data == DONE:
            yield from [Event(sse(_annotation())), event] if self.is_later else [event]
            return
        chunk = json.loads(event.data.removeprefix(DATA))
        choices = chunk["choices"] if self.is_later else [_judged_choice(choice) for choice in chunk["choices"]]
        yield replace(event, data=sse(_recorded({**chunk, "choices": choices})))


class FilteredEndpoint:
    """An endpoint behind the filter."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    @property
    def kind(self) -> Kind:
        return self._endpoint.kind

    @property
    def rules(self) -> Collection[Rule]:
        return self._endpoint.rules

    def is_stream(self, body: Body) -> bool:
        return self._endpoint.is_stream(body)

    def shape(self, body: Body) -> Shape:
        """One event later: the filter's comes first."""
        shape = self._endpoint.shape(body)
        return replace(shape, healthy=shape.healthy + 1, content=shape.content + 1)

    def reply(self, body: Body, model: Model | None) -> Reply:
        return Filtered(self._endpoint.reply(body, model), str(body["model"]).endswith(LATER))


def _annotation() -> dict[str, Any]:
    about = {"content_filter_results": ANSWER_RESULTS, "content_filter_offsets": OFFSETS}
    return {**NAMELESS, "choices": [{"index": 0, "finish_reason": None, **about}], "usage": None}


def _judged_choice(choice: dict[str, Any]) -> dict[str, Any]:
    """Text is judged; how a choice begins and ends, and the calls of tools, are not."""
    is_text = bool(choice.get("text") or (choice.get("delta") or choice.get("message") or {}).get("content"))
    return _recorded({**choice, "content_filter_results": ANSWER_RESULTS if is_text else {}})


def _whole(document: dict[str, Any]) -> bytes:
    choices = [_judged_choice(choice) for choice in document["choices"]]
    return pretty(_recorded({**document, "choices": choices, "prompt_filter_results": ON_PROMPT}))


def _recorded(document: dict[str, Any]) -> dict[str, Any]:
    """In the order of the alphabet, as Azure writes."""
    return {name: document[name] for name in sorted(document) if name not in NOT_SAID}
