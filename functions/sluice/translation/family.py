"""What one family of models on Bedrock takes, and how it wants to be asked.

A family says what a request may hold; the requests' translators read it and branch on nothing else.
https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html
"""

from dataclasses import dataclass
from enum import StrEnum

ALL_CHOICES = frozenset({"auto", "any", "tool"})
ANYTHING = frozenset({"text", "image", "document", "audio"})
NOTHING: frozenset[str] = frozenset()


class Reasoning(StrEnum):
    """What `reasoning_effort` becomes in additionalModelRequestFields."""

    NONE = "none"
    BUDGET = "budget"  # thinking.budget_tokens
    ADAPTIVE = "adaptive"  # thinking.type adaptive and output_config.effort
    EFFORT = "reasoning_effort"  # the same word
    EFFORT_OBJECT = "reasoning.effort"
    NOVA = "reasoningConfig"
    WORD = "reasoning_config"
    ALWAYS = "always"  # thinks without being asked, and cannot be told how much


class JsonSchema(StrEnum):
    """How an answer is held to a JSON schema."""

    NATIVE = "native"  # outputConfig.textFormat
    THINKING = "native if reasoning"  # else by tool
    TOOL = "tool"  # one forced tool, turned back into content
    NONE = "none"


class TopK(StrEnum):
    FLAT = "top_k"
    NOVA = "inferenceConfig.topK"
    NONE = "none"


class Sampling(StrEnum):
    """Which of `temperature` and `top_p` a model takes."""

    BOTH = "both"
    EITHER = "one of them"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Family:
    """What one family takes. The defaults are those of a model that nothing is known of.

    What Converse itself defines is sent then, and Bedrock judges; what each model names in its own way is not.
    """

    name: str
    is_claude: bool = False
    speaks_messages: bool = False  # InvokeModel takes an Anthropic Messages body
    takes_system: bool = True
    takes_tools: bool = True
    choices: frozenset[str] = ALL_CHOICES
    splits_calls: bool = False  # can be told to call one tool at a time
    takes_images: bool = True
    takes_result_images: bool = True
    takes_s3: bool = True
    takes_documents: bool = True
    takes_audio: bool = True
    json_schema: JsonSchema = JsonSchema.TOOL
    reasoning: Reasoning = Reasoning.NONE
    efforts: tuple[str, ...] = ()
    cache_points: frozenset[str] = NOTHING  # of system, messages, tools
    caches_an_hour: bool = False
    takes_stop: bool = True
    top_k: TopK = TopK.NONE
    sampling: Sampling = Sampling.BOTH
    least_tokens: int = 1
    may_start: bool = False  # an assistant's turn may be the first
    may_prefill: bool = True  # an assistant's turn may be the last
    refuses_beside_results: frozenset[str] = NOTHING  # kinds of blocks that may not share a turn with tool results
    has_short_tool_ids: bool = False  # nine letters and digits
    wants_json_results: bool = False

    @property
    def has_strict_tools(self) -> bool:
        return self.json_schema in (JsonSchema.NATIVE, JsonSchema.THINKING)
