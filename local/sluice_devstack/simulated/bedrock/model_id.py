"""A model's id as Bedrock reads it: a foundation model, one behind a region prefix, or an ARN; its family and its pace.

https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

from sluice_devstack.simulated import catalogue
from sluice_devstack.simulated.bedrock.exceptions import INVALID_MODEL, invalid

REGIONS = "us-gov|us|eu|apac|global|jp|au|ca|in"
PROVIDERS = (
    "ai21|amazon|anthropic|cohere|deepseek|google|luma|meta|minimax|mistral|moonshot|moonshotai|nvidia|openai|qwen|"
    "stability|twelvelabs|writer|xai|zai|replay"
)
NAME = re.compile(rf"(?:(?:{REGIONS})\.)?(?P<base>(?:{PROVIDERS})\.[\w.:-]+)")
ARN = re.compile(r"arn:aws[\w-]*:bedrock:[\w-]*:\d*:[\w-]+/(?P<name>[\w.:/-]+)")
BEHIND_A_PROFILE = "anthropic.claude-behind-a-profile"


class Family(Enum):
    """Which bodies a model takes by InvokeModel, and how it behaves by Converse."""

    CLAUDE = auto()
    CLAUDE_TEXT = auto()
    NOVA = auto()
    TITAN = auto()
    LLAMA = auto()
    MISTRAL = auto()
    COHERE = auto()
    OPENAI = auto()
    TITAN_EMBEDDINGS = auto()
    COHERE_EMBEDDINGS = auto()
    NOVA_EMBEDDINGS = auto()
    OTHER = auto()


FAMILIES = {
    re.compile(r"anthropic\.claude-(?:v\d|instant)"): Family.CLAUDE_TEXT,
    re.compile(r"anthropic\."): Family.CLAUDE,
    re.compile(r"amazon\.nova-[\w-]*embed"): Family.NOVA_EMBEDDINGS,
    re.compile(r"amazon\.nova"): Family.NOVA,
    re.compile(r"amazon\.titan-embed"): Family.TITAN_EMBEDDINGS,
    re.compile(r"amazon\.titan"): Family.TITAN,
    re.compile(r"cohere\.embed"): Family.COHERE_EMBEDDINGS,
    re.compile(r"cohere\."): Family.COHERE,
    re.compile(r"meta\.llama"): Family.LLAMA,
    re.compile(r"mistral\."): Family.MISTRAL,
    re.compile(r"openai\."): Family.OPENAI,
}
EMBEDDINGS = (Family.TITAN_EMBEDDINGS, Family.COHERE_EMBEDDINGS, Family.NOVA_EMBEDDINGS)
CLAUDES = (Family.CLAUDE, Family.CLAUDE_TEXT)


@dataclass(frozen=True, slots=True)
class ModelId:
    """`base` is the id without the region prefix; of an ARN the name at its end."""

    asked: str
    base: str
    family: Family

    @property
    def pace(self) -> float | None:
        return catalogue.PACES.get(catalogue.pace_suffix(self.asked), 1.0)


def model_id(text: str) -> ModelId:
    """Raises Refused for what is no model's id; an ARN that does not say which model it is stands for a Claude."""
    arn = ARN.fullmatch(text)
    name = NAME.fullmatch(arn["name"] if arn else text)
    if name is None and arn is None:
        raise invalid(INVALID_MODEL)
    base = name["base"] if name else BEHIND_A_PROFILE
    return ModelId(text, base, next((family for known, family in FAMILIES.items() if known.match(base)), Family.OTHER))
