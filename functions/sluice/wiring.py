"""The composition root: builds everything once per environment, before the first event is asked for.

No network here: an environment must start where Secrets Manager or DynamoDB are down, and say so per call (K01).
"""

import logging
import random
import re
import ssl
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import certifi
import httpx

from sluice.admission import Admission
from sluice.domain.call import Target
from sluice.domain.clock import Clock
from sluice.domain.errors import Misconfigured
from sluice.domain.operation import BEDROCK_OPERATIONS, OPERATIONS
from sluice.domain.price import Priced
from sluice.pipeline import Pipeline
from sluice.pricing import PriceTable
from sluice.providers.later import Later
from sluice.providers.openai import Provider as OpenAIProvider
from sluice.providers.plan import Provider
from sluice.providers.transport import Transport
from sluice.routing.selection import Selection
from sluice.settings import ProviderSettings, Settings, load
from sluice.stores.aws import Clients, clients
from sluice.stores.ledger import Ledger
from sluice.stores.owners import Owners
from sluice.stores.secrets import SecretStore
from sluice.surfaces.anthropic import Anthropic
from sluice.surfaces.anthropic_error import ANTHROPIC_ERRORS
from sluice.surfaces.application import Application, Route
from sluice.surfaces.bedrock import Bedrock
from sluice.surfaces.bedrock_error import BEDROCK_ERRORS
from sluice.surfaces.calls import Calls
from sluice.surfaces.openai import OpenAI
from sluice.telemetry import Telemetry

BEDROCK, ANTHROPIC = "bedrock", "anthropic"
MODELS_PATH = "/v1/models"
ANY_MODEL = r"/v1/models/(.+)"
ANY_OPERATION = "|".join(map(re.escape, OPERATIONS))
CREATE = f"/v1/({ANY_OPERATION})"
PROVIDER_PATH = f"/openai/(?:v1/)?({ANY_OPERATION})"
MESSAGES_PATH, COUNT_PATH = "/v1/messages", "/v1/messages/count_tokens"
PATHS = (*(f"/v1/{path}" for path in OPERATIONS), MODELS_PATH, MESSAGES_PATH, COUNT_PATH)
BEDROCK_MODEL = f"/model/(.+)/({'|'.join(BEDROCK_OPERATIONS)})"
BEDROCK_PATH = f"(?:/bedrock)?{BEDROCK_MODEL}"
REGION_PATH = f"/aws-bedrock/bedrock-runtime/([a-z0-9-]+){BEDROCK_MODEL}"
QUICK_PATH = "/api/bedrock/(.+)"
ERRORS = (
    (MESSAGES_PATH, ANTHROPIC_ERRORS),
    ("/model/", BEDROCK_ERRORS),
    ("/bedrock/", BEDROCK_ERRORS),
    ("/aws-bedrock/", BEDROCK_ERRORS),
    ("/guardrail", BEDROCK_ERRORS),  # operations of its runtime that are not served
    ("/async-invoke", BEDROCK_ERRORS),
)


def build(default_config: Path) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """The Lambda handler of the data plane. Raises Misconfigured, which ends the environment's start."""
    settings = load(default_config=default_config)
    clock, telemetry = Clock(), Telemetry()
    selection = Selection(settings.providers, settings.routes, settings.targets)
    price_table = PriceTable.load()
    pipeline = _pipeline(settings, selection, price_table, telemetry, clock)
    calls = Calls(pipeline, clock)
    models = tuple(_models(settings, price_table))
    openai = OpenAI(calls, selection, models, _epoch(price_table.version[:10]))
    bedrock = Bedrock(calls, selection, _regions(settings))
    routes = (*openai_routes(openai), *anthropic_routes(Anthropic(calls)), *bedrock_routes(bedrock))
    return Application(routes, telemetry, clock, PATHS, ERRORS).handler()


def openai_routes(surface: OpenAI) -> tuple[Route, ...]:
    return (
        Route("POST", CREATE, surface.create),
        Route("POST", PROVIDER_PATH, surface.provider_path),
        Route("GET", MODELS_PATH, surface.list_models),
        Route("GET", ANY_MODEL, surface.retrieve_model),
    )


def anthropic_routes(surface: Anthropic) -> tuple[Route, ...]:
    return (Route("POST", MESSAGES_PATH, surface.create), Route("POST", COUNT_PATH, surface.count))


