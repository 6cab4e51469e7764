"""A dev stack for a command: its inputs checked before anything starts, its failures one line each."""

import contextlib
import errno
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sluice_cli import environment_file, host_build
from sluice_cli.completion import one_line
from sluice_cli.failure import CommandFailed, UsageError
from sluice_cli.gateway import DEFAULT_MODEL
from sluice_cli.site import FixedCredentials, Site
from sluice_cli.terminal import Terminal
from sluice_devstack.aws import EmbeddedAwsError
from sluice_devstack.aws_json import AwsError
from sluice_devstack.intrinsics import TemplateError
from sluice_devstack.stack import ROOT, DevStack, StackError, StackOptions
from sluice_devstack.upstreams import BEDROCK, upstreams

MOTO = "moto"
OPENAI_API_KEY, ANTHROPIC_API_KEY = "OPENAI_API_KEY", "ANTHROPIC_API_KEY"
RECORDINGS = "SLUICE_RECORDINGS"
REAL_KEYS = {"openai": OPENAI_API_KEY, "anthropic": ANTHROPIC_API_KEY}
SHIPPED_CONFIG = "functions/gateway.toml"
BEDROCK_ROUTE = "nova-micro"
PLAIN = re.compile(r"[A-Za-z0-9._-]+")
URL_KEYS = ("base_url", "endpoint", "region")


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the command tells of a gateway.toml; that it is right is for the gateway to say."""

    path: Path
    document: Mapping[str, Any]

    @classmethod
    def load(cls, path: Path | None, root: Path = ROOT) -> "Configuration":
        chosen = path or root / SHIPPED_CONFIG
        try:
            return cls(chosen, tomllib.loads(chosen.read_text(encoding="utf-8")))
        except OSError as error:
            raise CommandFailed(f"{chosen} cannot be read ({error.strerror})") from error
        except ValueError as error:  # not TOML, or not UTF-8
            raise CommandFailed(f"{chosen} is not TOML: {error}") from error

    @property
    def model(self) -> str:
        """A model to call: the usual one where it has a route, else the first route, else the first provider's."""
        routes = list(_table(self.document, "routes"))
        if routes:
            return DEFAULT_MODEL if DEFAULT_MODEL in routes else routes[0]
        providers = _table(self.document, "providers")
        return next((_first_model(name, entry) for name, entry in providers.items()), DEFAULT_MODEL)

    @property
    def bedrock_model(self) -> str | None:
        """A route for a call on Bedrock's own path, the usual one if there is one; such names need no encoding."""
        kinds = {name: _kind(entry) for name, entry in _table(self.document, "providers").items()}
        routes = _table(self.document, "routes").items()
        found = [name for name, target in routes if kinds.get(_provider(target)) == BEDROCK and PLAIN.fullmatch(name)]
        return BEDROCK_ROUTE if BEDROCK_ROUTE in found else next(iter(found), None)

    def providers(self, api_key: str | None, anthropic_api_key: str | None = None) -> dict[str, str]:
        """Each provider and where its calls go."""
        simulated = upstreams(self.path, {}, api_key, anthropic_api_key).providers
        entries = self.document.get("providers", {})
        return {name: _target(entry, name in simulated) for name, entry in entries.items() if isinstance(entry, dict)}


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _kind(entry: Any) -> str:
    return str(entry.get("kind")) if isinstance(entry, dict) else ""


def _provider(target: Any) -> str:
    """Of a route, which is `provider/model` or a table with targets; the gateway says what is wrong with others."""
    try:
        model = target if isinstance(target, str) else target["targets"][0]["model"]
        return str(model).partition("/")[0]
    except (LookupError, TypeError):
        return ""


def _first_model(name: str, entry: Any) -> str:
    """`provider/model`; where the configuration lists none, OpenAI has the usual one and others a gap to fill in."""
    provider = entry if isinstance(entry, dict) else {}
    models = provider.get("models")
    if isinstance(models, (list, dict)) and models:
        return f"{name}/{next(iter(models))}"
    return f"{name}/{DEFAULT_MODEL}" if provider.get("kind") == "openai" else f"{name}/<model>"


