"""Responses: what is answered, kept, and gone on from."""

from collections.abc import Callable, Collection
from random import Random
from typing import Any

from sluice_devstack.simulated.catalogue import Kind, Model
from sluice_devstack.simulated.chat.request import ChatRequest
from sluice_devstack.simulated.completion import OK, Choice, Completion, complete
from sluice_devstack.simulated.endpoint import Shape
from sluice_devstack.simulated.prose import reasoning_summaries
from sluice_devstack.simulated.reply import Reply, Whole, letters
from sluice_devstack.simulated.responses.conversation import chat_request, history
from sluice_devstack.simulated.responses.output import FunctionCall, Message, Output, Reasoning
from sluice_devstack.simulated.responses.request import RULES, ResponsesRequest
from sluice_devstack.simulated.responses.sealed import seal
from sluice_devstack.simulated.responses.snapshot import Snapshot
from sluice_devstack.simulated.responses.store import StoredResponses
from sluice_devstack.simulated.responses.wire import SHAPE, ResponseReply
from sluice_devstack.simulated.rules import Body, Rule

ID_BYTES = 25
SEALED_BYTES = 300


class Responses:
    """`POST /v1/responses`."""

    kind = Kind.TEXT
    rules: Collection[Rule] = RULES

    def __init__(self, random: Random, now: Callable[[], float]) -> None:
        self._random, self._now = random, now
        self._stored = StoredResponses()

    def is_stream(self, body: Body) -> bool:
        return ResponsesRequest(body).is_stream

    def shape(self, _body: Body) -> Shape:
        return SHAPE

    def reply(self, body: Body, model: Model | None) -> Reply:
        request = ResponsesRequest(body)
        items = history(request, self._stored)
        asked = chat_request(request, items)
        is_reasoning = model is not None and model.is_reasoning
        completion = complete(asked, is_reasoning) if model else OK
        output = self._output(request, asked, completion, is_reasoning)
        snapshot = model.snapshot if model else request.body["model"]
        answer = self._answer(request, completion, output, snapshot, is_reasoning)
        if request.is_stored:
            self._stored.keep(answer.last.id, items, answer.last.output)
        return answer if request.is_stream else Whole(answer)

    def _answer(
        self, request: ResponsesRequest, completion: Completion, output: list[Output], model: str, is_reasoning: bool
    ) -> ResponseReply:
        now = int(self._now())
        is_cut = completion.choices[0].finish_reason == "length"
        first = Snapshot(self._id("resp"), model, now, is_reasoning, request)
        last = first.ended(
            now, [item.item() for item in output], usage(completion), "max_output_tokens" if is_cut else None
        )
        return ResponseReply(first, last, tuple(output), self._random, request.includes_obfuscation)

    def _output(
        self, request: ResponsesRequest, asked: ChatRequest, completion: Completion, is_reasoning: bool
    ) -> list[Output]:
        """Reasoning first, then the calls or the message; whichever the budget cut short is the last."""
        choice = completion.choices[0]
        items: list[Output] = []
        if completion.reasoning_tokens:
            items.append(self._reasoning(request, asked, completion.reasoning_tokens))
        for call in choice.calls:
            ids = self._id("fc"), f"call_{letters(self._random, 24)}"
            items.append(FunctionCall(*ids, call.name, call.pieces, _status(choice, call is choice.calls[-1])))
        if choice.pieces or not items:
            extra = {"phase": "final_answer"} if is_reasoning else {}
            items.append(Message(self._id("msg"), choice.pieces, _status(choice, True), extra))
        return items

    def _reasoning(self, request: ResponsesRequest, asked: ChatRequest, tokens: int) -> Reasoning:
        summaries = reasoning_summaries(asked.prompt) if request.reasoning.get("summary") else ()
        sealed = seal(self._random, SEALED_BYTES) if request.includes_encrypted_reasoning else ""
        return Reasoning(self._id("rs"), tokens, summaries, sealed)

    def _id(self, kind: str) -> str:
        return f"{kind}_{self._random.randbytes(ID_BYTES).hex()}"


def _status(choice: Choice, is_last: bool) -> str:
    return "incomplete" if is_last and choice.finish_reason == "length" else "completed"


def usage(completion: Completion) -> dict[str, Any]:
    """A completion's usage under this endpoint's names."""
    counted = completion.usage
    return {
        "input_tokens": counted["prompt_tokens"],
        "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": 0},
        "output_tokens": counted["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": completion.reasoning_tokens},
        "total_tokens": counted["total_tokens"],
    }