def bedrock_routes(surface: Bedrock) -> tuple[Route, ...]:
    return (
        Route("POST", BEDROCK_PATH, surface.call),
        Route("POST", REGION_PATH, surface.call_in_region),
        Route("GET", QUICK_PATH, surface.prompt),
    )


def _regions(settings: Settings) -> dict[str, str]:
    """Where each Bedrock provider is, the one of that name first."""
    found = {name: one.region for name, one in settings.providers.items() if one.kind == BEDROCK and one.region}
    return dict(sorted(found.items(), key=lambda pair: pair[0] != BEDROCK))


def _pipeline(
    settings: Settings, selection: Selection, price_table: PriceTable, telemetry: Telemetry, clock: Clock
) -> Pipeline:
    logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it says a line per call, which is ours to say
    context = ssl.create_default_context(cafile=certifi.where())
    aws = clients(settings.region, context, settings.table)
    client = Client(Transport(clock.now, context))
    return Pipeline(
        selection=selection,
        providers={name: _provider(provider, client, aws) for name, provider in settings.providers.items()},
        prices=_prices(settings, price_table),
        admission=Admission(settings.typical_output_tokens, lambda: uuid.uuid4().hex[:16]),
        keys=SecretStore(
            aws.secretsmanager,
            clock,
            ttl_seconds=settings.secret_ttl_seconds,
            max_stale_seconds=settings.secret_max_stale_seconds,
            rest_seconds=settings.secret_rest_seconds,
        ),
        ledger=Ledger(aws.dynamodb, settings.table, clock, random.Random(), settings.retention_days),
        owners=Owners(aws.dynamodb, settings.table, clock, random.Random(), settings.retention_days),
        telemetry=telemetry,
        clock=clock,
    )


def _provider(settings: ProviderSettings, client: httpx.Client, aws: Clients) -> Provider:
    """What speaks to a provider; all but OpenAI's dialect is loaded by the first call that needs it."""
    if settings.kind == BEDROCK:
        return Later(settings, partial(_bedrock, settings, client, aws))
    if settings.kind == ANTHROPIC:
        return Later(settings, partial(_anthropic, settings, client))
    return OpenAIProvider.of(settings, client)


def _bedrock(settings: ProviderSettings, client: httpx.Client, aws: Clients) -> Provider:
    from sluice.providers.bedrock import Bedrock as BedrockProvider
    from sluice.providers.signature import Signer

    return BedrockProvider(settings, client, Signer(aws.credentials, settings.region or ""))


def _anthropic(settings: ProviderSettings, client: httpx.Client) -> Provider:
    from sluice.providers.anthropic import Anthropic as AnthropicProvider

    return AnthropicProvider(settings, client)


class NoCookies(httpx.Cookies):
    """Keeps none: nothing of one call may reach the next."""

    def extract_cookies(self, response: httpx.Response) -> None: ...


class Client(httpx.Client):
    """One client for all providers: no proxy from the environment, no redirect, no cookie."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport=transport, trust_env=False)
        self._cookies = NoCookies()


def _prices(settings: Settings, price_table: PriceTable) -> Callable[[Target], Priced]:
    """The price of a target, from its provider's own table: the family's, with what the configuration replaces."""
    tables = {name: _price_table(provider, price_table) for name, provider in settings.providers.items()}
    families = {name: provider.price_family or "" for name, provider in settings.providers.items()}

    @lru_cache(maxsize=256)  # callers may name any number of models
    def priced(target: Target) -> Priced:
        table = tables[target.provider]
        return Priced(table.price(families[target.provider], target.family_model), table.version)

    return priced


def _price_table(provider: ProviderSettings, price_table: PriceTable) -> PriceTable:
    if provider.price_family and provider.price_family not in price_table.families:
        known = ", ".join(price_table.families)
        raise Misconfigured(f"providers.{provider.name}.price_family: want one of {known}")
    try:
        return price_table.with_overrides(provider.prices)
    except ValueError as error:
        raise Misconfigured(f"providers.{provider.name}.{error}") from None


def _models(settings: Settings, price_table: PriceTable) -> Iterator[str]:
    """Every name a caller may use that we know of: routes, then each provider's models."""
    yield from sorted(settings.routes)
    for name, provider in sorted(settings.providers.items()):
        known = provider.models or price_table.models(provider.price_family)
        yield from (f"{name}/{model}" for model in known)


def _epoch(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