def api_key(environ: Mapping[str, str]) -> str | None:
    return environ.get(OPENAI_API_KEY) or None


def anthropic_api_key(environ: Mapping[str, str]) -> str | None:
    return environ.get(ANTHROPIC_API_KEY) or None


def recordings(environ: Mapping[str, str]) -> Path | None:
    """The folder that the simulated Bedrock replays from."""
    named = environ.get(RECORDINGS)
    return Path(named) if named else None


def secrets(path: Path | None) -> dict[str, object]:
    """Secrets Manager's content by name; no message repeats any of it."""
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read ({error.strerror})") from error
    except json.JSONDecodeError as error:
        raise CommandFailed(f"{path} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from error
    except ValueError as error:
        raise CommandFailed(f"{path} is not JSON: it is not UTF-8") from error
    if not isinstance(found, dict):
        raise CommandFailed(f'{path} must map names to values: {{"sluice/openai": {{"api_key": "..."}}}}')
    return found


def store(text: str) -> str:
    """ "moto" or the URL of a DynamoDB engine."""
    if text != MOTO and not _is_engine(text):
        raise UsageError(f"--store: {text!r} is neither {MOTO} nor the URL of a DynamoDB engine")
    return text


def _is_engine(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        return False


@contextlib.contextmanager
def running(options: StackOptions, terminal: Terminal) -> Iterator[DevStack]:
    """The stack, ready; stopped behind the with."""
    if host_build.is_missing(options.root):
        raise CommandFailed(f"build/host, which the dev stack runs, is not there; {host_build.MAKE}")
    if old := host_build.outdated(options.root):
        terminal.error.line(f"{old} is not in build/host as it is now: running what is there; {host_build.MAKE} again")
    stack = DevStack(options)
    with contextlib.ExitStack() as exits:
        with _translated(options):
            exits.enter_context(stack)
        yield stack


@contextlib.contextmanager
def _translated(options: StackOptions) -> Iterator[None]:
    try:
        yield
    except (StackError, EmbeddedAwsError, AwsError, TemplateError) as error:
        is_engine = options.store != MOTO and isinstance(error.__cause__, OSError)
        raise CommandFailed(f"no DynamoDB answers at {options.store}" if is_engine else _reason(error)) from error
    except OSError as error:
        taken = f"port {options.port} is taken; choose another with --port, or 0 for any free one"
        is_taken = error.errno == errno.EADDRINUSE
        raise CommandFailed(taken if is_taken else f"the stack cannot start: {error}") from error


def _reason(error: Exception) -> str:
    """The failure, and of a log under it the last line that is for people: Python says there what it was."""
    first, *log = str(error).splitlines() or [type(error).__name__]
    said = [line for line in log if line.strip() and not line.startswith("{")]
    return one_line(": ".join([first, *said[-1:]]))


def variables(stack: DevStack) -> dict[str, str]:
    """What the env file says of a stack that is ready."""
    return {
        environment_file.URL: stack.url,
        environment_file.ACCESS_KEY_ID: stack.access_key_id,
        environment_file.SECRET_ACCESS_KEY: stack.secret_access_key,
        environment_file.REGION: stack.region,
        environment_file.TABLE: stack.table,
        environment_file.DYNAMODB_URL: stack.dynamodb_url,
        environment_file.SECRETS_MANAGER_URL: stack.secrets_url,
    }


def site(stack: DevStack) -> Site:
    """The stack as the gateway of a client."""
    credentials = FixedCredentials(stack.access_key_id, stack.secret_access_key)
    return Site(stack.url, stack.region, stack.table, stack.dynamodb_url, credentials)


def _target(entry: Mapping[str, Any], is_simulated: bool) -> str:
    key = REAL_KEYS.get(_kind(entry), "")
    if is_simulated:
        return f"simulated on this machine ({key} is not set)" if key else "simulated on this machine"
    place = next((str(entry[key]) for key in URL_KEYS if key in entry), "")
    known = f"the preset {entry['preset']}" if "preset" in entry else f"{key or OPENAI_API_KEY} found"
    return place or f"the real one ({known})"
