"""What a model can be asked for: one row per endpoint of the OpenAI API that is served.

`name` is OpenTelemetry's gen_ai.operation.name where it has one. Where `is_priced` is False the provider charges by
something that tokens of text do not tell (seconds of audio, images): usage is recorded, the cost is unknown.
https://platform.openai.com/docs/api-reference
"""

from typing import NamedTuple


class Operation(NamedTuple):
    """One operation. `path` stands behind a provider's base URL, `dialect` says how its stream is to be read.

    `read` are the fields of the request that the model reads, `limits` those that limit its answer in tokens.
    """

    path: str
    name: str
    dialect: str
    read: tuple[str, ...]
    limits: tuple[str, ...] = ()
    takes_usage_option: bool = False
    has_output_tokens: bool = True
    is_priced: bool = True


CHAT = Operation(
    path="chat/completions",
    name="chat",
    dialect="chat",
    read=("messages", "tools", "functions", "response_format"),
    limits=("max_completion_tokens", "max_tokens"),
    takes_usage_option=True,
)
RESPONSES = Operation(
    path="responses",
    name="chat",
    dialect="responses",
    read=("input", "instructions", "tools", "text"),
    limits=("max_output_tokens",),
)
COMPLETIONS = Operation(
    path="completions",
    name="text_completion",
    dialect="chat",
    read=("prompt", "suffix"),
    limits=("max_tokens",),
    takes_usage_option=True,
)
EMBEDDINGS = Operation(path="embeddings", name="embeddings", dialect="chat", read=("input",), has_output_tokens=False)
IMAGES = Operation(
    path="images/generations", name="image_generation", dialect="image", read=("prompt",), is_priced=False
)
SPEECH = Operation(
    path="audio/speech", name="speech", dialect="speech", read=("input", "instructions"), is_priced=False
)

OPERATIONS = {one.path: one for one in (CHAT, RESPONSES, COMPLETIONS, EMBEDDINGS, IMAGES, SPEECH)}
