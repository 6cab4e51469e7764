"""The families before Converse, by InvokeModel: a prompt in each one's own body, words in each one's own answer.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sluice_devstack.simulated.bedrock.exceptions import invalid
from sluice_devstack.simulated.bedrock.model_id import Family, ModelId
from sluice_devstack.simulated.bedrock.question import Question, of_prompt
from sluice_devstack.simulated.bedrock.said import Said

Body = Mapping[str, Any]
Document = dict[str, Any]
TURN = re.compile(r"\s*(?:Human|User|Assistant|Bot):\s*|\[/?INST\]|<\|[^|>]*\|>|</?s>")
HUMAN = "\n\nHuman:"


@dataclass(frozen=True, slots=True)
class TextFamily:
    """`prompt`, `limit` and `stops` are keys, the latter two maybe inside `config`; `known` are all keys of a body."""

    prompt: str
    limit: str
    stops: str
    known: frozenset[str]
    whole: Callable[[Said], Document]
    piece: Callable[[str], Document]
    last: Callable[[Said], Document]
    config: str | None = None

    def question(self, body: Body, model: ModelId) -> Question:
        """Raises Refused for a body of another family."""
        self._check(body)
        options = body.get(self.config) or {} if self.config else body
        return of_prompt(spoken(body[self.prompt]), model, options.get(self.limit), options.get(self.stops))

    def events(self, said: Said) -> Iterator[Document]:
        yield from (self.piece(piece) for block in said.blocks for piece in getattr(block, "pieces", ()))
        yield self.last(said)

    def _check(self, body: Body) -> None:
        unknown = next((name for name in body if name not in self.known), None)
        advice = "please reformat your input and try again."
        if not isinstance(body.get(self.prompt), str):
            raise invalid(f"Malformed input request: #: required key [{self.prompt}] not found, {advice}")
        if unknown:
            raise invalid(f"Malformed input request: #: extraneous key [{unknown}] is not permitted, {advice}")


def spoken(prompt: str) -> str:
    """The last words that are not a mark of whose turn it is."""
    turns = [text.strip() for text in TURN.split(prompt)]
    return next((text for text in reversed(turns) if text), "")


def _reason(said: Said, names: Mapping[str, str], otherwise: str) -> str:
    return names.get(said.stop_reason, otherwise)


def _claude_stop(said: Said) -> Document:
    is_cut = said.stop_reason == "max_tokens"
    stop = None if is_cut else said.stop_sequence or HUMAN
    return {"stop_reason": "max_tokens" if is_cut else "stop_sequence", "stop": stop}


def _titan_reason(said: Said) -> str:
    return _reason(said, {"max_tokens": "LENGTH", "guardrail_intervened": "CONTENT_FILTERED"}, "FINISH")


def _titan_last(said: Said) -> Document:
    counted = {"totalOutputTextTokenCount": said.usage.output_tokens, "inputTextTokenCount": said.usage.input_tokens}
    return {"outputText": "", "index": 0, "completionReason": _titan_reason(said), **counted}


def _titan_whole(said: Said) -> Document:
    result = {"tokenCount": said.usage.output_tokens, "outputText": said.text, "completionReason": _titan_reason(said)}
    return {"inputTextTokenCount": said.usage.input_tokens, "results": [result]}


def _length_or_stop(said: Said) -> str:
    return _reason(said, {"max_tokens": "length"}, "stop")


def _llama(said: Said, text: str, reason: str | None) -> Document:
    counted = {"prompt_token_count": said.usage.input_tokens, "generation_token_count": said.usage.output_tokens}
    return {"generation": text, **counted, "stop_reason": reason}


def _cohere_reason(said: Said) -> str:
    return _reason(said, {"max_tokens": "MAX_TOKENS"}, "COMPLETE")


COHERE_KEYS = frozenset(
    (
        *("prompt", "temperature", "p", "k", "max_tokens", "stop_sequences", "return_likelihoods", "stream"),
        *("num_generations", "logit_bias", "truncate"),
    )
)
TEXT_FAMILIES = {
    Family.CLAUDE_TEXT: TextFamily(
        prompt="prompt",
        limit="max_tokens_to_sample",
        stops="stop_sequences",
        known=frozenset(
            ("prompt", "max_tokens_to_sample", "stop_sequences", "temperature", "top_p", "top_k", "anthropic_version")
        ),
        whole=lambda said: {"type": "completion", "completion": f" {said.text}", **_claude_stop(said)},
        piece=lambda piece: {"type": "completion", "completion": piece, "stop_reason": None, "stop": None},
        last=lambda said: {"type": "completion", "completion": "", **_claude_stop(said)},
    ),
    Family.TITAN: TextFamily(
        prompt="inputText",
        limit="maxTokenCount",
        stops="stopSequences",
        config="textGenerationConfig",
        known=frozenset(("inputText", "textGenerationConfig")),
        whole=_titan_whole,
        piece=lambda piece: {"outputText": piece, "index": 0, "completionReason": None},
        last=_titan_last,
    ),
    Family.LLAMA: TextFamily(
        prompt="prompt",
        limit="max_gen_len",
        stops="stop",
        known=frozenset(("prompt", "temperature", "top_p", "max_gen_len", "images")),
        whole=lambda said: _llama(said, said.text, _length_or_stop(said)),
        piece=lambda piece: {"generation": piece, "generation_token_count": 1, "stop_reason": None},
        last=lambda said: _llama(said, "", _length_or_stop(said)),
    ),
    Family.MISTRAL: TextFamily(
        prompt="prompt",
        limit="max_tokens",
        stops="stop",
        known=frozenset(("prompt", "max_tokens", "stop", "temperature", "top_p", "top_k")),
        whole=lambda said: {"outputs": [{"text": said.text, "stop_reason": _length_or_stop(said)}]},
        piece=lambda piece: {"outputs": [{"text": piece, "stop_reason": None}]},
        last=lambda said: {"outputs": [{"text": "", "stop_reason": _length_or_stop(said)}]},
    ),
    Family.COHERE: TextFamily(
        prompt="prompt",
        limit="max_tokens",
        stops="stop_sequences",
        known=COHERE_KEYS,
        whole=lambda said: {
            "id": "simulated",
            "prompt": "",
            "generations": [{"id": "simulated", "text": said.text, "finish_reason": _cohere_reason(said)}],
        },
        piece=lambda piece: {"text": piece, "is_finished": False},
        last=lambda said: {"text": "", "is_finished": True, "finish_reason": _cohere_reason(said)},
    ),
}
