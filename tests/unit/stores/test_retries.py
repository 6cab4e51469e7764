"""One retry layer: what it retries, how long, and how it waits."""

from collections.abc import Callable
from random import Random

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
)
from botocore.parsers import ResponseParserError
from tests.unit.stores.calls import HandClock
from tests.unit.stores.memory_table import failure, lost, throttled

from sluice.stores.retries import Retries, code, is_transient

URL = "http://127.0.0.1"
TRANSIENT = [
    throttled(),
    lost(),
    failure("ThrottlingException"),
    failure("RequestLimitExceeded"),
    failure("TransactionConflictException"),
    failure("InternalServerError", 500),
    failure("whatever the body said", 503),
    ConnectTimeoutError(endpoint_url=URL),
    EndpointConnectionError(endpoint_url=URL),
    ConnectionClosedError(endpoint_url=URL),
    HTTPClientError(error=OSError("reset")),
    ResponseParserError("cut"),
]
LASTING = [
    failure("AccessDeniedException"),
    failure("ResourceNotFoundException"),
    failure("ValidationException"),
    failure("ConditionalCheckFailedException"),
    failure("UnrecognizedClientException"),
    NoCredentialsError(),
    ParamValidationError(report="x"),
]


@pytest.mark.parametrize("error", TRANSIENT, ids=code)
def test_a_transient_failure_is_tried_again(error: Exception) -> None:
    call = scripted(error, error)

    answer = Retries(HandClock().clock, Random(1)).run(call, 1.0)

    assert is_transient(error)
    assert answer == "done"


@pytest.mark.parametrize("error", LASTING, ids=code)
def test_a_lasting_failure_is_raised_at_once(error: Exception) -> None:
    clock = HandClock()

    with pytest.raises(type(error)):
        Retries(clock.clock, Random(1)).run(scripted(error), 1.0)

    assert clock.slept == []


def test_the_last_failure_is_raised_within_the_budget() -> None:
    clock = HandClock(now=0.0)

    with pytest.raises(ClientError):
        Retries(clock.clock, Random(1)).run(scripted(*[throttled()] * 1000), 2.0)

    assert 1.0 < clock.seconds < 2.0


def test_the_first_attempt_is_made_without_any_budget() -> None:
    assert Retries(HandClock().clock, Random(1)).run(scripted(), -1.0) == "done"


def test_pauses_are_drawn_from_a_doubling_range_up_to_half_a_second() -> None:
    clock = HandClock()

    class Longest(Random):
        def uniform(self, a: float, b: float) -> float:
            assert a == 0
            return b

    Retries(clock.clock, Longest()).run(scripted(*[throttled()] * 8), 10.0)

    assert clock.slept == [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.5, 0.5]


def scripted(*failures: Exception) -> Callable[[], str]:
    left = list(failures)

    def call() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return call
