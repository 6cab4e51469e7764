"""X01: what the functions and `sluice logs` asked AWS for in this run, beside what template.yaml lets them.

Embedded AWS notes each call of a holder of the template's roles and policies (sluice_devstack/authorization.py). When
the whole suite has passed, a grant that nobody used and a call that nobody granted fail the run. A part of the suite
says nothing about grants that were not used, so it is not judged. A test that has calls refused on purpose names a
file of its own (tests/e2e/test_policies.py). Other DynamoDB engines know no policies: what runs on them is not noted.
Of Bedrock, simulated beside embedded AWS and noted in the same way, each action and each kind of resource is used.
Where pytest-xdist's workers run the tests, the process that started them judges, once, over what all of them noted.

tests/conftest.py makes this plugin known.
"""

import fnmatch
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from sluice_devstack.aws_server import NOTES
from sluice_devstack.roles import Grant, Holder
from sluice_devstack.template import Template

BEDROCK = "bedrock:"
DESELECTED = "deselected"  # how many tests a worker left out, in what it tells at its end
KEPT = Path("build", "aws-calls.jsonl")  # of the last run, in the repository
BY_THE_PLATFORM = "Lambda's own agent writes the function's log with the role of the function; embedded AWS has no logs"
NOT_CALLED = {"logs:CreateLogStream": BY_THE_PLATFORM, "logs:PutLogEvents": BY_THE_PLATFORM}
NOT_JUDGED = {"CallerPolicy": "the function URL checks it, not a service; the rules of the template judge it"}


@dataclass(frozen=True, slots=True)
class Noted:
    """One kind of call, as embedded AWS noted it."""

    holder: str
    action: str
    resource: str
    granted: bool


def read(path: Path) -> list[Noted]:
    """Each kind once: every embedded AWS of a run writes to the same file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [Noted(**json.loads(line)) for line in sorted(set(lines))]


def complaints(holders: Mapping[str, Holder], calls: Iterable[Noted]) -> list[str]:
    """Granted and never called, called and not granted."""
    noted = list(calls)
    idle = [
        f"{name} may {grant}, and nothing ever did"
        for name, each in holders.items()
        for grant in each.grants
        if name not in NOT_JUDGED and grant.action not in NOT_CALLED
        if not _is_used(name, grant, noted)
    ]
    refused = [f"{call.holder} called {call.action} on {call.resource}, and may not" for call in noted]
    return idle + [text for text, call in zip(refused, noted, strict=True) if not call.granted]


def _is_used(holder: str, grant: Grant, noted: Iterable[Noted]) -> bool:
    """By one call; of Bedrock, whose statements are products of actions and resources, each half by any call."""
    own = [call for call in noted if call.holder == holder]
    acting = [call for call in own if call.action == grant.action]
    if not grant.action.startswith(BEDROCK):
        return any(_is_on(call, grant) for call in acting)
    return bool(acting) and any(_is_on(call, grant) for call in own if call.action.startswith(BEDROCK))


def _is_on(call: Noted, grant: Grant) -> bool:
    return fnmatch.fnmatchcase(call.resource, grant.resource)


def why_not_judged(config: pytest.Config, deselected: int, status: int) -> str | None:
    """Why this run cannot say whether the grants are right; None where it can."""
    reasons = {
        "only a part of the tests ran": config.args_source is not pytest.Config.ArgsSource.TESTPATHS or deselected > 0,
        "not all tests passed": status != pytest.ExitCode.OK,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


class Judge:
    """Sits in the process that was started; pytest-xdist's workers inherit its variable, and so does every child."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._folder = Path(tempfile.mkdtemp(prefix="aws-calls-"))
        self._file = self._folder / "noted.jsonl"
        self._deselected = 0
        self._lines: list[str] = []
        os.environ[NOTES] = str(self._file)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self._deselected += len(items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker has ended; one that crashed told nothing, and the run has failed."""
        self._deselected += getattr(node, "workeroutput", {}).get(DESELECTED, 0)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        reason = why_not_judged(self._config, self._deselected, exitstatus)
        noted = read(self._file)
        found = [] if reason else complaints(Template.load(self._config.rootpath).holders(), noted)
        self._lines = found or [f"not judged: {reason}" if reason else f"{len(noted)} kinds of calls, all as granted"]
        if found:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        self._keep(noted)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for line in self._lines:
            terminalreporter.write_line(f"AWS calls and template.yaml (X01): {line}")

    def _keep(self, noted: list[Noted]) -> None:
        kept = self._config.rootpath / KEPT
        kept.parent.mkdir(exist_ok=True)
        kept.write_text("".join(f"{json.dumps(asdict(call))}\n" for call in noted), encoding="utf-8")
        shutil.rmtree(self._folder)
        os.environ.pop(NOTES)


class Teller:
    """Sits in a worker, which alone knows what it left out: its judge collects no tests."""

    def __init__(self, output: dict[str, Any]) -> None:
        self._output = output

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self._output[DESELECTED] = self._output.get(DESELECTED, 0) + len(items)


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workeroutput"):
        config.pluginmanager.register(Teller(config.workeroutput))
    elif not config.option.collectonly:
        config.pluginmanager.register(Judge(config))
