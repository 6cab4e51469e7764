"""One prompt as the body of InvokeModel: each family of models has its own.

The rows of FAMILIES are tried in order against the model's id, which may be one of a foundation model, of an inference
profile, or an ARN that ends in either. Models that complete text get the prompt in the words they were trained to
answer; without them they go on writing the question.
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from sluice.domain.errors import UnsupportedParameter

HUMAN = "\n\nHuman:"
ANSWER_TOKENS = 1000
TITAN_TOKENS = 4096
TITAN_PREMIER_TOKENS = 3072
LLAMA_2 = "[INST] {} [/INST]"
LLAMA_3 = (
    "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n"
)
LLAMA_4 = "<|begin_of_text|><|header_start|>user<|header_end|>\n\n{}<|eot|><|header_start|>assistant<|header_end|>\n\n"
MISTRAL = "<s>[INST] {} [/INST]"

Body = dict[str, Any]


class Family(NamedTuple):
    """A family by the ids it is known by, and what makes its body of a prompt."""

    name: str
    ids: re.Pattern[str]
    body: Callable[[str], Body]


def request(prompt: str, model: str) -> Body:
    """The body that asks `model` for an answer to the prompt. Raises UnsupportedParameter."""
    for family in FAMILIES:
        if family.ids.search(model):
            return family.body(prompt)
    names = ", ".join(dict.fromkeys(family.name for family in FAMILIES))
    message = f"a quick prompt does not know the family of '{model}'; it knows {names}"
    raise UnsupportedParameter(message, param="model")


def _completion(prompt: str) -> Body:
    """The blank line before `Human:` matters: without it the API refuses the prompt."""
    return {
        "prompt": f"{HUMAN} {prompt}\n\nAssistant:",
        "max_tokens_to_sample": 500,
        "temperature": 0.5,
        "stop_sequences": [HUMAN],
    }


def _messages(prompt: str) -> Body:
    return {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": ANSWER_TOKENS,
        "messages": [{"role": "user", "content": [{"type": "text", "text": prompt}]}],
    }


def _titan(max_tokens: int) -> Callable[[str], Body]:
    config = {"maxTokenCount": max_tokens, "stopSequences": [], "temperature": 0, "topP": 1}
    return lambda prompt: {"inputText": prompt, "textGenerationConfig": {**config, "stopSequences": []}}


def _nova(prompt: str) -> Body:
    return {
        "messages": [{"role": "user", "content": [{"text": prompt}]}],
        "inferenceConfig": {"maxTokens": ANSWER_TOKENS},
    }


def _prompted(limit: str, template: str = "{}") -> Callable[[str], Body]:
    """A body of a prompt, and its limit by the family's own name."""
    before, after = template.split("{}")
    return lambda prompt: {"prompt": f"{before}{prompt}{after}", limit: ANSWER_TOKENS}


def _mistral_chat(prompt: str) -> Body:
    return {"messages": [{"role": "user", "content": prompt}], "max_tokens": ANSWER_TOKENS}


def _cohere_chat(prompt: str) -> Body:
    return {"message": prompt, "max_tokens": ANSWER_TOKENS}


def _ids(pattern: str) -> re.Pattern[str]:
    """Ids begin with the maker's name, behind a region's prefix or the path of an ARN."""
    return re.compile(rf"(?:^|[./]){pattern}")


MISTRAL_TEXT = r"mistral\.(mistral-7b|mixtral|mistral-(small|large)-2402)"
FAMILIES = (
    Family("Claude text completion", _ids(r"anthropic\.claude-(v\d|instant)"), _completion),
    Family("Claude messages", _ids(r"anthropic\.claude"), _messages),
    Family("Titan", _ids(r"amazon\.titan-text-premier"), _titan(TITAN_PREMIER_TOKENS)),
    Family("Titan", _ids(r"amazon\.titan-(text|tg1)"), _titan(TITAN_TOKENS)),
    Family("Nova", _ids(r"amazon\.nova-(?!canvas|reel|.*(sonic|embed))"), _nova),
    Family("Llama", _ids(r"meta\.llama2"), _prompted("max_gen_len", LLAMA_2)),
    Family("Llama", _ids(r"meta\.llama3"), _prompted("max_gen_len", LLAMA_3)),
    Family("Llama", _ids(r"meta\.llama"), _prompted("max_gen_len", LLAMA_4)),
    Family("Mistral", _ids(MISTRAL_TEXT), _prompted("max_tokens", MISTRAL)),
    Family("Mistral", _ids(r"mistral\."), _mistral_chat),
    Family("Cohere", _ids(r"cohere\.command-(text|light)"), _prompted("max_tokens")),
    Family("Cohere", _ids(r"cohere\.command"), _cohere_chat),
)
