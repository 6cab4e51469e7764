"""What `make bench` makes of what it measured, and what it says where it cannot measure."""

import importlib
import subprocess
import sys

import pytest
from benchmarks import cgroup, quota, report
from benchmarks.__main__ import RUNS
from benchmarks.memory import CASES, MB, Fit, told
from tests.house.repository import ROOT


def medians(*peers: str) -> dict[str, dict[str, float]]:
    """The figure of a peer at a size is the size in MB, so that a cell tells where it came from."""
    figures = [figure.key for figure in quota.FIGURES]
    return {
        f"{peer}|{size}": dict.fromkeys(figures, float(size.removesuffix("MB")))
        for peer in peers
        for size in quota.SIZES
    }


def test_a_quota_table_has_a_row_for_a_peer_and_a_column_for_a_size() -> None:
    first, *others = quota.tables(medians("sluice", "node"), ["node", "sluice", "absent"]).split("\n\n")

    heading, _, *rows = first.splitlines()
    assert heading == "| first request, ms, at MB | 128 | 256 | 512 | 1024 | 1769 |"
    assert rows == [f"| {peer} | 128 | 256 | 512 | 1.02e+03 | 1.77e+03 |" for peer in ("node", "sluice")]
    assert len(others) == len(quota.FIGURES) - 1


def test_the_direct_way_is_taken_off_what_a_peer_adds() -> None:
    results = {"direct": [{"ttft_p50_us": 100.0}], "sluice": [{"ttft_p50_us": 1100.0}, {"ttft_p50_us": 3100.0}]}

    table = report.table(results, ["direct", "sluice"])

    assert "| added to first byte p50, ms | 0 | 2 |" in table.splitlines()


def test_a_fit_says_whether_it_was_ended() -> None:
    assert str(Fit(CASES[0], 200, True, 50 * MB)) == "200 whole, 50 MB"
    assert str(Fit(CASES[0], 502, False, None)) == "502 broken, ended by the kernel"
    assert told(Fit(CASES[0], 200, True, 150 * MB), 128) == "200 whole, 150 MB: too much for Lambda"
    assert told(Fit(CASES[0], 200, True, 128 * MB), 128) == "200 whole, 128 MB"


def test_every_run_is_a_module_that_measures() -> None:
    assert [name for name in RUNS if not callable(importlib.import_module(f"benchmarks.{name}").measure)] == []


@pytest.mark.parametrize("words", [["--quota", "--memory"], ["--rounds", "many"], ["--unknown"]])
def test_a_wrong_option_is_told(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "usage: python -m benchmarks" in done.stderr


def test_a_machine_without_the_controller_is_told_what_is_needed() -> None:
    with pytest.raises(cgroup.CgroupMissing, match="needs root and cgroup v1's nothing controller at"):
        cgroup.need("nothing", "nothing.limit")


def test_the_sizes_are_those_of_the_shared_bench() -> None:
    """It knows them by these names; another name would be a column without figures."""
    path = ROOT.parent / "shared/bench/bench/m_quota.py"
    if not path.is_file():
        pytest.skip("the shared bench folder is not beside this repository")
    source = path.read_text(encoding="utf-8")

    assert [size for size in quota.SIZES if f'"{size}"' not in source] == []
    assert [figure.key for figure in quota.FIGURES if f'"{figure.key}"' not in source] == []
