"""The only reader of os.environ and of gateway.toml.

Every key stands in a table with its type, its default and what it accepts: here, in `provider_settings`, in
`route_settings` and in `policy_settings`. A key that does not is an error that names the nearest one that does. Nothing
here opens a socket.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sluice.checked import Key, checked, is_count, is_list, is_one_of, is_span, is_switch, is_table, is_text, named
from sluice.domain.call import Target
from sluice.domain.errors import Misconfigured
from sluice.domain.policy import Action, Policy
from sluice.domain.route import Retry, Route
from sluice.provider_settings import TIMEOUT_KEYS, ProviderSettings, provider
from sluice.route_settings import retry, routes, targets


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the gateway is told from outside. `targets` are those whose route says more than their name.

    `retry` is for models that are named without a route. `prefix` is the path that Cloudflare's own paths may stand
    behind, None for none. `config_seconds` is how old the known version of the configuration may be, 0 for any age.
    `version` is that of a configuration that was pushed, 0 for the file that was deployed. `access` is what no matching
    policy means, `patterns` are the operator's own for guards, by name, and `idempotency` whether answers are kept.
    """

    table: str
    region: str
    providers: Mapping[str, ProviderSettings]
    routes: Mapping[str, Route]
    targets: Mapping[str, Target]
    retry: Retry
    secret_ttl_seconds: float
    secret_max_stale_seconds: float
    secret_rest_seconds: float
    retention_days: int
    typical_output_tokens: int
    prefix: str | None = None
    config_seconds: float = 20
    version: int = 0
    policies: tuple[Policy, ...] = ()
    access: Action = Action.ALLOW
    patterns: Mapping[str, str] = field(default_factory=dict)
    idempotency: bool = True


MOST_CONFIG_SECONDS = 3600
SECRET_KEYS = {
    "ttl_seconds": Key("seconds, more than 0", is_span, 300),
    "max_stale_seconds": Key("seconds, more than 0", is_span, 86_400),
    "rest_seconds": Key("seconds, more than 0", is_span, 60),
}
LEDGER_KEYS = {
    "typical_output_tokens": Key("tokens, a whole number", is_count, 512),
}
CLOUDFLARE_KEYS = {
    "account": Key("the account's id, as it stands in the old URL", is_text),
    "gateway": Key("the gateway's name, as it stands in the old URL", is_text),
}
IDEMPOTENCY_KEYS = {
    "keep_answers": Key("true or false", is_switch, True),
}
DEFAULT_KEYS = TIMEOUT_KEYS | {
    "retry": Key("a table", is_table, {}),
    "access": Key(named(Action), is_one_of(Action), Action.ALLOW),
}
ROOT_KEYS = {
    "defaults": Key("a table", is_table, {}),
    "providers": Key("a table of providers", is_table, {}),
    "routes": Key("a table of routes", is_table, {}),
    "secrets": Key("a table", is_table, {}),
    "ledger": Key("a table", is_table, {}),
    "cloudflare": Key("a table", is_table, {}),
    "policies": Key("a list of tables, each written [[policies]]", is_list, []),
    "patterns": Key("a table of regular expressions", is_table, {}),
    "idempotency": Key("a table", is_table, {}),
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
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Misconfigured(f"{path.name} is not TOML: {error}") from None


def pushed(text: str, environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from a configuration that was pushed and the environment. Raises Misconfigured."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a plain ValueError is a number of too many digits
        raise Misconfigured(f"it is not TOML: {error}") from None
    try:
        return settings(document, environ)
    except (ValueError, OverflowError) as error:  # one in another base, which no message can show
        raise Misconfigured(f"a number is too long: {error}") from None


def settings(document: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Settings from a parsed configuration. Raises Misconfigured, naming the key and what it accepts."""
    root = checked(document, ROOT_KEYS, "")
    defaults = checked(root["defaults"], DEFAULT_KEYS, "defaults")
    retries = retry(defaults.pop("retry"), "defaults.retry", Retry())
    access = Action(defaults.pop("access"))
    secrets = checked(root["secrets"], SECRET_KEYS, "secrets")
    ledger = checked(root["ledger"], LEDGER_KEYS, "ledger")
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    providers = {name: provider(name, table, defaults, environ, region) for name, table in root["providers"].items()}
    if not providers:
        raise Misconfigured('no provider is configured; add [providers.openai] with kind = "openai" and a secret')
    found = routes(root["routes"], providers, retries)
    policies, patterns = _policies(root, found)
    return Settings(
        table=_required(environ, "SLUICE_TABLE"),
        region=region,
        providers=providers,
        routes=found,
        targets=targets(found),
        retry=retries,
        secret_ttl_seconds=secrets["ttl_seconds"],
        secret_max_stale_seconds=secrets["max_stale_seconds"],
        secret_rest_seconds=secrets["rest_seconds"],
        retention_days=_retention_days(environ),
        typical_output_tokens=ledger["typical_output_tokens"],
        prefix=_prefix(root["cloudflare"]),
        config_seconds=_config_seconds(environ),
        policies=policies,
        access=access,
        patterns=patterns,
        idempotency=checked(root["idempotency"], IDEMPOTENCY_KEYS, "idempotency")["keep_answers"],
    )


def _policies(root: Mapping[str, Any], routes: Mapping[str, Route]) -> tuple[tuple[Policy, ...], Mapping[str, str]]:
    if not (root["policies"] or root["patterns"]):
        return (), {}
    from sluice import policy_settings  # a gateway without policies does not load it

    own = policy_settings.patterns(root["patterns"])
    return policy_settings.policies(root["policies"], routes, own), own


def _prefix(table: object) -> str | None:
    """The path of an account and a gateway at Cloudflare, which stand together or not at all."""
    values = checked(table, CLOUDFLARE_KEYS, "cloudflare")
    if not any(values.values()):
        return None
    for name, value in values.items():
        if value is None or not value.replace("-", "").replace("_", "").isalnum():
            raise Misconfigured(f"cloudflare.{name}: want {CLOUDFLARE_KEYS[name].wants}; account and gateway together")
    return f"/v1/{values['account']}/{values['gateway']}"


def _retention_days(environ: Mapping[str, str]) -> int:
    """Days a settled record is kept: a variable, because the sweeper, which reads no file, must agree."""
    text = environ.get("SLUICE_RETENTION_DAYS", "400")
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise Misconfigured(f"SLUICE_RETENTION_DAYS = {text!r}: want days, a whole number above 0")
    return int(text)


def _config_seconds(environ: Mapping[str, str]) -> float:
    """A variable, because it is about where the configuration comes from."""
    text = environ.get("SLUICE_CONFIG_SECONDS", "20")
    if not (text.isascii() and text.replace(".", "", 1).isdigit() and float(text) <= MOST_CONFIG_SECONDS):
        raise Misconfigured(
            f"SLUICE_CONFIG_SECONDS = {text!r}: want seconds, at most {MOST_CONFIG_SECONDS}, or 0 for never"
        )
    return float(text)


def _required(environ: Mapping[str, str], name: str) -> str:
    if not environ.get(name):
        raise Misconfigured(f"the environment variable {name} is not set")
    return environ[name]
