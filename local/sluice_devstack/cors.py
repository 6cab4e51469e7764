"""CORS as a function URL's configuration says, answered and added by Lambda itself, not by the function.

Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors. The configured headers replace
the function's own. That an unsigned preflight is answered under AWS_IAM is widely reported and unverified; so is the
shape of an answer to a preflight that is not allowed (here: 200 without CORS headers, which a browser refuses).
"""

from collections.abc import Sequence

from sluice_devstack.template import CorsSettings

Headers = list[tuple[str, str]]


class Cors:
    """The CORS headers of one function URL."""

    def __init__(self, settings: CorsSettings) -> None:
        self._settings = settings
        self._allowed_headers = [name.lower() for name in settings.allow_headers]

    def on_preflight(self, origin: str, method: str, asked_headers: str) -> Headers:
        """The headers for OPTIONS with Origin and Access-Control-Request-Method; none of them if it is not allowed."""
        asked = [name.strip().lower() for name in asked_headers.split(",") if name.strip()]
        is_allowed = _covers(self._settings.allow_methods, method)
        is_allowed = is_allowed and all(_covers(self._allowed_headers, name) for name in asked)
        headers = self._on_origin(origin)
        if not headers or not is_allowed:
            return []
        headers.append(("access-control-allow-methods", ",".join(self._settings.allow_methods)))
        if self._allowed_headers:
            headers.append(("access-control-allow-headers", ",".join(self._allowed_headers)))
        if self._settings.max_age_seconds is not None:
            headers.append(("access-control-max-age", str(self._settings.max_age_seconds)))
        return headers

    def on_answer(self, origin: str) -> Headers:
        """The headers for any other answer to a call from `origin`."""
        headers = self._on_origin(origin)
        if headers and self._settings.expose_headers:
            headers.append(("access-control-expose-headers", ",".join(self._settings.expose_headers)))
        return headers

    def _on_origin(self, origin: str) -> Headers:
        if not origin or not _covers(self._settings.allow_origins, origin):
            return []
        headers = [("access-control-allow-origin", origin), ("vary", "Origin")]
        if self._settings.allow_credentials:
            headers.append(("access-control-allow-credentials", "true"))
        return headers


def _covers(allowed: Sequence[str], value: str) -> bool:
    return "*" in allowed or value in allowed
