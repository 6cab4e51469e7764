"""What LiteLLM's calculator says of usage records: JSON lines in, its version and JSON lines out. Runs in .venv-prove, not in ours.

Its sums are binary fractions of dollars, so they are written as text, for the reader to round to what they mean.
"""

import contextlib
import importlib
import json
import sys
from importlib.metadata import version
from typing import Any

litellm: Any = importlib.import_module("litellm")
types: Any = importlib.import_module("litellm.types.utils")
unknown: type[Exception] = importlib.import_module("litellm.exceptions").ModelNotMappedError
TEXT_COMPLETIONS = "text-completion-openai"  # where LiteLLM has OpenAI's legacy models
FAMILIES = {"openai": ("openai", TEXT_COMPLETIONS), "azure": ("azure", "azure_text")}


def usage(tokens: dict[str, int]) -> Any:
    """As LiteLLM makes it of an answer: cached tokens are part of the prompt's."""
    short, long, read = tokens["cache_write_5m"], tokens["cache_write_1h"], tokens["cache_read"]
    prompt = tokens["input"] + read + short + long
    written = types.CacheCreationTokenDetails(ephemeral_5m_input_tokens=short, ephemeral_1h_input_tokens=long)
    return types.Usage(
        prompt_tokens=prompt,
        completion_tokens=tokens["output"],
        total_tokens=prompt + tokens["output"],
        prompt_tokens_details=types.PromptTokensDetailsWrapper(
            cached_tokens=read, cache_creation_tokens=short + long, cache_creation_token_details=written
        ),
        completion_tokens_details=types.CompletionTokensDetailsWrapper(reasoning_tokens=tokens["reasoning"]),
        cache_creation_input_tokens=short + long,
        cache_read_input_tokens=read,
    )


def cost(record: dict[str, Any]) -> str | None:
    """Dollars as text; None where it has no price, which it also says by zero."""
    for provider in FAMILIES.get(record["family"], (record["family"],)):
        with contextlib.suppress(unknown), contextlib.redirect_stdout(sys.stderr):
            parts = litellm.cost_per_token(
                model=record["model"],
                custom_llm_provider=provider,
                usage_object=usage(record["usage"]),
                service_tier=record["tier"] or None,
            )
            if sum(parts):
                return repr(sum(parts))
    return None


print(json.dumps(version("litellm")))
for line in sys.stdin:
    print(json.dumps(cost(json.loads(line))))
