"""What every stack of these tests is watched for: canaries in its logs and its table, and what its environments do.

A provider that names a secret gets a canary for a key, unless the test gives it one of its own. The environments run
under tests/environment_hook.py. When the stack ends, nothing of this run's canaries may stand in what was logged or in
the ledger, and no environment may have left this machine, started a process or written a file.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests import canaries
from tests.environment_hook import MARK

from sluice_devstack import DevStack
from sluice_devstack.aws_json import DYNAMODB, call

WRAPPER = Path(__file__).resolve().parents[1] / "environment_wrapper"
SCAN_SECONDS = 20.0
MAX_PAGES = 2  # of 1 MB: a longer table is looked at in part


class Watched:
    """Collects what a stack says; `check` it before the stack ends."""

    def __init__(self, providers: Mapping[str, Mapping[str, Any]]) -> None:
        named = (str(one["secret"]) for one in providers.values() if "secret" in one)
        self._secrets = {name: {"api_key": canaries.KEY} for name in named}
        self.lines: list[str] = []

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The stack's options: what the test gave, and what watching needs."""
        hooked = {"SLUICE_NEXT_WRAPPER": str(WRAPPER)}
        return {
            **given,
            "secrets": {**self._secrets, **given.get("secrets", {})},
            "environment_variables": {**hooked, **given.get("environment_variables", {})},
            "echo": self._heard(given.get("echo")),
            "shows_logs": given.get("shows_logs", "echo" not in given),
        }

    def _heard(self, echo: Callable[[str], None] | None) -> Callable[[str], None]:
        def heard(line: str) -> None:
            self.lines.append(line)
            if echo:
                echo(line)

        return heard

    def check(self, stack: DevStack) -> None:
        log = "\n".join(self.lines)
        assert [line for line in self.lines if MARK in line] == []
        assert canaries.leaks(log) == [], "the log holds what it must not"
        assert canaries.leaks(table(stack)) == [], "the table holds what it must not"


def table(stack: DevStack) -> str:
    """The items of the stack's table, as text; no more than MAX_PAGES of them."""
    pages: list[str] = []
    more: dict[str, Any] = {}
    while len(pages) < MAX_PAGES:
        page = call(stack.dynamodb_url, DYNAMODB, "Scan", {"TableName": stack.table, **more}, SCAN_SECONDS)
        pages.append(json.dumps(page["Items"], ensure_ascii=False))
        if "LastEvaluatedKey" not in page:
            break
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    return "\n".join(pages)
