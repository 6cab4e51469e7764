"""Provider keys from Secrets Manager: cached, taken in turns, and never shown.

A secret is JSON: {"api_key": "..."} or {"api_keys": ["...", "..."]}; a token of Microsoft Entra ID is named
"entra_token" or "entra_tokens" and is a key like any other here. A secret is read again when it is older than its time
to live. If Secrets Manager cannot be reached then, the last good value serves on (static stability); if it answers that
there is no such secret, or not for us, or what it holds is not a secret of ours, that answer counts. Whatever fails,
the caller learns the secret's id and the log the kind of failure: no part of a value is ever in a message, nor in what
an exception refers to. https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
"""

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from sluice.domain.clock import Clock
from sluice.domain.errors import SecretUnavailable
from sluice.stores.retries import FAILURES, Retries, code, is_transient

FETCH_SECONDS = 0.5  # when the last attempt may begin; the client's timeouts then bound the whole by 3 s
REFETCH_SECONDS = 5.0  # between two reads of one secret, whatever asks for them
OUTAGE_SECONDS = 30.0  # between two reads while the last good value serves
SINGLE, SEVERAL = ("api_key", "entra_token"), ("api_keys", "entra_tokens")

logger = logging.getLogger(__name__)


class SecretsManager(Protocol):
    """What is needed of a Secrets Manager client whose own retries are off."""

    def get_secret_value(self, **arguments: Any) -> Mapping[str, Any]: ...


@dataclass(slots=True)
class Secret:
    """What this environment knows of one secret. Times are monotonic seconds; keys are never shown."""

    turn: int
    keys: tuple[str, ...] = field(default=(), repr=False)
    read_at: float = -math.inf  # when `keys` were read
    asked_at: float = -math.inf  # when Secrets Manager was last asked
    is_out_of_reach: bool = False  # it did not answer then
    resting: dict[str, float] = field(default_factory=dict, repr=False)  # key -> when it may be used again

    def take(self, keys: tuple[str, ...], now: float) -> None:
        self.keys, self.read_at = keys, now
        self.resting = {key: until for key, until in self.resting.items() if key in keys}

    def next_key(self, now: float) -> str:
        """The next in turn that does not rest; where all rest, the one that has rested longest."""
        awake = self.awake(now) or (min(self.keys, key=lambda key: self.resting[key]),)
        self.turn += 1
        return awake[self.turn % len(awake)]

    def awake(self, now: float) -> tuple[str, ...]:
        return tuple(key for key in self.keys if self.resting.get(key, -math.inf) <= now)


class SecretStore:
    """All provider secrets of one environment, each under its full id."""

    def __init__(
        self,
        client: SecretsManager,
        clock: Clock,
        ttl_seconds: float = 300,
        max_stale_seconds: float = 86_400,
        rest_seconds: float = 60,
        random: Random | None = None,
    ) -> None:
        self._client = client
        self._clock = clock
        self._random = random or Random()
        self._retries = Retries(clock, self._random)
        self._ttl_seconds = ttl_seconds
        self._max_stale_seconds = max_stale_seconds
        self._rest_seconds = rest_seconds
        self._secrets: dict[str, Secret] = {}

    def check(self, secret_id: str) -> None:
        """Raises SecretUnavailable, within 3 s, where there is no key; takes no key's turn."""
        self._usable(secret_id)

    def key(self, secret_id: str) -> str:
        """The key whose turn it is. Raises SecretUnavailable, within 3 s."""
        return self._usable(secret_id).next_key(self._clock.monotonic())

    def _usable(self, secret_id: str) -> Secret:
        secret = self._known(secret_id)
        now = self._clock.monotonic()
        is_due = not secret.keys or now - secret.read_at >= self._ttl_seconds  # a repaired secret need not wait
        if is_due and self._may_ask(secret, now):
            self._read(secret_id, secret)
        if not secret.keys or now - secret.read_at >= self._ttl_seconds + self._max_stale_seconds:
            raise unavailable(secret_id, secret)
        return secret

    def refused(self, secret_id: str, key: str) -> str | None:
        """The provider refused `key`: it rests, the secret is read again, and another key, if any, is worth one try."""
        secret = self._known(secret_id)
        now = self._clock.monotonic()
        secret.resting[key] = now + self._rest_seconds
        if now - secret.asked_at >= REFETCH_SECONDS:
            self._read(secret_id, secret)
        return secret.next_key(now) if secret.awake(now) else None

    def _known(self, secret_id: str) -> Secret:
        if secret_id not in self._secrets:  # environments begin at different keys, so that all keys share the load
            self._secrets[secret_id] = Secret(turn=self._random.randrange(1 << 16))
        return self._secrets[secret_id]

    def _may_ask(self, secret: Secret, now: float) -> bool:
        """Not after each call of a storm; and while an old value serves, an outage is not waited for each time."""
        pause = OUTAGE_SECONDS if secret.keys and secret.is_out_of_reach else REFETCH_SECONDS
        return now - secret.asked_at >= pause

    def _read(self, secret_id: str, secret: Secret) -> None:
        secret.asked_at = self._clock.monotonic()
        try:
            answer = self._retries.run(lambda: self._client.get_secret_value(SecretId=secret_id), FETCH_SECONDS)
        except FAILURES as error:
            logger.error("secret.unavailable: %s, %s", secret_id, code(error))
            secret.is_out_of_reach = is_transient(error)
            if not secret.is_out_of_reach:
                secret.take((), secret.asked_at)
            return
        secret.is_out_of_reach = False
        secret.take(keys_in(answer), secret.asked_at)
        if not secret.keys:
            logger.error('secret.malformed: %s must be {"api_key": "..."} or {"api_keys": ["..."]}', secret_id)


def unavailable(secret_id: str, secret: Secret) -> SecretUnavailable:
    headers = {"retry-after": f"{REFETCH_SECONDS:.0f}"} if secret.is_out_of_reach else {}
    return SecretUnavailable(f"the secret {secret_id} cannot be used; see the gateway's log", headers=headers)


def keys_in(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys of a secret's value, without repeats; none at all unless every one can be sent in a header."""
    value = parsed(answer.get("SecretString"))
    named = [name for name in (*SINGLE, *SEVERAL) if name in value] if isinstance(value, dict) else []
    if len(named) != 1:
        return ()
    given = value[named[0]] if named[0] in SEVERAL else [value[named[0]]]
    keys = [sendable(key) for key in given] if isinstance(given, list) else []
    return tuple(dict.fromkeys(keys)) if all(keys) else ()


def parsed(text: object) -> Any:
    """None for what is not JSON. Nothing is raised: the parser's own error would carry the text."""
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


def sendable(key: object) -> str:
    """The key without the newline that an editor leaves at its end; empty unless it is visible ASCII throughout."""
    text = key.rstrip("\r\n") if isinstance(key, str) else ""
    return text if all("!" <= character <= "~" for character in text) else ""
