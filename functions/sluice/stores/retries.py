"""The one layer that retries calls to AWS, and what their failures mean. The SDK's own retries are off.

Full jitter within a budget of time (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html): at
scale many environments meet the same throttle, and they must not meet it again together. An attempt under way is
never cut, so a call may outlast its budget by the client's own timeouts once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ChecksumError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    IncompleteReadError,
)
from botocore.parsers import ResponseParserError

from sluice.domain.clock import Clock

Answer = TypeVar("Answer")

FAILURES = (BotoCoreError, ClientError, ResponseParserError)  # everything a client of the SDK raises
# No answer, or no whole one: the request may or may not have taken effect.
NO_ANSWER = (ConnectionError, HTTPClientError, ResponseParserError, IncompleteReadError, ChecksumError)
TRANSIENT_CODES = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)


def code(error: Exception) -> str:
    """AWS's error code, or the kind of failure where there was no answer. Safe to show: no values are in it."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code") or "Unknown")
    return type(error).__name__


def is_transient(error: Exception) -> bool:
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or code(error) in TRANSIENT_CODES
    return isinstance(error, NO_ANSWER)


def is_condition(error: Exception) -> bool:
    return code(error) == "ConditionalCheckFailedException"


@dataclass(frozen=True, slots=True)
class Retries:
    clock: Clock
    random: Random
    first_seconds: float = 0.01
    longest_seconds: float = 0.5

    def run(self, call: Callable[[], Answer], budget_seconds: float) -> Answer:
        """The call's answer, or the failure that ended it: one that lasts, or the last one within the budget."""
        until = self.clock.monotonic() + budget_seconds
        ceiling = self.first_seconds
        while True:
            try:
                return call()
            except FAILURES as error:
                pause = self.random.uniform(0, ceiling)
                if not is_transient(error) or self.clock.monotonic() + pause >= until:
                    raise
            self.clock.sleep(pause)
            ceiling = min(self.longest_seconds, ceiling * 2)
