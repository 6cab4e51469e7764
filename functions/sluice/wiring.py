"""The composition root: builds everything once per environment, before the first event is asked for.

No network here: an environment must start where Secrets Manager or DynamoDB are down, and say so per call (K01).
"""

import logging
import ssl
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache, partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import certifi
import httpx

from sluice.admission import Admission, quotes
from sluice.answering import Answering
from sluice.attempting import Attempting
from sluice.domain.call import Target
from sluice.domain.clock import Clock
from sluice.domain.errors import Misconfigured
from sluice.domain.policy import Policy
from sluice.domain.price import Priced
from sluice.gate import Gate, Guards, Limits, Remaining, Typicals
from sluice.live import Live
from sluice.pipeline import Pipeline, Repeats
from sluice.policy.access import Access
from sluice.policy.authentication import Authentication, Keys
from sluice.pricing import PriceTable
from sluice.provider_settings import ProviderSettings
from sluice.providers.later import Later
from sluice.providers.openai import Provider as OpenAIProvider
from sluice.providers.plan import Provider
from sluice.providers.transport import Transport
from sluice.routing.breaker import Breakers
from sluice.routing.candidates import Candidates
from sluice.routing.order import Order
from sluice.routing.pace import Pace
from sluice.routing.retry_budget import RetryBudget
from sluice.routing.selection import Selection
from sluice.settings import Settings, load
from sluice.stores.aws import Clients, clients
from sluice.stores.circuits import Circuits
from sluice.stores.configurations import Configurations
from sluice.stores.health import HealthRows
from sluice.stores.ledger import Ledger
from sluice.stores.owners import Owners
from sluice.stores.paces import Paces
from sluice.stores.retry_tokens import RetryTokens
from sluice.stores.secrets import SecretStore
from sluice.surfaces import paths
from sluice.surfaces.application import Application
from sluice.surfaces.calls import Calls
from sluice.surfaces.cloudflare import Api, Cloudflare
from sluice.telemetry import Telemetry

if TYPE_CHECKING:
    from sluice.domain.virtual_key import VirtualKey

BEDROCK, ANTHROPIC, AZURE = "bedrock", "anthropic", "azure"


@dataclass(frozen=True, slots=True)
class Parts:
    """What one environment makes once, whatever configuration it runs: nothing here is lost when that changes."""

    clock: Clock
    telemetry: Telemetry
    random: Random
    aws: Clients
    client: httpx.Client
    keys: SecretStore
    breakers: Breakers
    budget: RetryBudget
    pace: Pace
    price_table: PriceTable
    virtual_keys: Callable[[], Keys]
    limits: Callable[[], Limits]
    typicals: Callable[[], Typicals]
    remaining: Callable[[], Remaining]
    repeats: Callable[[], Repeats]


Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


def build(default_config: Path) -> Handler:
    """The Lambda handler of the data plane. Raises Misconfigured, which ends the environment's start."""
    settings = load(default_config=default_config)
    made = parts(settings)
    versions = Configurations(made.aws.dynamodb, settings.table, made.clock, made.random, made.aws.dynamodb_within)
    return Live(settings, lambda found: application(found, made), versions, made.clock, made.telemetry)


def parts(settings: Settings) -> Parts:
    logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it says a line per call, which is ours to say
    clock, random = Clock(), Random()
    context = ssl.create_default_context(cafile=certifi.where())
    aws = clients(settings.region, context, settings.table)
    health = HealthRows(aws.dynamodb, settings.table, clock, random, nonce, aws.dynamodb_within)
    return Parts(
        clock=clock,
        telemetry=Telemetry(table=settings.table),
        random=random,
        aws=aws,
        client=Client(Transport(clock.now, context)),
        keys=SecretStore(
            aws.secretsmanager,
            clock,
            ttl_seconds=settings.secret_ttl_seconds,
            max_stale_seconds=settings.secret_max_stale_seconds,
            rest_seconds=settings.secret_rest_seconds,
        ),
        breakers=Breakers(Circuits(health, clock), clock),
        budget=RetryBudget(RetryTokens(health, clock), clock),
        pace=Pace(Paces(health), clock),
        price_table=PriceTable.load(),
        virtual_keys=cache(partial(_virtual_keys, aws, settings.table, clock, random)),
        limits=cache(partial(_limits, aws, settings.table, clock, random)),
        typicals=cache(partial(_typicals, aws, settings.table, clock)),
        remaining=cache(partial(_remaining, health, clock)),
        repeats=cache(partial(_repeats, aws, settings.table, clock, random)),
    )


