"""Known providers that speak OpenAI's dialect, each a row of data.

A row says where the provider is, whether it wants a key (all take it as `Authorization: Bearer`), whose prices it has
and how it departs from OpenAI, with the page that says so. Where no page does, the row leaves calls as they are.
A field is dropped only where the answer is the same without it; one that means something is sent, and refused by the
provider in its own words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sluice.domain.operation import CHAT, COMPLETIONS, EMBEDDINGS, IMAGES, RESPONSES, SPEECH, Operation


@dataclass(frozen=True, slots=True)
class Quirks:
    """How a provider departs from OpenAI's API.

    `usage`: it takes `stream_options.include_usage`. `strict_done`: its streams of chat chunks always end in [DONE], so
    that one without was cut. `renames` and `drops` name top-level fields of requests; one that has the new name already
    keeps its value. `operations` are the paths of those it serves, None for all.
    """

    usage: bool = True
    strict_done: bool = False
    renames: Mapping[str, str] = field(default_factory=dict)
    drops: frozenset[str] = frozenset()
    operations: frozenset[str] | None = None


class Preset(NamedTuple):
    """What a `compatible` provider is unless its configuration says otherwise."""

    base_url: str | None = None
    needs_secret: bool = False
    price_family: str | None = None
    quirks: Quirks = Quirks()


def _paths(*operations: Operation) -> frozenset[str]:
    return frozenset(operation.path for operation in operations)


# A limit under a name that a provider does not know is not refused but ignored: the answer would have no end.
OLDER_LIMIT = {"max_completion_tokens": "max_tokens"}

PRESETS = {
    # https://ai.google.dev/gemini-api/docs/openai, fields: https://ai.google.dev/api/compatibility. An unknown field is
    # a 400 ("Unknown name"), prompt_cache_key among them: https://github.com/leookun/cursor-byok/issues/112. No page
    # promises [DONE]. Every chunk has the usage so far, thinking in its total only: https://discuss.ai.google.dev/t/127400.
    "gemini": Preset(
        "https://generativelanguage.googleapis.com/v1beta/openai",
        needs_secret=True,
        price_family="gemini",
        quirks=Quirks(drops=frozenset({"prompt_cache_key"}), operations=_paths(CHAT, EMBEDDINGS, IMAGES)),
    ),
    # https://console.groq.com/docs/openai, https://console.groq.com/docs/responses-api and the fields and paths of its
    # Python client, made from its OpenAPI: https://github.com/groq/groq-python. An unknown field is a 400,
    # prompt_cache_key among them: https://github.com/eigent-ai/eigent/issues/1827. Caching there needs no key.
    "groq": Preset(
        "https://api.groq.com/openai/v1",
        needs_secret=True,
        price_family="groq",
        quirks=Quirks(
            strict_done=True,
            drops=frozenset({"prompt_cache_key"}),
            operations=_paths(CHAT, RESPONSES, EMBEDDINGS, SPEECH),
        ),
    ),
    # https://docs.mistral.ai/api and the fields and paths of https://github.com/mistralai/client-python. An unknown
    # field is a 422 ("extra_forbidden"): include_usage, which every stream reports without being asked
    # (https://github.com/dnakov/anon-kode/issues/53), and user (https://www.librechat.ai/docs/configuration/
    # librechat_yaml/object_structure/custom_endpoint). Its speech has a dialect of its own.
    "mistral": Preset(
        "https://api.mistral.ai/v1",
        needs_secret=True,
        price_family="mistral",
        quirks=Quirks(
            usage=False,
            strict_done=True,
            renames={**OLDER_LIMIT, "seed": "random_seed", "dimensions": "output_dimension"},
            drops=frozenset({"stream_options", "user"}),
            operations=_paths(CHAT, EMBEDDINGS),
        ),
    ),
    # https://docs.x.ai/docs/api-reference. Completions are called legacy there; embeddings are served, though no model
    # is public. No page promises [DONE]. Reasoning is not in completion_tokens; the codec sees it by the total.
    "xai": Preset(
        "https://api.x.ai/v1",
        needs_secret=True,
        price_family="xai",
        quirks=Quirks(operations=_paths(CHAT, RESPONSES, COMPLETIONS, EMBEDDINGS, IMAGES)),
    ),
    # https://api-docs.deepseek.com/api/create-chat-completion. max_completion_tokens is ignored:
    # https://github.com/earendil-works/pi/issues/8018. Completions are at another address (/beta).
    "deepseek": Preset(
        "https://api.deepseek.com",
        needs_secret=True,
        price_family="deepseek",
        quirks=Quirks(strict_done=True, renames=OLDER_LIMIT, operations=_paths(CHAT)),
    ),
    # https://openrouter.ai/docs/api-reference/overview and https://github.com/OpenRouterTeam/python-sdk: usage is
    # reported whether asked for or not; images have another path. That it still serves completions is not verified.
    # What a call costs depends on who serves it, so no family.
    "openrouter": Preset(
        "https://openrouter.ai/api/v1",
        needs_secret=True,
        quirks=Quirks(operations=_paths(CHAT, RESPONSES, COMPLETIONS, EMBEDDINGS, SPEECH)),
    ),
    # https://docs.together.ai/docs/inference/openai-compatibility and the fields of
    # https://github.com/togethercomputer/together-py, which know max_tokens only. That stream_options is taken is not
    # on a page; clients that always send it (https://github.com/earendil-works/pi) are not refused.
    "together": Preset(
        "https://api.together.ai/v1",
        needs_secret=True,
        price_family="together",
        quirks=Quirks(
            strict_done=True,
            renames=OLDER_LIMIT,
            operations=_paths(CHAT, COMPLETIONS, EMBEDDINGS, IMAGES, SPEECH),
        ),
    ),
    # https://docs.ollama.com/api/openai-compatibility; [DONE] and the ignored max_completion_tokens:
    # https://github.com/ollama/ollama/blob/main/middleware/openai.go and openai/openai.go. Takes no key.
    "ollama": Preset(
        "http://127.0.0.1:11434/v1",
        quirks=Quirks(
            strict_done=True,
            renames=OLDER_LIMIT,
            operations=_paths(CHAT, RESPONSES, COMPLETIONS, EMBEDDINGS, IMAGES),
        ),
    ),
}
