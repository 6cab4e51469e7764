"""Cloudflare's unified paths: OpenAI's operations, where the model names its provider as Cloudflare does.

https://developers.cloudflare.com/ai-gateway/usage/chat-completion/. It documents chat completions alone; programs ask
for the others too.
"""

from dataclasses import dataclass
from typing import Any

from sluice.surfaces import strict_json
from sluice.surfaces.call_headers import routed
from sluice.surfaces.calls import Calls
from sluice.surfaces.cloudflare import Cloudflare
from sluice.surfaces.openai import SURFACE, asked
from sluice.surfaces.openai_error import error_body
from sluice.surfaces.request import Reply, Request


@dataclass(frozen=True, slots=True)
class Compat:
    calls: Calls
    cloudflare: Cloudflare

    def call(self, request: Request, path: str) -> Reply:
        """POST /compat/{path}."""
        self.calls.principal(request)
        body, size = strict_json.body(request.event, request.headers)
        body, _ = routed(translated(body, self.cloudflare), None, request.headers)
        return self.calls.answer(request, SURFACE, asked(path, body, request.headers), size, None, error_body)


def translated(body: dict[str, Any], cloudflare: Cloudflare) -> dict[str, Any]:
    """The body with the configured names of models; what is no text is refused later."""
    changed = dict(body)
    if isinstance(body.get("model"), str):
        changed["model"] = cloudflare.model(body["model"])
    if isinstance(body.get("models"), list):
        changed["models"] = [cloudflare.model(one) if isinstance(one, str) else one for one in body["models"]]
    return changed