def _virtual_keys(aws: Clients, table: str, clock: Clock, random: Random) -> Keys:
    from sluice.stores.keys import Keys as VirtualKeys  # what only some calls need is loaded by the first of them

    return VirtualKeys(aws.dynamodb, table, clock, random)


def _limits(aws: Clients, table: str, clock: Clock, random: Random) -> Limits:
    from sluice.stores.limits import Limits as RateLimits

    return RateLimits(aws.dynamodb, table, clock, random, aws.dynamodb_within)


def _typicals(aws: Clients, table: str, clock: Clock) -> Typicals:
    from sluice.stores.typicals import Typicals as TypicalCosts

    return TypicalCosts(aws.dynamodb, table, clock, aws.dynamodb_within)


def _remaining(rows: HealthRows, clock: Clock) -> Remaining:
    from sluice.stores.remaining import Remaining as RemainingBudgets

    return RemainingBudgets(rows, clock)


def _repeats(aws: Clients, table: str, clock: Clock, random: Random) -> Repeats:
    from sluice.stores.idempotency import Idempotency

    return Idempotency(aws.dynamodb, table, clock, random, aws.dynamodb_within)


def application(settings: Settings, parts: Parts) -> Handler:
    """The handler of one configuration."""
    clock, price_table = parts.clock, parts.price_table
    selection = Selection(settings.providers, settings.routes, settings.targets, settings.retry)
    cloudflare = _cloudflare(settings)
    access = Access(settings.policies, settings.access)
    pipeline = _pipeline(settings, selection, parts, access)
    calls = Calls(pipeline, clock, cloudflare, Authentication(LaterKeys(parts.virtual_keys)), access.may_use)
    models, since = tuple(_models(settings, price_table)), _epoch(price_table.version[:10])
    served = paths.surfaces(calls, selection, models, since, _regions(settings), _resources(settings))
    routes, errors = paths.routes(served, settings.prefix), paths.errors(settings.prefix)
    return Application(routes, parts.telemetry, clock, paths.PATHS, errors, cloudflare).handler()


def _cloudflare(settings: Settings) -> Cloudflare:
    """What its names of providers and gateways are here."""
    providers = settings.providers
    keys = frozenset(name for name, one in providers.items() if one.caller_keys)
    apis = {name: Api(one.kind, one.preset) for name, one in providers.items()}
    return Cloudflare(apis, frozenset(settings.routes), keys, settings.prefix)


def _resources(settings: Settings) -> dict[str, str]:
    """The provider of each Azure resource, the first one where several have the same."""
    found: dict[str, str] = {}
    for name, one in settings.providers.items():
        if one.azure:
            found.setdefault(one.azure.resource, name)
    return found


def _regions(settings: Settings) -> dict[str, str]:
    """Where each Bedrock provider is, the one of that name first."""
    found = {name: one.region for name, one in settings.providers.items() if one.kind == BEDROCK and one.region}
    return dict(sorted(found.items(), key=lambda pair: pair[0] != BEDROCK))


