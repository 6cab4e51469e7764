"""Which gateway is meant, and with which credentials: arguments first, then the environment, then a running dev stack.

Credentials of an env file are used for what that file names and for nothing else. Everything else is AWS's own
credential chain.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from sluice_cli import environment_file
from sluice_cli.failure import UsageError


@dataclass(frozen=True, slots=True)
class FixedCredentials:
    """Credentials from an env file, in the shape that FunctionUrlAuth takes a session in."""

    access_key: str
    secret_key: str = field(repr=False)
    token: None = None

    def get_credentials(self) -> "FixedCredentials":
        return self

    def get_frozen_credentials(self) -> "FixedCredentials":
        return self


@dataclass(frozen=True, slots=True)
class Site:
    """A gateway, as far as it is known. Without `credentials` the AWS chain is asked."""

    url: str | None = None
    region: str | None = None
    table: str | None = None
    dynamodb_url: str | None = None
    credentials: FixedCredentials | None = None
    secrets_url: str | None = None

    @property
    def is_dev_stack(self) -> bool:
        """Whether an env file of a `sluice dev` named it: its keys mean nothing to AWS."""
        return self.credentials is not None

    @property
    def endpoints(self) -> dict[str, str | None]:
        """Where AWS's services are, by their names in boto3, as far as they are not AWS's own."""
        return {"dynamodb": self.dynamodb_url, "secretsmanager": self.secrets_url}

    @property
    def needed_url(self) -> str:
        if self.url is None:
            raise UsageError("no gateway named; run `sluice dev` in another terminal, set SLUICE_URL, or use --url")
        return self.url


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a site's variables may come from. `fallback` is the env file of a dev stack that may be running."""

    environ: Mapping[str, str]
    chosen: Path | None = None
    fallback: Path = environment_file.DEFAULT

    def by_url(self, url: str | None) -> Site:
        """The site of that URL; without one, of SLUICE_URL."""
        checked = checked_url(url) if url else None
        return self._site(environment_file.URL, checked, url=checked)

    def by_table(self, table: str | None, region: str | None = None) -> Site:
        """The site of that table; without one, of SLUICE_TABLE."""
        return self._site(environment_file.TABLE, table, table=table, region=region)

    def _site(self, key: str, named: str | None, **given: str | None) -> Site:
        file = self._file(key, named)
        known, own = (self.environ, {}) if file is None else (file, file)
        url = known.get(environment_file.URL)
        return Site(
            url=given.get("url") or (checked_url(url) if url else None),
            region=given.get("region") or own.get(environment_file.REGION),
            table=given.get("table") or known.get(environment_file.TABLE),
            dynamodb_url=own.get(environment_file.DYNAMODB_URL),
            credentials=_credentials(own),
            secrets_url=own.get(environment_file.SECRETS_MANAGER_URL),
        )

    def _file(self, key: str, named: str | None) -> Mapping[str, str] | None:
        """The env file that holds for what is `named`, if one does."""
        if self.chosen is not None:
            return environment_file.read(self.chosen)
        if (named is None and self.environ.get(key)) or not self.fallback.is_file():
            return None
        file = environment_file.read(self.fallback)
        return file if named in (None, file.get(key)) else None


def checked_url(text: str) -> str:
    """The gateway's base URL without a path; raises UsageError for anything else."""
    parts = _parts(text)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
        raise UsageError(f"{text!r} is no URL of a gateway; https://<id>.lambda-url.<region>.on.aws is one")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise UsageError(f"{text} would send prompts in the clear; http is for this machine only, use https")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/v1')}"


def _parts(text: str) -> SplitResult | None:
    """None for what is no URL at all: an open bracket, a port that is none, characters that no address has."""
    try:
        parts = urlsplit(text)
        return parts if parts.port != 0 and text.isascii() and text.isprintable() else None
    except ValueError:
        return None


def is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _credentials(file: Mapping[str, str]) -> FixedCredentials | None:
    key, secret = file.get(environment_file.ACCESS_KEY_ID), file.get(environment_file.SECRET_ACCESS_KEY)
    return FixedCredentials(key, secret) if key and secret else None
