"""The only reader of os.environ and of gateway.toml.

Every key stands in a table below with its type, its default and what it accepts; a key that does not is an error
that names the nearest one that does. Nothing here opens a socket.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sluice.checked import (
    Key,
    checked,
    is_count,
    is_heartbeat,
    is_list,
    is_names,
    is_seconds,
    is_span,
    is_switch,
    is_table,
    is_text,
    nearest,
)
from sluice.domain.call import Target
from sluice.domain.errors import Misconfigured
from sluice.presets import PRESETS, Preset, Quirks

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
ROUTE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
OPENAI_URL = "https://api.openai.com/v1"
ANTHROPIC_URL = "https://api.anthropic.com/v1"
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}")
APIS = ("openai",)
URL_OVERRIDE = "SLUICE_PROVIDER_URL_"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a call waits, in seconds; 0 turns a heartbeat off."""

    connect_timeout_seconds: float = 5
    first_byte_timeout_seconds: float = 300
    idle_timeout_seconds: float = 120
    total_timeout_seconds: float = 900
    heartbeat_seconds: float = 10
    early_heartbeat_seconds: float = 0


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One upstream API. `prices` overrides the price table.

    `usage` and `strict_done` are those of `quirks`. With `stored_objects` callers may name files, vector stores,
    containers and prompts of the provider's project by id. `region` is where a Bedrock provider is.
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


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the gateway is told from outside. `targets` are those whose route says more than their name."""

    table: str
    region: str
    providers: Mapping[str, ProviderSettings]
    routes: Mapping[str, str]
    targets: Mapping[str, Target]
    secret_ttl_seconds: float
    secret_max_stale_seconds: float
    secret_rest_seconds: float
    retention_days: int
    typical_output_tokens: int


class Kind(NamedTuple):
    """A kind of provider: where it is when no base_url says so, whose prices it has, how long it may be silent."""

    base_url: str | None
    price_family: str | None
    needs_secret: bool
    idle_timeout_seconds: float | None = None


KINDS = {
    "openai": Kind(OPENAI_URL, "openai", True),
    "compatible": Kind(None, None, False),
    "anthropic": Kind(ANTHROPIC_URL, "anthropic", True),
    # Silent for 125 s within a tool's arguments: https://github.com/OpenRouterTeam/ai-sdk-provider/issues/440
    "bedrock": Kind(None, "bedrock", False, idle_timeout_seconds=300),
}
ONLY_BEDROCK = ("region", "endpoint")
NO_PRESET = Preset()


def _is_kind(value: object) -> bool:
    return isinstance(value, str) and value in KINDS


def _is_region(value: object) -> bool:
    return isinstance(value, str) and REGION.fullmatch(value) is not None


def _is_api(value: object) -> bool:
    return value in APIS


SECONDS = "seconds, more than 0 and at most 900"
HEARTBEAT = "seconds, or 0 for none"
TIMEOUT_KEYS = {
    "connect_timeout_seconds": Key(SECONDS, is_seconds),
    "first_byte_timeout_seconds": Key(SECONDS, is_seconds),
    "idle_timeout_seconds": Key(SECONDS, is_seconds),
    "total_timeout_seconds": Key(SECONDS, is_seconds),
    "heartbeat_seconds": Key(HEARTBEAT, is_heartbeat),
    "early_heartbeat_seconds": Key(HEARTBEAT, is_heartbeat),
}
PROVIDER_KEYS = TIMEOUT_KEYS | {
    "kind": Key('"openai", "compatible", "anthropic" or "bedrock"', _is_kind),
    "preset": Key("the name of a preset", is_text),
    "base_url": Key("an https URL, or http to loopback", is_text),
    "secret": Key("the name or ARN of a secret", is_text),
    "usage": Key("true or false", is_switch),
    "strict_done": Key("true or false", is_switch),
    "stored_objects": Key("true or false", is_switch, False),
    "models": Key("a list of model names", is_names, []),
    "price_family": Key("a family of the price table", is_text),
    "region": Key('a region of AWS such as "us-east-1"', _is_region),
    "endpoint": Key("an https URL, or http to loopback", is_text),
    "prices": Key("a table of model names", is_table, {}),
}
QUIRK_KEYS = ("usage", "strict_done")
SECRET_KEYS = {
    "ttl_seconds": Key("seconds, more than 0", is_span, 300),
    "max_stale_seconds": Key("seconds, more than 0", is_span, 86_400),
    "rest_seconds": Key("seconds, more than 0", is_span, 60),
}
LEDGER_KEYS = {
    "typical_output_tokens": Key("tokens, a whole number", is_count, 512),
}
ROOT_KEYS = {
    "defaults": Key("a table", is_table, {}),
    "providers": Key("a table of providers", is_table, {}),
    "routes": Key("a table of routes", is_table, {}),
    "secrets": Key("a table", is_table, {}),
    "ledger": Key("a table", is_table, {}),
}
ROUTE_KEYS = {"targets": Key('one target, [{ model = "provider/model" }]', is_list)}
TARGET_KEYS = {
    "model": Key('"provider/model"', is_text),
    "base_model": Key("the id of the model behind an inference profile", is_text),
    "api": Key('"openai"', _is_api),
}


def load(environ: Mapping[str, str] = os.environ, default_config: Path | None = None) -> Settings:
    """Settings from the environment and the TOML file it names (SLUICE_CONFIG). Raises Misconfigured."""
    path = environ.get("SLUICE_CONFIG") or default_config
    if path is None:
        raise Misconfigured("SLUICE_CONFIG names no file")
    return settings(read(Path(path)), environ)


def read(path: Path) -> dict[str, Any]:
    """The TOML file as it stands."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured(f"cannot read the configuration {path.name}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path.name} is not TOML: {error}") from None