def _pipeline(settings: Settings, selection: Selection, parts: Parts, access: Access) -> Pipeline:
    clock, prices = parts.clock, _prices(settings, parts.price_table)
    providers = {name: _provider(one, parts.client, parts.aws) for name, one in settings.providers.items()}
    answering = Answering(providers, parts.keys, clock)
    admission = Admission(settings.typical_output_tokens, nonce)
    days = settings.retention_days
    return Pipeline(
        candidates=Candidates(selection, Order(parts.random, parts.pace.averages, quotes(admission, prices))),
        answering=answering,
        attempting=Attempting(answering, parts.breakers, parts.budget, parts.pace, prices, parts.random, clock),
        prices=prices,
        admission=admission,
        gate=_gate(settings, parts, prices, access),
        repeats=parts.repeats,
        ledger=Ledger(parts.aws.dynamodb, settings.table, clock, parts.random, days),
        owners=Owners(parts.aws.dynamodb, settings.table, clock, parts.random, days),
        telemetry=parts.telemetry,
        clock=clock,
        configuration=settings.version,
        keeps_answers=settings.idempotency,
    )


def _gate(settings: Settings, parts: Parts, prices: Callable[[Target], Priced], access: Access) -> Gate:
    guards = cache(partial(_guards, settings, parts))
    kinds = {name: one.kind for name, one in settings.providers.items()}
    _load(settings.policies, parts, guards)
    return Gate(access, guards, parts.limits, parts.typicals, parts.remaining, prices, kinds, parts.clock)


def _load(policies: Sequence[Policy], parts: Parts, guards: Callable[[], Guards]) -> None:
    """What calls will need is loaded now, and not while the first of them waits."""
    if any(policy.rate for policy in policies):
        parts.limits()
    if any(policy.guard for policy in policies):
        guards()
    if any(policy.budgets for policy in policies):
        from sluice.policy import budgets, strict  # noqa: F401
        from sluice.stores import reservations, settlements  # noqa: F401

        parts.typicals(), parts.remaining()


def _guards(settings: Settings, parts: Parts) -> Guards:
    from sluice.policy.guards import Guards as PromptGuards
    from sluice.providers.apply_guardrail import ApplyGuardrail

    bedrock = [one for one in settings.providers.values() if one.kind == BEDROCK and one.region]
    urls = {one.region or "": one.base_url for one in reversed(bedrock)}
    guardrails = ApplyGuardrail(parts.client, parts.aws.credentials, settings.region, urls)
    return PromptGuards(settings.patterns, guardrails.ask)


def _provider(settings: ProviderSettings, client: httpx.Client, aws: Clients) -> Provider:
    """What speaks to a provider; all but OpenAI's dialect is loaded by the first call that needs it."""
    if settings.kind == BEDROCK:
        return Later(settings, partial(_bedrock, settings, client, aws))
    if settings.kind == ANTHROPIC:
        return Later(settings, partial(_anthropic, settings, client))
    if settings.kind == AZURE:
        return Later(settings, partial(_azure, settings, client))
    return OpenAIProvider.of(settings, client)


def _bedrock(settings: ProviderSettings, client: httpx.Client, aws: Clients) -> Provider:
    from sluice.providers.bedrock import Bedrock as BedrockProvider
    from sluice.providers.signature import Signer

    return BedrockProvider(settings, client, Signer(aws.credentials, settings.region or ""))


def _anthropic(settings: ProviderSettings, client: httpx.Client) -> Provider:
    from sluice.providers.anthropic import Anthropic as AnthropicProvider

    return AnthropicProvider(settings, client)


def _azure(settings: ProviderSettings, client: httpx.Client) -> Provider:
    from sluice.providers.azure import Azure as AzureProvider

    return AzureProvider(settings, client)


def nonce() -> str:
    return uuid.uuid4().hex[:16]


@dataclass(frozen=True, slots=True)
class LaterKeys:
    """Stands for the virtual keys until a call first shows one."""

    made: Callable[[], Keys]

    def find(self, presented: str) -> "VirtualKey":
        return self.made().find(presented)


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
        has_own_names = provider.kind == AZURE  # deployments may be called anything
        known = provider.models or (() if has_own_names else price_table.models(provider.price_family))
        yield from (f"{name}/{model}" for model in known)


def _epoch(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
