"""One table `[providers.<name>]` of the configuration: its keys, and what becomes of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx

from sluice.checked import Key, checked, is_heartbeat, is_names, is_seconds, is_switch, is_table, is_text, nearest
from sluice.domain.errors import Misconfigured
from sluice.domain.timeouts import Timeouts
from sluice.presets import PRESETS, Preset, Quirks

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
RESOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")
API_VERSION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?")
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
OPENAI_URL = "https://api.openai.com/v1"
ANTHROPIC_URL = "https://api.anthropic.com/v1"
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}")
AUTHS = ("api-key", "entra")
URL_OVERRIDE = "SLUICE_PROVIDER_URL_"
NO_PRESET = Preset()


class Azure(NamedTuple):
    """What is said of an Azure OpenAI resource besides its endpoint.

    With an `api_version` its classic deployment URLs are called, without one its v1 API. `is_entra`: the secret holds
    a token of Microsoft Entra ID in place of a key.
    """

    resource: str
    api_version: str | None = None
    is_entra: bool = False


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One upstream API. `prices` overrides the price table.

    `usage` and `strict_done` are those of `quirks`. With `stored_objects` callers may name files, vector stores,
    containers and prompts of the provider's project by id, with `caller_keys` they may send a key of their own.
    `region` is where a Bedrock provider is, `azure` what only that kind has.
    """

    name: str
    kind: str
    base_url: str
    secret: str | None
    timeouts: Timeouts
    usage: bool = True
    strict_done: bool = False
    models: tuple[str, ...] = ()
    price_family: str | None = None
    prices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    preset: str | None = None
    quirks: Quirks = field(default_factory=Quirks)
    stored_objects: bool = False
    region: str | None = None
    azure: Azure | None = None
    caller_keys: bool = False


class Kind(NamedTuple):
    """A kind of provider: where it is when no base_url says so, whose prices it has, how long it may be silent.

    `own` are the keys that only this kind has.
    """

    base_url: str | None
    price_family: str | None
    needs_secret: bool
    idle_timeout_seconds: float | None = None
    own: tuple[str, ...] = ()


KINDS = {
    "openai": Kind(OPENAI_URL, "openai", True),
    "azure": Kind(None, "azure", True, own=("endpoint", "api_version", "resource", "auth")),
    "compatible": Kind(None, None, False, own=("preset",)),
    "anthropic": Kind(ANTHROPIC_URL, "anthropic", True),
    # Silent for 125 s within a tool's arguments: https://github.com/OpenRouterTeam/ai-sdk-provider/issues/440
    "bedrock": Kind(None, "bedrock", False, idle_timeout_seconds=300, own=("region", "endpoint")),
}


def _is_kind(value: object) -> bool:
    return isinstance(value, str) and value in KINDS


def _is_region(value: object) -> bool:
    return isinstance(value, str) and REGION.fullmatch(value) is not None


def _is_api_version(value: object) -> bool:
    return isinstance(value, str) and API_VERSION.fullmatch(value) is not None


def _is_resource(value: object) -> bool:
    return isinstance(value, str) and RESOURCE.fullmatch(value) is not None


SECONDS = "seconds, more than 0 and at most 900"
HEARTBEAT = "seconds, or 0 for none"
URL = "an https URL, or http to loopback"
WAIT_KEYS = {
    "connect_timeout_seconds": Key(SECONDS, is_seconds),
    "first_byte_timeout_seconds": Key(SECONDS, is_seconds),
    "idle_timeout_seconds": Key(SECONDS, is_seconds),
    "total_timeout_seconds": Key(SECONDS, is_seconds),
}
TIMEOUT_KEYS = WAIT_KEYS | {
    "heartbeat_seconds": Key(HEARTBEAT, is_heartbeat),
    "early_heartbeat_seconds": Key(HEARTBEAT, is_heartbeat),
}
PROVIDER_KEYS = TIMEOUT_KEYS | {
    "kind": Key('"openai", "azure", "compatible", "anthropic" or "bedrock"', _is_kind),
    "preset": Key("the name of a preset", is_text),
    "base_url": Key(URL, is_text),
    "secret": Key("the name or ARN of a secret", is_text),
    "usage": Key("true or false", is_switch),
    "strict_done": Key("true or false", is_switch),
    "stored_objects": Key("true or false", is_switch, False),
    "caller_keys": Key("true or false", is_switch, False),
    "models": Key("a list of model names", is_names, []),
    "price_family": Key("a family of the price table", is_text),
    "region": Key('a region of AWS such as "us-east-1"', _is_region),
    "endpoint": Key(URL, is_text),
    "api_version": Key('a date such as "2024-10-21", or that with "-preview"', _is_api_version),
    "resource": Key("the name of the Azure resource: letters, digits and -", _is_resource),
    "auth": Key('"api-key" or "entra"', lambda value: value in AUTHS),
    "prices": Key("a table of model names", is_table, {}),
}
QUIRK_KEYS = ("usage", "strict_done")


