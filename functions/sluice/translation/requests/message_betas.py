"""The beta features that a caller of Messages asks for, of which Bedrock refuses some with the whole request.

Bedrock answers 400 "invalid beta flag", so those that it is known to refuse are left out; others go to it as they are.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sluice.domain.errors import InvalidRequest
from sluice.translation.requests import message_value

HEADER, FIELD = "anthropic-beta", "anthropic_beta"
SENT_ALONE = "https://github.com/router-for-me/CLIProxyAPI/issues/4750"  # 2026-08-03: each flag sent alone
# What Bedrock was seen to refuse, or is left out by AWS's own samples, and where that is told.
REFUSED = {
    "oauth-2025-04-20": SENT_ALONE,
    "prompt-caching-scope-2026-01-05": SENT_ALONE,
    "fast-mode-2026-02-01": SENT_ALONE,
    "redact-thinking-2026-02-12": SENT_ALONE,
    "token-efficient-tools-2026-03-28": SENT_ALONE,
    "advanced-tool-use-2025-11-20": "https://github.com/anthropics/claude-code/issues/30926",  # 2026-03-05
    "mcp-servers-2025-12-04": "https://github.com/BerriAI/litellm/pull/19877",  # 2026-01-27
    "files-api-2025-04-14": "https://github.com/aws-samples/sample-connector-for-bedrock/pull/123",  # 2026-05-05
    "advisor-tool-2026-03-01": "https://github.com/aws-samples/sample-connector-for-bedrock/pull/123",  # 2026-05-05
}
DEFERRED = "defer_loading"
TOOL_SEARCH = "tool-search-tool-"  # Bedrock's name for the feature that defers tools


def asked(headers: Mapping[str, str], body: Mapping[str, Any]) -> list[str]:
    """Of the header and the body, each once. Raises InvalidRequest for an anthropic_beta that is no list of names."""
    return list(dict.fromkeys([*_of_headers(headers), *_of_body(body.get(FIELD))]))


def taken(betas: Iterable[str]) -> list[str]:
    return [beta for beta in betas if beta not in REFUSED]


def without_deferral(tools: Any, betas: Iterable[str]) -> Any:
    """The tools, all of them offered at once where no beta lets Bedrock take `defer_loading` (400: Extra inputs).

    https://github.com/anthropics/claude-code/issues/82549 (2026-07-30)
    """
    if not isinstance(tools, list) or any(beta.startswith(TOOL_SEARCH) for beta in betas):
        return tools
    return [_offered_at_once(tool) for tool in tools]


def _offered_at_once(tool: Any) -> Any:
    if not isinstance(tool, Mapping) or DEFERRED not in tool:
        return tool
    return {name: value for name, value in tool.items() if name != DEFERRED}


def _of_headers(headers: Mapping[str, str]) -> list[str]:
    listed = ",".join(value for name, value in headers.items() if name.lower() == HEADER)
    return [beta.strip() for beta in listed.split(",") if beta.strip()]


def _of_body(given: Any) -> list[str]:
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(beta, str) for beta in given):
        raise InvalidRequest(f"{FIELD} must be a list of strings", param=FIELD)
    return [message_value.name(beta, FIELD) for beta in given]
