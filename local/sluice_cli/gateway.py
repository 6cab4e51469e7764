"""A gateway as a client sees it: signed calls over httpx, every failure one line."""

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from sluice_cli.completion import Completion, code_of, error_line, is_ours, one_line
from sluice_cli.failure import CommandFailed
from sluice_cli.site import Site, is_loopback
from sluice_client import FunctionUrlAuth, SigningError

DEFAULT_MODEL = "gpt-4o-mini"
CHAT_COMPLETIONS = "/v1/chat/completions"
MODELS = "/v1/models"
TIMEOUT = httpx.Timeout(connect=10.0, read=300.0, write=60.0, pool=10.0)  # a live stream has heartbeats in between
MAX_ERROR_BYTES = 64 * 1024
MODEL_NOT_FOUND = "model_not_found"
PROVIDER_HEADER = "x-sluice-provider"  # who answered or failed to, where one was asked
DRY_RUN = "x-sluice-dry-run"
ERRNO = re.compile(r"^\[Errno -?\d+\] ")

Auth = Callable[[httpx.Request], httpx.Request]


class UnknownModel(CommandFailed):
    """The gateway serves no model of that name."""


class Gateway:
    """A context manager: the connection is closed behind it."""

    def __init__(self, url: str, auth: Auth, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url
        # A proxy of the environment must not stand between this machine and itself.
        direct = is_loopback(httpx.URL(url).host)
        self._client = httpx.Client(auth=auth, timeout=TIMEOUT, trust_env=not direct, transport=transport)

    @classmethod
    def at(cls, site: Site) -> "Gateway":
        url = site.needed_url
        try:
            return cls(url, FunctionUrlAuth(site.region, site.credentials))
        except SigningError as error:
            raise CommandFailed(str(error)) from error

    def __enter__(self) -> "Gateway":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @contextlib.contextmanager
    def completion(self, body: dict[str, Any]) -> Iterator[Completion]:
        """A streamed chat completion; raises CommandFailed also for what goes wrong inside the with."""
        with self._translated(), self._client.stream("POST", self.url + CHAT_COMPLETIONS, json=body) as response:
            if response.status_code != httpx.codes.OK:
                raise self._refused(response)
            yield Completion(response.headers.get("x-request-id", ""), response.iter_bytes())

    def models(self) -> list[str]:
        """What may be asked for, in the gateway's order: routes come first."""
        with self._translated(), self._client.stream("GET", self.url + MODELS) as response:
            if response.status_code != httpx.codes.OK:
                raise self._refused(response)
            response.read()
        try:
            return [str(model["id"]) for model in response.json()["data"]]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise CommandFailed(f"{self.url}{MODELS} answered with no list of models; is that a gateway?") from error

    def dry_run(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """What the gateway would do with a call; no provider is called, and nothing is charged."""
        ask = self._client.stream("POST", self.url + path, json=body, headers={DRY_RUN: "true"})
        with self._translated(), ask as response:
            if response.status_code != httpx.codes.OK:
                raise self._refused(response)
            if response.headers.get(DRY_RUN) != "true":
                raise CommandFailed(f"{self.url} knows no dry run, and made the call; it is no Sluice, or an old one")
            response.read()
        try:
            document = response.json()
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise CommandFailed(f"{self.url} answered a dry run with something else than a JSON object")
        return document

    def _refused(self, response: httpx.Response) -> CommandFailed:
        document, text = _body(response)
        is_relayed = PROVIDER_HEADER in response.headers and not is_ours(document)
        reason = error_line(document, "the provider's" if is_relayed else "") if document else text
        is_unknown = code_of(document) == MODEL_NOT_FOUND and not is_relayed
        kind = UnknownModel if is_unknown else CommandFailed
        return kind(f"{self.url} answered {response.status_code} {reason}")

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except SigningError as error:
            raise CommandFailed(str(error)) from error
        except httpx.ConnectError as error:
            right = "is `sluice dev` still running?" if is_loopback(httpx.URL(self.url).host) else "is the URL right?"
            raise CommandFailed(f"{self.url} cannot be reached ({cause(error)}); {right}") from error
        except httpx.TimeoutException as error:
            raise CommandFailed(f"{self.url} said nothing for too long ({type(error).__name__})") from error
        except httpx.TransportError as error:
            raise CommandFailed(f"the connection to {self.url} broke off ({cause(error)})") from error
        except httpx.DecodingError as error:
            raise CommandFailed(f"{self.url} answered with bytes that are not what its headers say") from error


def cause(error: Exception) -> str:
    return ERRNO.sub("", str(error)).lower() or type(error).__name__


def _body(response: httpx.Response) -> tuple[dict[str, Any], str]:
    """The error as JSON, empty where it is none, and as a line of text."""
    body = b""
    for piece in response.iter_bytes():
        body += piece
        if len(body) > MAX_ERROR_BYTES:
            break
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    text = one_line(body[:200].decode("utf-8", "replace")) or "without a word"
    return (document if isinstance(document, dict) else {}), text