def provider(
    name: str, table: object, defaults: dict[str, Any], environ: Mapping[str, str], function_region: str
) -> ProviderSettings:
    """The provider in a table; `defaults` are the timeouts of `[defaults]`. Raises Misconfigured."""
    where = f"providers.{name}"
    if not NAME.fullmatch(name):
        raise Misconfigured(f"[{where}]: a provider's name is lower-case letters, digits, - and _")
    values = checked(table, PROVIDER_KEYS, where)
    kind = KINDS.get(values["kind"])
    if kind is None:
        raise Misconfigured(f"{where}.kind is missing: want {PROVIDER_KEYS['kind'].wants}")
    _check_own(where, values)
    preset = _preset(where, values)
    if (kind.needs_secret or preset.needs_secret) and not (values["secret"] or values["caller_keys"]):
        raise Misconfigured(f'{where}.secret is missing: name the secret that holds {{"api_key": "..."}}')
    quirks = _quirks(values, preset.quirks)
    region = _region(values, function_region)
    url = _override(name, environ) or values["base_url"] or preset.base_url or kind.base_url
    url = url or values["endpoint"] or _endpoint(region)
    return ProviderSettings(
        name=name,
        kind=values["kind"],
        base_url=_base_url(where, url, "endpoint" if values["kind"] == "azure" else "base_url"),
        secret=values["secret"],
        timeouts=_timeouts(values, defaults, kind),
        usage=quirks.usage,
        strict_done=quirks.strict_done,
        models=tuple(values["models"]),
        price_family=values["price_family"] or preset.price_family or kind.price_family,
        prices=values["prices"],
        preset=values["preset"],
        quirks=quirks,
        stored_objects=values["stored_objects"],
        region=region,
        azure=_azure(where, values),
        caller_keys=values["caller_keys"],
    )


def _check_own(where: str, values: dict[str, Any]) -> None:
    """Raises Misconfigured for a key that other kinds have."""
    for name in sorted({name for kind in KINDS.values() for name in kind.own}):
        having = [f'"{kind}"' for kind, row in KINDS.items() if name in row.own]
        if values[name] is not None and f'"{values["kind"]}"' not in having:
            raise Misconfigured(f"{where}.{name} goes with kind = {' or '.join(having)}")


def _region(values: dict[str, Any], function_region: str) -> str | None:
    """Where a Bedrock provider is, the function's own region unless it says another."""
    return str(values["region"] or function_region) if values["kind"] == "bedrock" else None


def _endpoint(region: str | None) -> str | None:
    """Bedrock's runtime in a region: https://docs.aws.amazon.com/general/latest/gr/bedrock.html."""
    if region is None:
        return None
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://bedrock-runtime.{region}.{domain}"


def _azure(where: str, values: dict[str, Any]) -> Azure | None:
    """The resource's name is the first part of its host, unless the table says it."""
    if values["kind"] != "azure":
        return None
    host = urlsplit(values["endpoint"] or values["base_url"] or "").hostname or ""
    resource = values["resource"] or host.partition(".")[0]
    has_path = urlsplit(values["endpoint"] or values["base_url"] or "").path.strip("/")
    if has_path or not RESOURCE.fullmatch(resource):
        words = "want the resource's URL without a path, https://<resource>.openai.azure.com"
        raise Misconfigured(f"{where}.endpoint: {words}")
    return Azure(resource, values["api_version"], values["auth"] == "entra")


def _preset(where: str, values: dict[str, Any]) -> Preset:
    """The row that the configuration names, or one that says nothing."""
    name = values["preset"]
    if name is None:
        return NO_PRESET
    if name not in PRESETS:
        raise Misconfigured(f"{where}.preset = {name!r}: unknown preset{nearest(name, PRESETS)}")
    return PRESETS[name]


def _quirks(values: dict[str, Any], quirks: Quirks) -> Quirks:
    """The preset's, with what the configuration says in their place."""
    return replace(quirks, **{name: values[name] for name in QUIRK_KEYS if values[name] is not None})


def _override(name: str, environ: Mapping[str, str]) -> str | None:
    """The dev stack points a provider at a simulated one; anything but loopback is refused."""
    variable = URL_OVERRIDE + name.upper().replace("-", "_")
    url = environ.get(variable)
    if url and urlsplit(url).hostname not in LOOPBACK:
        raise Misconfigured(f"{variable} may only name loopback")
    return url


def _base_url(where: str, url: str | None, key: str) -> str:
    if url is None:
        raise Misconfigured(f"{where}.{key} is missing: want {URL}")
    if not _is_safe(url):
        raise Misconfigured(f"{where}.{key}: want {URL}, without user or query")
    return url.rstrip("/")


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
        httpx.URL(url)  # what the client cannot read is met here, and not by a call
    except (ValueError, httpx.InvalidURL):  # an open bracket, a port that is none
        return False
    is_private = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    return bool(is_private and has_port and parts.hostname) and not (parts.username or parts.query or parts.fragment)


def _timeouts(values: dict[str, Any], defaults: dict[str, Any], kind: Kind) -> Timeouts:
    """What the provider's table says, else the defaults' table, else what its kind needs."""
    chosen = {name: values[name] if values[name] is not None else defaults[name] for name in TIMEOUT_KEYS}
    if chosen["idle_timeout_seconds"] is None:
        chosen["idle_timeout_seconds"] = kind.idle_timeout_seconds
    return Timeouts(**{name: value for name, value in chosen.items() if value is not None})
