"""The gateway in the memory of a small function: the kernel holds it to the size where this machine lets us."""

from collections.abc import Iterator

import pytest
from benchmarks import cgroup
from benchmarks.memory import CASES, MB, Case, Held, held
from tests.house.repository import ROOT

from sluice_devstack.intrinsics import parse

SMALLEST = 128
FIT_THE_SMALLEST = CASES[:2]  # a long stream, and a request as large as a function URL lets through
TOO_MUCH = next(case for case in CASES if case.empty_lists)
PARAMETER = parse((ROOT / "template.yaml").read_text(encoding="utf-8"))["Parameters"]["MemorySize"]


def limit(megabytes: int) -> int | None:
    try:
        cgroup.need("memory", "memory.limit_in_bytes")
    except cgroup.CgroupMissing:
        return None
    return megabytes


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    with held(tmp_path_factory.mktemp("small"), limit(SMALLEST)) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    with held(tmp_path_factory.mktemp("usual"), limit(PARAMETER["Default"])) as gateway:
        yield gateway


def assert_fits(case: Case, gateway: Held, megabytes: int) -> None:
    found = gateway.fit(case)

    assert found.is_whole, str(found)
    assert found.peak_bytes is not None
    assert found.peak_bytes < megabytes * MB


@pytest.mark.fault("L08")
@pytest.mark.parametrize("case", FIT_THE_SMALLEST, ids=lambda case: case.title)
def test_the_smallest_function_streams_and_takes_the_largest_request(case: Case, small: Held) -> None:
    assert PARAMETER["MinValue"] == SMALLEST
    assert_fits(case, small, SMALLEST)


@pytest.mark.fault("L08")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_the_default_size_holds_whatever_the_caps_allow(case: Case, usual: Held) -> None:
    assert_fits(case, usual, PARAMETER["Default"])


@pytest.mark.fault("L08")
def test_a_call_too_large_for_the_smallest_function_takes_no_other_with_it(small: Held) -> None:
    if limit(SMALLEST) is None:
        pytest.skip("a process is held to its memory by cgroup v1 and root only")

    broken, next_call = small.fit(TOO_MUCH), small.fit(CASES[0])

    assert (broken.status, broken.is_whole, broken.peak_bytes) == (502, False, None)
    assert next_call.is_whole
