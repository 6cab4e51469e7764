"""Where Azure OpenAI has its operations: deployment and api-version in the URL, or neither under `/openai/v1/`.

https://learn.microsoft.com/azure/ai-services/openai/reference,
https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle
"""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from sluice_devstack.simulated.azure import refusals
from sluice_devstack.simulated.refusal import Refused

CLASSIC = re.compile(r"/openai/deployments/([^/]+)/(.+)")
V1 = re.compile(r"/openai/v1/(.+)")
STABLE = frozenset({"2022-12-01", "2023-05-15", "2024-02-01", "2024-06-01", "2024-10-21"})
PREVIEW = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}-preview")
OF_V1 = frozenset({None, "v1", "preview", "latest"})
ONLY_V1 = frozenset({"responses"})
OLDER_THAN, NEWER_FIELDS = "2024-09-01", ("stream_options", "max_completion_tokens")


@dataclass(frozen=True, slots=True)
class Address:
    """An operation, and for classic URLs the deployment and the version that is asked for."""

    operation: str
    deployment: str | None = None
    api_version: str | None = None

    @property
    def unknown_fields(self) -> tuple[str, ...]:
        """Those of the request that the version does not know."""
        is_older = self.deployment is not None and self.api_version is not None and self.api_version < OLDER_THAN
        return NEWER_FIELDS if is_older else ()


def address(target: str) -> Address:
    """Raises Refused for what is none, and for a version that there is not."""
    parts = urlsplit(target)
    version = next(iter(parse_qs(parts.query).get("api-version", [])), None)
    if found := V1.fullmatch(parts.path):
        return _with_version(Address(found[1], None, version), version in OF_V1)
    found = CLASSIC.fullmatch(parts.path)
    if found is None or version is None or found[2] in ONLY_V1:
        raise Refused(refusals.NOT_FOUND)
    return _with_version(Address(found[2], unquote(found[1]), version), _is_version(version))


def _with_version(found: Address, is_known: bool) -> Address:
    if not is_known:
        raise Refused(refusals.UNKNOWN_VERSION)
    return found


def _is_version(text: str) -> bool:
    return text in STABLE or PREVIEW.fullmatch(text) is not None
