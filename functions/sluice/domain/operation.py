"""What a model can be asked for: one row per endpoint that is served, of OpenAI, Anthropic and the Bedrock runtime.

`name` is OpenTelemetry's gen_ai.operation.name where it has one. Where `is_priced` is False the provider charges by
something that tokens of text do not tell (seconds of audio, images): usage is recorded, the cost is unknown.
https://platform.openai.com/docs/api-reference, https://platform.claude.com/docs/en/api/messages,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html
"""

from typing import NamedTuple


class Operation(NamedTuple):
    """One operation. `path` stands behind a provider's base URL, `dialect` says how its stream is to be read.

    `read` are the fields of the request that the model reads, `limits` those that limit its answer in tokens, where a
    dot goes one object deeper. `is_streamed` says so where the path does and not the body. `has_choices`: `n` answers
    may be asked for. `is_free`: the provider charges nothing for it.
    """

    path: str
    name: str
    dialect: str
    read: tuple[str, ...]
    limits: tuple[str, ...] = ()
    takes_usage_option: bool = False
    has_output_tokens: bool = True
    is_priced: bool = True
    is_streamed: bool | None = None
    has_choices: bool = True
    is_free: bool = False


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
MESSAGES = Operation(
    path="messages",
    name="chat",
    dialect="messages",
    read=("system", "messages", "tools"),
    limits=("max_tokens",),
    has_choices=False,
)
COUNT_MESSAGES = MESSAGES._replace(
    path="messages/count_tokens",
    name="count_tokens",
    dialect="count",
    limits=(),
    has_output_tokens=False,
    is_free=True,
    is_streamed=False,
)
CONVERSE = Operation(
    path="converse",
    name="chat",
    dialect="converse",
    read=("system", "messages", "toolConfig"),
    limits=("inferenceConfig.maxTokens",),
    is_streamed=False,
    has_choices=False,
)
CONVERSE_STREAM = CONVERSE._replace(path="converse-stream", is_streamed=True)
INVOKE = Operation(
    path="invoke",
    name="generate_content",
    dialect="invoke",
    read=("system", "messages", "tools", "prompt", "inputText", "texts", "singleEmbeddingParams"),
    limits=(
        "max_tokens",
        "max_completion_tokens",
        "max_tokens_to_sample",
        "max_gen_len",
        "textGenerationConfig.maxTokenCount",
        "inferenceConfig.maxTokens",
        "inferenceConfig.max_new_tokens",
    ),
    is_streamed=False,
    has_choices=False,
)
INVOKE_STREAM = INVOKE._replace(path="invoke-with-response-stream", is_streamed=True)
COUNT_TOKENS = COUNT_MESSAGES._replace(path="count-tokens", read=("input",))
PROMPT = Operation(path="prompt", name="chat", dialect="text", read=("prompt",), has_choices=False)

BEDROCK_OPERATIONS = {one.path: one for one in (CONVERSE, CONVERSE_STREAM, INVOKE, INVOKE_STREAM, COUNT_TOKENS)}
OPERATIONS = {one.path: one for one in (CHAT, RESPONSES, COMPLETIONS, EMBEDDINGS, IMAGES, SPEECH)}
