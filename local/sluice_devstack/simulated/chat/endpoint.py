"""Chat completions: which models, which answer, and where a stream of chunks fails."""

from collections.abc import Callable, Collection
from random import Random

from sluice_devstack.simulated.catalogue import Kind, Model
from sluice_devstack.simulated.chat.request import RULES, ChatRequest
from sluice_devstack.simulated.chat.wire import DONE, Answer
from sluice_devstack.simulated.completion import OK, complete
from sluice_devstack.simulated.endpoint import ERROR, Failure, Shape
from sluice_devstack.simulated.refusal import MAX_TOKENS_OF_REASONING, Refused
from sluice_devstack.simulated.reply import Reply, Whole, sse
from sluice_devstack.simulated.rules import Body, Rule

SHAPE = Shape(
    healthy=4,
    content=2,
    path=("choices", 0, "delta", "content"),
    last=lambda event: event == DONE,
    failing={Failure.ON_THE_WIRE: lambda _events: [sse({"error": ERROR}), DONE]},
)


class ChatCompletions:
    """`POST /v1/chat/completions`."""

    kind = Kind.TEXT
    rules: Collection[Rule] = RULES

    def __init__(self, random: Random, now: Callable[[], float]) -> None:
        self._random, self._now = random, now

    def is_stream(self, body: Body) -> bool:
        return ChatRequest(body).is_stream

    def shape(self, _body: Body) -> Shape:
        return SHAPE

    def reply(self, body: Body, model: Model | None) -> Reply:
        request = ChatRequest(body)
        is_reasoning = model is not None and model.is_reasoning
        if is_reasoning and body.get("max_tokens"):
            raise Refused(MAX_TOKENS_OF_REASONING)
        answer = Answer(
            completion=complete(request, is_reasoning) if model else OK,
            model=model.snapshot if model else request.model,
            created=int(self._now()),
            random=self._random,
            is_reasoning=is_reasoning,
            includes_usage=request.includes_usage,
            includes_obfuscation=request.includes_obfuscation,
        )
        return answer if request.is_stream else Whole(answer)
