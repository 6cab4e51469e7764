"""What a caller may say about the cache, in headers. Nothing is cached yet: it is checked, and answered with BYPASS."""

import re
from collections.abc import Mapping

from sluice.domain.errors import InvalidRequest
from sluice.surfaces.cf_headers import MONTH_SECONDS

CACHE, TTL, KEY, SCOPE = "x-sluice-cache", "x-sluice-cache-ttl", "x-sluice-cache-key", "x-sluice-cache-scope"
NAMES = (CACHE, TTL, KEY, SCOPE)
STATUS = "x-sluice-cache-status"
BYPASS = "BYPASS"
ONLY = "only"
LEAST_SECONDS = 60
MODES = ("on", "off", "refresh", ONLY)
CHECKS = {
    CACHE: ("on, off, refresh or only", re.compile("|".join(MODES))),
    TTL: (f"seconds from {LEAST_SECONDS} to {MONTH_SECONDS}, or 0", re.compile("[0-9]{1,9}")),
    KEY: ("1 to 256 characters of printable ASCII", re.compile("[ -~]{1,256}")),
    SCOPE: ("principal, shared or a tag of letters, digits, _ and -", re.compile("[A-Za-z0-9_-]{1,64}")),
}


def status(headers: Mapping[str, str]) -> dict[str, str]:
    """The header that says what the cache did, where anything was said about it. Raises InvalidRequest."""
    for name, (wants, pattern) in CHECKS.items():
        if name in headers and not pattern.fullmatch(headers[name]):
            raise InvalidRequest(f"{name}: want {wants}")
    seconds = int(headers.get(TTL, 0))
    if seconds and not LEAST_SECONDS <= seconds <= MONTH_SECONDS:
        raise InvalidRequest(f"{TTL}: want {CHECKS[TTL][0]}")
    if headers.get(CACHE) == ONLY:
        raise InvalidRequest(f"{CACHE}: only asks for a kept answer, and nothing is kept yet; use on or off")
    return {STATUS: BYPASS} if any(name in headers for name in NAMES) else {}
