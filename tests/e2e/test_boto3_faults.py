"""What a real boto3 client gets of Bedrock's failures through the whole stack: AWS's own exceptions, before a stream, in it
and at its broken end; and never an answer that only looks whole."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.e2e.bedrock_sdk import MESSAGES, client, read, simulated_bedrock
from tests.e2e.rig import Rig

GOOD = 4  # events before a fault in the middle
REFUSALS = {
    "f-notfound": ("ResourceNotFoundException", 404),
    "f-invalid": ("ValidationException", 400),
    "f-toolong": ("ValidationException", 400),
    "f-throttled": ("ThrottlingException", 429),
    "f-notready": ("ModelNotReadyException", 429),
    "f-timeout": ("ModelTimeoutException", 408),
    "f-modelerror": ("ModelErrorException", 424),
    "f-internal": ("InternalServerException", 500),
    "f-unavailable": ("ServiceUnavailableException", 503),
}
FIRST = {
    "f-firstthrottled": ("ThrottlingException", 429),
    "f-firstinvalid": ("ValidationException", 400),
    "f-firstunavailable": ("ServiceUnavailableException", 503),
}
MIDWAY = {
    "f-midthrottled": "throttlingException",
    "f-midinvalid": "validationException",
    "f-midinternal": "internalServerException",
    "f-midunavailable": "serviceUnavailableException",
    "f-midmodel": "modelStreamErrorException",
}
BROKEN = ("f-crc", "f-prelude", "f-length", "f-midframe", "f-edge", "f-rst", "f-chunkcut", "f-nostop")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with simulated_bedrock(tmp_path_factory.mktemp("faults")) as running:
        yield running


def model(fault: str) -> str:
    return f"amazon.nova-{fault}-instant"


def started(site: Rig, fault: str) -> Any:
    return client(site).converse_stream(modelId=model(fault), messages=MESSAGES)


@pytest.fixture(scope="module")
def whole(site: Rig) -> list[Any]:
    """The same small answer, unspoiled."""
    events, error = read(started(site, "f-none")["stream"])
    assert error is None
    return events


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", REFUSALS)
def test_a_refusal_is_bedrocks_own_exception(fault: str, is_stream: bool, site: Rig) -> None:
    call = client(site).converse_stream if is_stream else client(site).converse

    with pytest.raises(ClientError) as raised:
        call(modelId=model(fault), messages=MESSAGES)

    answer: Any = raised.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == REFUSALS[fault]
    assert answer["Error"]["Message"]


@pytest.mark.parametrize("fault", FIRST)
def test_an_exception_in_the_first_frame_is_a_status_of_its_own(fault: str, site: Rig) -> None:
    with pytest.raises(ClientError) as raised:
        started(site, fault)

    answer: Any = raised.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == FIRST[fault]


@pytest.mark.parametrize("fault", MIDWAY)
def test_an_exception_in_a_stream_comes_after_its_good_events(fault: str, site: Rig, whole: list[Any]) -> None:
    events, error = read(started(site, fault)["stream"])

    assert events == whole[:GOOD]
    assert error is not None
    assert error["Code"] == MIDWAY[fault]


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_stream_ends_with_an_exception_after_good_events_only(fault: str, site: Rig, whole: list[Any]) -> None:
    answer = started(site, fault)

    events, error = read(answer["stream"])

    assert events == [event for event in whole if event in events]
    assert error is not None
    assert error["Message"]
    record = site.record(answer["ResponseMetadata"]["HTTPHeaders"]["x-request-id"])
    assert record["outcome"] != "complete"


def test_what_nobody_knows_yet_is_passed_on(site: Rig) -> None:
    events, error = read(started(site, "f-unknown")["stream"])

    assert error is None
    assert "messageStop" in events[-2] or "messageStop" in events[-3]


def test_a_stream_that_comes_byte_by_byte_is_the_same(site: Rig, whole: list[Any]) -> None:
    events, error = read(started(site, "f-bytes")["stream"])

    assert events[:-1] == whole[:-1]  # the last one says how long it took
    assert error is None
