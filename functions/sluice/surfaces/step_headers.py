"""What a step of the universal endpoint says of itself: its headers, its config, and a key of its sender's."""

from collections.abc import Iterable, Mapping
from typing import Any

from sluice.domain.errors import InvalidRequest
from sluice.surfaces import anthropic, bedrock, cache_headers, call_headers, cf_headers
from sluice.surfaces.fields import Field, check, is_whole

AUTHORIZATION = "authorization"
KEYS = (AUTHORIZATION, "x-api-key", "api-key", "x-goog-api-key")  # where APIs look for a key
SIGNED = "AWS4-"  # a signature of AWS's, which is no key
MILLISECONDS = Field("milliseconds from 1 to 900000", is_whole(1, call_headers.MOST_MILLISECONDS))
DELAY = Field("milliseconds from 0 to 5000", is_whole(0, call_headers.MOST_DELAY_MILLISECONDS))
ATTEMPTS = Field("a whole number from 1 to 5", is_whole(1, call_headers.MOST_ATTEMPTS))
BACKOFF = Field("constant, linear or exponential", ("constant", "linear", "exponential").__contains__)
CONFIG = {
    "requestTimeout": ("x-sluice-timeout-ms", MILLISECONDS),
    "maxAttempts": ("x-sluice-max-attempts", ATTEMPTS),
    "retryDelay": ("x-sluice-retry-delay-ms", DELAY),
    "backoff": ("x-sluice-backoff", BACKOFF),
}
HEEDED = {
    *call_headers.TIMEOUTS,
    *call_headers.RETRIES,
    *cache_headers.NAMES,
    *anthropic.HEADERS,
    *bedrock.HEADERS,
    *KEYS,
    call_headers.PROVIDER_KEY,
    call_headers.ROUTE,
    cf_headers.DROPPED,
    "content-type",
}


def own(item: Mapping[str, Any]) -> dict[str, str]:
    """The headers of a step. Raises InvalidRequest for what could not have come over HTTP."""
    found = {name.lower(): value for name, value in (item.get("headers") or {}).items()}
    for value in found.values():
        if not isinstance(value, str):
            raise InvalidRequest("headers is wrong; want an object of texts", param="headers")
    call_headers.check(found)
    cache_headers.status(cf_headers.canonical(found))
    return found


def config(item: Mapping[str, Any]) -> dict[str, str]:
    """Our headers that say the same as a step's config."""
    said = item.get("config") or {}
    for name, (_, field) in CONFIG.items():
        check(f"config.{name}", field, said.get(name))
    return {header: str(said[name]) for name, (header, _) in CONFIG.items() if said.get(name) is not None}


def key(item: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
    """A provider key of the sender's own, as it stands there; None for a signature, and where there is none."""
    named = (item.get(AUTHORIZATION), *(headers.get(name) for name in KEYS))
    text = next((one for one in named if one), None)
    return None if text is None or text.startswith(SIGNED) else text


def unheeded(item: Mapping[str, Any], headers: Mapping[str, str], known: Iterable[str]) -> tuple[str, ...]:
    """The names of all that changes nothing; `body` for one that no header may hold. `known` are a step's own names."""
    of_headers = [name for name in headers if _name(name) not in HEEDED]
    others = [*(item.keys() - set(known)), *((item.get("config") or {}).keys() - CONFIG.keys())]
    return tuple(name if _is_sayable(name) else "body" for name in sorted([*of_headers, *others]))


def _is_sayable(name: str) -> bool:
    return cf_headers.TOKEN.fullmatch(name.lower()) is not None


def _name(header: str) -> str:
    alias = cf_headers.ALIASES.get(header)
    return (alias.name or header) if alias else header
