"""`pytest --faults`: the tests of the fault catalogue, and the catalogue as a table of what came out. `make faults`.

Only tests that carry an id of tests/faults/catalogue.py run. A row passes if a test of it passed and none failed; a row
that does not pass, for want of tests too, fails the run. A row that can have no test here says why instead. The table
is also written to build/faults.md.

tests/conftest.py makes this plugin known.
"""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.faults.catalogue import FAULTS, IDS, TESTED, Fault

KEPT = Path("build", "faults.md")
SHOWS = "faults"  # the property of a report that names the rows
ORDER = ("passed", "failed", "skipped")
TITLES = ("id", "what goes wrong: how", "what has to come", "what came out", "pass")
WIDTHS = (4, 66, 40, 20, 4)


def ids_of(item: pytest.Item) -> set[str]:
    """The rows of the catalogue that a test shows."""
    return {str(mark.args[0]) for mark in item.iter_markers("fault") if mark.args} & set(IDS)


def outcome(results: Counter[str]) -> str:
    """As people count: "12 passed, 1 skipped"."""
    return ", ".join(f"{results[name]} {name}" for name in ORDER if results[name]) or "no test"


def is_shown(results: Counter[str]) -> bool:
    return results["passed"] > 0 and results["failed"] == 0


def cells(fault: Fault, results: Counter[str]) -> tuple[str, ...]:
    said = fault.id, f"{fault.fault}: {fault.done}", fault.expected
    if fault.reason:
        return *said, f"no test: {fault.reason}", "-"
    return *said, outcome(results), "yes" if is_shown(results) else "NO"


def lines(cells: Iterable[str]) -> Iterator[str]:
    """One row, wrapped into its columns."""
    columns = [textwrap.wrap(text, width) for text, width in zip(cells, WIDTHS, strict=True)]
    for number in range(max(map(len, columns))):
        texts = (column[number] if number < len(column) else "" for column in columns)
        yield "  ".join(text.ljust(width) for text, width in zip(texts, WIDTHS, strict=True)).rstrip()


def markdown(results: Mapping[str, Counter[str]]) -> str:
    """The table as docs/reliability.md holds it."""
    rows = [TITLES, ("---",) * len(TITLES), *(cells(fault, results[fault.id]) for fault in FAULTS)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


class Choice:
    """Leaves out the tests that show no row, and has the others say which they show: each report carries it."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        left_out = [item for item in items if not ids_of(item)]
        items[:] = [item for item in items if ids_of(item)]
        for item in items:
            item.user_properties.append((SHOWS, sorted(ids_of(item))))
        config.hook.pytest_deselected(items=left_out)


class FaultTable:
    """Counts what came out, in the process that was started, and judges at the end."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._rows: dict[str, list[str]] = {}
        self._outcomes: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The worst of a test's three phases counts."""
        shown = next((ids for name, ids in report.user_properties if name == SHOWS), [])
        self._rows[report.nodeid] = shown if isinstance(shown, list) else []
        before = self._outcomes.get(report.nodeid, "passed")
        worse = "failed" if "failed" in (before, report.outcome) else before
        self._outcomes[report.nodeid] = "skipped" if worse == "passed" and report.skipped else worse

    def results(self) -> dict[str, Counter[str]]:
        found: dict[str, Counter[str]] = {id: Counter() for id in IDS}
        for test, ids in self._rows.items():
            for id in ids:
                found[id][self._outcomes[test]] += 1
        return found

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not all(is_shown(results) for id, results in self.results().items() if id in TESTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        kept = self._root / KEPT
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(markdown(self.results()), encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        results = self.results()
        for row in (TITLES, tuple("-" * width for width in WIDTHS), *(cells(one, results[one.id]) for one in FAULTS)):
            for line in lines(row):
                terminalreporter.write_line(line)
        shown = sum(is_shown(results[id]) for id in TESTED)
        without = len(IDS) - len(TESTED)
        terminalreporter.write_line(f"{shown} of {len(TESTED)} rows pass; {without} more say why they have no test")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults", action="store_true", help="run the fault catalogue and print it as a table")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.faults:
        config.pluginmanager.register(Choice())
    if config.option.faults and not hasattr(config, "workerinput") and not config.option.collectonly:
        config.pluginmanager.register(FaultTable(config.rootpath))
