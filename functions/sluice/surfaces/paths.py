"""The routing table: every path that is served, with its surface, and whose errors a path's are.

Paths of Cloudflare's stand here too, once as our own and, where a prefix is configured, once more behind it. Our own
come first: what is served without the prefix is never taken for something behind it. The front door tries a rule with
a group after those without one, so each of Cloudflare's has a group.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from sluice.domain.operation import BEDROCK_OPERATIONS, OPERATIONS
from sluice.routing.selection import Selection
from sluice.surfaces import anthropic
from sluice.surfaces.anthropic import Anthropic
from sluice.surfaces.anthropic_error import ANTHROPIC_ERRORS
from sluice.surfaces.application import Handler, Route
from sluice.surfaces.bedrock import Bedrock
from sluice.surfaces.bedrock_error import BEDROCK_ERRORS
from sluice.surfaces.calls import Calls
from sluice.surfaces.openai import OpenAI
from sluice.surfaces.openai_error import OPENAI_ERRORS
from sluice.surfaces.request import Errors

MODELS_PATH = "/v1/models"
ANY_MODEL = r"/v1/models/(.+)"
ANY_OPERATION = "|".join(map(re.escape, OPERATIONS))
CREATE = f"/v1/({ANY_OPERATION})"
MESSAGES_PATH, COUNT_PATH = "/v1/messages", "/v1/messages/count_tokens"
BEDROCK_MODEL = f"/model/(.+)/({'|'.join(BEDROCK_OPERATIONS)})"
BEDROCK_PATH = f"(?:/bedrock)?{BEDROCK_MODEL}"
QUICK_PATH = "/api/bedrock/(.+)"
OPENAI_PATH = f"/openai/(?:v1/)?({ANY_OPERATION})"
ANTHROPIC_PATH = f"/anthropic/v1/({'|'.join(anthropic.OPERATIONS)})"
AZURE_PATH = f"/azure-openai/([^/]+)/(?:deployments/)?([^/]+)/({ANY_OPERATION})"  # its SDK adds that word
REGION_PATH = f"/aws-bedrock/bedrock-runtime/([a-z0-9-]+){BEDROCK_MODEL}"
COMPAT_PATH = f"/compat/(?:v1/)?({ANY_OPERATION})"
UNIVERSAL_PATH, UNIVERSAL_BEHIND = "(/)", "(/?)"
PATHS = (*(f"/v1/{path}" for path in OPERATIONS), MODELS_PATH, MESSAGES_PATH, COUNT_PATH)  # that one may have meant

BEHIND_ERRORS = (("/anthropic/", ANTHROPIC_ERRORS), ("/aws-bedrock/", BEDROCK_ERRORS), ("/", OPENAI_ERRORS))
ERRORS = (
    (MESSAGES_PATH, ANTHROPIC_ERRORS),
    ("/anthropic/", ANTHROPIC_ERRORS),
    ("/model/", BEDROCK_ERRORS),
    ("/bedrock/", BEDROCK_ERRORS),
    ("/aws-bedrock/", BEDROCK_ERRORS),
    ("/guardrail", BEDROCK_ERRORS),  # operations of its runtime that are not served
    ("/async-invoke", BEDROCK_ERRORS),
)


class Surfaces(NamedTuple):
    openai: OpenAI
    anthropic: Anthropic
    bedrock: Bedrock
    azure: Handler
    compat: Handler
    universal: Handler


def surfaces(
    calls: Calls,
    selection: Selection,
    models: tuple[str, ...],
    models_since: int,
    regions: Mapping[str, str],
    resources: Mapping[str, str],
) -> Surfaces:
    """All of them. `regions` are those of Bedrock's providers, `resources` the providers of Azure's resources.

    What only Cloudflare's paths need is loaded by the first call that takes one.
    """
    bedrock = Bedrock(calls, selection, regions)
    return Surfaces(
        OpenAI(calls, selection, models, models_since),
        Anthropic(calls),
        bedrock,
        lambda request, *parts: _azure(calls, resources)(request, *parts),
        lambda request, path: _compat(calls)(request, path),
        lambda request, path: _universal(calls, bedrock, resources)(request, path),
    )


def _azure(calls: Calls, resources: Mapping[str, str]) -> Handler:
    from sluice.surfaces.azure import Azure

    return Azure(calls, resources).call


def _compat(calls: Calls) -> Handler:
    from sluice.surfaces.compat import Compat

    return Compat(calls, calls.cloudflare).call


def _universal(calls: Calls, bedrock: Bedrock, resources: Mapping[str, str]) -> Handler:
    from sluice.surfaces.azure import Azure
    from sluice.surfaces.endpoints import Endpoints
    from sluice.surfaces.universal import Universal

    return Universal(calls, Endpoints(bedrock, Azure(calls, resources), calls.cloudflare), calls.cloudflare).call


def routes(served: Surfaces, prefix: str | None) -> tuple[Route, ...]:
    """The whole table, in the order in which a path is looked for."""
    theirs = _cloudflares(served)
    return (*_own(served), *theirs, Route("POST", UNIVERSAL_PATH, served.universal), *_behind(served, prefix))


def _own(served: Surfaces) -> tuple[Route, ...]:
    return (
        Route("POST", CREATE, served.openai.create),
        Route("GET", MODELS_PATH, served.openai.list_models),
        Route("GET", ANY_MODEL, served.openai.retrieve_model),
        Route("POST", MESSAGES_PATH, served.anthropic.create),
        Route("POST", COUNT_PATH, served.anthropic.count),
        Route("POST", BEDROCK_PATH, served.bedrock.call),
        Route("GET", QUICK_PATH, served.bedrock.prompt),
    )


def _cloudflares(served: Surfaces) -> tuple[Route, ...]:
    return (
        Route("POST", OPENAI_PATH, served.openai.provider_path),
        Route("POST", ANTHROPIC_PATH, served.anthropic.provider_path),
        Route("POST", AZURE_PATH, served.azure),
        Route("POST", REGION_PATH, served.bedrock.call_in_region),
        Route("POST", COMPAT_PATH, served.compat),
    )


def _behind(served: Surfaces, prefix: str | None) -> tuple[Route, ...]:
    if prefix is None:
        return ()
    every = (*_cloudflares(served), Route("POST", UNIVERSAL_BEHIND, served.universal))
    return tuple(route._replace(rule=re.escape(prefix) + route.rule) for route in every)


def errors(prefix: str | None) -> tuple[tuple[str, Errors], ...]:
    """The shape of errors by how a path begins."""
    behind = ((prefix + path, shape) for path, shape in BEHIND_ERRORS) if prefix else ()
    return (*behind, *ERRORS)