def settings(document: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Settings from a parsed configuration. Raises Misconfigured, naming the key and what it accepts."""
    root = checked(document, ROOT_KEYS, "")
    defaults = checked(root["defaults"], TIMEOUT_KEYS, "defaults")
    secrets = checked(root["secrets"], SECRET_KEYS, "secrets")
    ledger = checked(root["ledger"], LEDGER_KEYS, "ledger")
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    providers = {name: _provider(name, table, defaults, environ, region) for name, table in root["providers"].items()}
    if not providers:
        raise Misconfigured('no provider is configured; add [providers.openai] with kind = "openai" and a secret')
    routes = {name: _route(name, value, providers) for name, value in root["routes"].items()}
    return Settings(
        table=_required(environ, "SLUICE_TABLE"),
        region=region,
        providers=providers,
        routes={name: str(target) for name, target in routes.items()},
        targets=_targets(routes),
        secret_ttl_seconds=secrets["ttl_seconds"],
        secret_max_stale_seconds=secrets["max_stale_seconds"],
        secret_rest_seconds=secrets["rest_seconds"],
        retention_days=_retention_days(environ),
        typical_output_tokens=ledger["typical_output_tokens"],
    )


def _retention_days(environ: Mapping[str, str]) -> int:
    """Days a settled record is kept: a variable, because the sweeper, which reads no file, must agree."""
    text = environ.get("SLUICE_RETENTION_DAYS", "400")
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise Misconfigured(f"SLUICE_RETENTION_DAYS = {text!r}: want days, a whole number above 0")
    return int(text)


def _required(environ: Mapping[str, str], name: str) -> str:
    if not environ.get(name):
        raise Misconfigured(f"the environment variable {name} is not set")
    return environ[name]


def _provider(
    name: str, table: object, defaults: dict[str, Any], environ: Mapping[str, str], function_region: str
) -> ProviderSettings:
    where = f"providers.{name}"
    if not NAME.fullmatch(name):
        raise Misconfigured(f"[{where}]: a provider's name is lower-case letters, digits, - and _")
    values = checked(table, PROVIDER_KEYS, where)
    kind = KINDS.get(values["kind"])
    if kind is None:
        raise Misconfigured(f"{where}.kind is missing: want {PROVIDER_KEYS['kind'].wants}")
    preset = _preset(where, values)
    if (kind.needs_secret or preset.needs_secret) and not values["secret"]:
        raise Misconfigured(f'{where}.secret is missing: name the secret that holds {{"api_key": "..."}}')
    quirks = _quirks(values, preset.quirks)
    region = _region(where, values, function_region)
    url = _override(name, environ) or values["base_url"] or preset.base_url or kind.base_url
    return ProviderSettings(
        name=name,
        kind=values["kind"],
        base_url=_base_url(where, url or _endpoint(values, region)),
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
    )


def _region(where: str, values: dict[str, Any], function_region: str) -> str | None:
    """Where a Bedrock provider is, the function's own region unless it says another."""
    if values["kind"] == "bedrock":
        return str(values["region"] or function_region)
    for name in ONLY_BEDROCK:
        if values[name] is not None:
            raise Misconfigured(f'{where}.{name} goes with kind = "bedrock"')
    return None


def _endpoint(values: dict[str, Any], region: str | None) -> str | None:
    """Bedrock's runtime in a region: https://docs.aws.amazon.com/general/latest/gr/bedrock.html."""
    if region is None:
        return None
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return str(values["endpoint"] or f"https://bedrock-runtime.{region}.{domain}")


def _preset(where: str, values: dict[str, Any]) -> Preset:
    """The row that the configuration names, or one that says nothing."""
    name = values["preset"]
    if name is None:
        return NO_PRESET
    if values["kind"] != "compatible":
        raise Misconfigured(f'{where}.preset: a preset goes with kind = "compatible", not {values["kind"]!r}')
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


def _base_url(where: str, url: str | None) -> str:
    if url is None:
        raise Misconfigured(f"{where}.base_url is missing: want an https URL, or http to loopback")
    parts = urlsplit(url)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not (is_safe and parts.hostname) or parts.username or parts.query or parts.fragment:
        raise Misconfigured(f"{where}.base_url: want an https URL, or http to loopback, without user or query")
    return url.rstrip("/")


def _timeouts(values: dict[str, Any], defaults: dict[str, Any], kind: Kind) -> Timeouts:
    """What the provider's table says, else the defaults' table, else what its kind needs."""
    chosen = {name: values[name] if values[name] is not None else defaults[name] for name in TIMEOUT_KEYS}
    if chosen["idle_timeout_seconds"] is None:
        chosen["idle_timeout_seconds"] = kind.idle_timeout_seconds
    return Timeouts(**{name: value for name, value in chosen.items() if value is not None})


def _route(name: str, value: object, providers: Mapping[str, ProviderSettings]) -> Target:
    """A route's one target, `provider/model`; written short as a string or long as a table of targets."""
    if not ROUTE_NAME.fullmatch(name):
        raise Misconfigured(f"routes.{name!r}: a route's name is letters, digits, . _ : and -")
    options = {"model": value} if isinstance(value, str) else _long_route(name, value)
    provider, _, model = str(options["model"]).partition("/")
    if provider not in providers or not model:
        known = ", ".join(sorted(providers))
        raise Misconfigured(
            f"routes.{name} = {options['model']!r}: want provider/model with one of the providers {known}"
        )
    target = Target(provider, model, options.get("base_model"), options.get("api"))
    if target.api and providers[provider].kind != "bedrock":
        raise Misconfigured(f'routes.{name}.targets[0].api goes with a provider of kind = "bedrock"')
    return target


def _long_route(name: str, value: object) -> dict[str, Any]:
    targets = checked(value, ROUTE_KEYS, f"routes.{name}")["targets"]
    if not targets or len(targets) != 1:
        raise Misconfigured(f"routes.{name}.targets: want {ROUTE_KEYS['targets'].wants}")
    options = checked(targets[0], TARGET_KEYS, f"routes.{name}.targets[0]")
    if options["model"] is None:
        raise Misconfigured(f"routes.{name}.targets[0].model is missing")
    return options


def _targets(routes: Mapping[str, Target]) -> dict[str, Target]:
    """Targets of which a route says more than their name; what one says holds wherever the model is named."""
    found: dict[str, Target] = {}
    for name, target in routes.items():
        if not (target.base_model or target.api):
            continue
        if found.setdefault(str(target), target) != target:
            raise Misconfigured(f"routes.{name}: {target} has another base_model or api in another route")
    return found
