"""One answer per call: the body checked, the question said, in the wire format of the operation."""

import json
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from sluice_devstack.simulated.bedrock import conversation_rules, converse, converse_request, invoke, shapes
from sluice_devstack.simulated.bedrock.embeddings import EMBEDDERS, Embedded
from sluice_devstack.simulated.bedrock.exceptions import invalid, refused
from sluice_devstack.simulated.bedrock.model_id import CLAUDES, EMBEDDINGS, Family, ModelId
from sluice_devstack.simulated.bedrock.operation import Operation
from sluice_devstack.simulated.bedrock.question import Guardrail, Question
from sluice_devstack.simulated.bedrock.reply import BedrockReply, Document, Headers, Streamed
from sluice_devstack.simulated.bedrock.said import OK, Said, Usage
from sluice_devstack.simulated.bedrock.speaker import Speaker, input_tokens

Body = dict[str, Any]
NOTHING = Usage(0, 0)


class Answers:
    """`answer` raises Refused for what Bedrock answers with an exception."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._speaker = Speaker(random)
        self._kinds: dict[Operation, Callable[[Operation, ModelId, Body, Guardrail | None], BedrockReply]] = {
            Operation.CONVERSE: self._converse,
            Operation.CONVERSE_STREAM: self._converse,
            Operation.INVOKE: self._invoke,
            Operation.INVOKE_STREAM: self._invoke,
            Operation.COUNT_TOKENS: self._count,
        }

    def answer(self, operation: Operation, model: ModelId, body: Body, guardrail: Guardrail | None) -> BedrockReply:
        """`guardrail` is what InvokeModel's headers name; Converse has it in its body."""
        return self._kinds[operation](operation, model, body, guardrail)

    def ok(self, operation: Operation, model: ModelId, body: Body) -> BedrockReply:
        """The small answer that faults spoil, whatever was asked."""
        if operation in (Operation.CONVERSE, Operation.CONVERSE_STREAM):
            return self._conversed(operation, model, OK)
        if operation is Operation.COUNT_TOKENS or model.family in EMBEDDINGS:
            return self.answer(operation, model, body, None)
        return self._invoked(operation, model, OK, invoke.wire(model, body), is_guarded=False)

    def _converse(self, operation: Operation, model: ModelId, body: Body, _guardrail: Guardrail | None) -> BedrockReply:
        shapes.check(operation, body)
        conversation_rules.check(body, model)
        return self._conversed(operation, model, self._speaker.say(converse_request.question(body, model)))

    def _conversed(self, operation: Operation, model: ModelId, said: Said) -> BedrockReply:
        if not operation.is_stream:
            return Document(converse.document(said, self._random), said.usage)
        tells_no_input = model.family is not Family.CLAUDE
        messages = converse.messages(said, self._random, tells_no_input=tells_no_input)
        return Streamed(tuple(messages), said.usage, self._random)

    def _invoke(self, operation: Operation, model: ModelId, body: Body, guardrail: Guardrail | None) -> BedrockReply:
        if model.family in EMBEDDINGS:
            return self._embedded(operation, EMBEDDERS[model.family](body, model))
        question = replace(invoke.asked(body, model), guardrail=guardrail)
        said = self._speaker.say(question)
        return self._invoked(operation, model, said, invoke.wire(model, body), is_guarded=guardrail is not None)

    def _invoked(
        self, operation: Operation, model: ModelId, said: Said, wire: invoke.Wire, *, is_guarded: bool
    ) -> BedrockReply:
        if operation.is_stream:
            messages = invoke.messages(said, model, wire, self._random, is_guarded)
            headers = (("x-amzn-bedrock-content-type", "application/json"),)
            return Streamed(tuple(messages), said.usage, self._random, headers)
        document = invoke.document(said, model, wire, self._random, is_guarded)
        return Document(document, said.usage, self._counted(said.usage.input_tokens, said.usage.output_tokens))

    def _embedded(self, operation: Operation, embedded: Embedded) -> BedrockReply:
        if operation.is_stream:
            raise invalid("The model is unsupported for streaming")
        usage = Usage(embedded.input_tokens, 0)
        return Document(embedded.document, usage, self._counted(embedded.input_tokens, None))

    def _counted(self, given: int, said: int | None) -> Headers:
        latency = str(self._random.randint(*converse.LATENCY_MS))
        headers = (("x-amzn-bedrock-input-token-count", str(given)), ("x-amzn-bedrock-invocation-latency", latency))
        return headers if said is None else (*headers, ("x-amzn-bedrock-output-token-count", str(said)))

    def _count(self, _operation: Operation, model: ModelId, body: Body, _guardrail: Guardrail | None) -> BedrockReply:
        shapes.check(Operation.COUNT_TOKENS, body)
        if model.family not in CLAUDES:
            raise invalid("The provided model doesn't support counting tokens.")
        return Document({"inputTokens": input_tokens(_counted_question(body["input"], model))}, NOTHING)


def _counted_question(given: Body, model: ModelId) -> Question:
    if "converse" in given:
        conversation_rules.check(given["converse"], model)
        return converse_request.question(given["converse"], model)
    return invoke.asked(parsed(b64decode(given["invokeModel"]["body"])), model)


def parsed(payload: bytes) -> Body:
    """The body; raises Refused for one that is no JSON object."""
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise refused("SerializationException", "The request body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise refused("SerializationException", "The request body must be a JSON object.")
    return body
