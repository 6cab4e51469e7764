"""What `sluice usage` and the filters of `sluice logs` say equals what the calls left on the ledger."""

import csv
import io
import json
import os
import pty
import subprocess
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.dev_process import Dev, started
from tests.e2e.running import COMMAND, PATIENCE_SECONDS, environment

pytestmark = pytest.mark.slow

NANO = 1_000_000_000
CALLS: dict[str, list[dict[str, Any]]] = {  # model -> how often, and how
    "gpt-4o-mini": [{"stream": True}, {}, {"stream": True, "max_tokens": 5}],
    "openai/gpt-4.1-mini": [{"stream": True}, {}],
    "openai/gpt-4o-mini-instant": [{"stream": True}, {}],  # a pace of the simulated provider: no such price
    "openai/f-503": [{}],
    "openai/f-trunc": [{"stream": True}],
}
COUNT = sum(map(len, CALLS.values()))


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    with started(tmp_path_factory.mktemp("usage")) as ready:
        for model, bodies in CALLS.items():
            for body in bodies:
                ready.call(model, **body)
        yield ready


@pytest.fixture(scope="module")
def rows(dev: Dev) -> list[dict[str, Any]]:
    return dev.rows(COUNT)


def number(row: dict[str, Any], name: str) -> int:
    return int(row[name]["N"]) if name in row else 0


def expected(rows: list[dict[str, Any]]) -> dict[str, int | None]:
    """The sums, straight from DynamoDB's own numbers."""
    priced = [row for row in rows if "act" in row]
    return {
        "calls": len(rows),
        "failed": sum(row["oc"]["S"] != "complete" for row in rows),
        "tokens_in": sum(number(row, name) for row in rows for name in ("it", "cr", "c5", "c1")),
        "tokens_in_cached": sum(number(row, "cr") for row in rows),
        "tokens_out": sum(number(row, "ot") for row in rows),
        "tokens_out_reasoning": sum(number(row, "rs") for row in rows),
        "cost": sum(number(row, "act") for row in priced) if priced else None,
        "unpriced": len(rows) - len(priced),
        "abandoned": 0,
    }


def document(dev: Dev, *words: str) -> dict[str, Any]:
    done = dev.run("usage", "--json", *words)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_total_equals_the_records_to_the_nano_dollar(dev: Dev, rows: list[dict[str, Any]]) -> None:
    total, sums = document(dev)["total"], expected(rows)

    assert {name: total[name] for name in sums} == sums
    assert (total["calls"], total["unpriced"], total["failed"]) == (COUNT, 3, 2)
    assert total["cost"] > 0


@pytest.mark.parametrize(
    ("by", "attribute"), [("model", "md"), ("provider", "pv"), ("outcome", "oc"), ("principal", "pr")]
)
def test_each_group_equals_its_records(dev: Dev, rows: list[dict[str, Any]], by: str, attribute: str) -> None:
    names = {row[attribute]["S"] for row in rows}

    groups = {group[by]: group for group in document(dev, "--by", by)["groups"]}

    assert set(groups) == names
    for name in names:
        sums = expected([row for row in rows if row[attribute]["S"] == name])
        assert {key: groups[name][key] for key in sums} == sums


def test_csv_and_table_say_the_same(dev: Dev, rows: list[dict[str, Any]]) -> None:
    written = list(csv.DictReader(io.StringIO(dev.run("usage", "--by", "model", "--csv").stdout)))
    table = dev.run("usage", "--by", "model").stdout.splitlines()
    cost = expected(rows)["cost"]

    assert cost is not None
    assert sum(int(row["cost"] or 0) for row in written) == cost
    assert sum(int(row["calls"]) for row in written) == COUNT
    assert table[-1].startswith("total ")
    assert f"${cost // NANO}.{cost % NANO:09d} + 3 unpriced" in table[-1]


def test_filters_of_usage_and_logs_find_the_same_calls(dev: Dev, rows: list[dict[str, Any]]) -> None:
    outcomes = Counter(row["oc"]["S"] for row in rows)

    for words, count in (
        (["--outcome", "complete"], outcomes["complete"]),
        (["--model", "gpt-4o-mini*"], 5),
        (["--model", "openai/gpt-4.1-mini"], 2),
        (["--principal", "developer", "--provider", "openai"], COUNT),
        (["--provider", "other"], 0),
    ):
        found = dev.run("logs", "--json", "--limit", "100", *words).stdout.splitlines()
        assert len(found) == document(dev, *words)["total"]["calls"] == count, words


def test_logs_by_status_and_errors(dev: Dev, rows: list[dict[str, Any]]) -> None:
    def models(*words: str) -> list[str]:
        found = dev.run("logs", "--json", *words).stdout.splitlines()
        return sorted(json.loads(line)["model"] for line in found)

    assert models("--errors") == ["f-503", "f-trunc"]
    assert models("--status", "5xx") == ["f-503"]
    assert models("--until", "2026-01-01") == []
    assert len(models("--since", "1h", "--limit", "3")) == 3


def test_a_piece_of_an_id_finds_the_call(dev: Dev, rows: list[dict[str, Any]]) -> None:
    request_id = rows[0]["pk"]["S"].removeprefix("R#")

    done = dev.run("logs", request_id[:8])

    assert done.stdout.startswith(f"call {request_id}\n")


@pytest.mark.parametrize("width", [60, 79, 100, 140])
@pytest.mark.parametrize("command", ["usage", "logs"])
def test_no_line_folds_on_a_terminal(dev: Dev, rows: list[dict[str, Any]], command: str, width: int) -> None:
    words = ["--by", "day,model"] if command == "usage" else ["--outcome", "complete"]

    said = on_a_terminal(dev, command, *words, COLUMNS=str(width), NO_COLOR="1")

    lines = [line for line in said.splitlines() if "no room for" not in line and "\x1b" not in line]
    assert len(lines) > 4
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize(
    ("variables", "has_colour"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_a_terminal_gets_colour_unless_it_wants_none(
    dev: Dev, rows: list[dict[str, Any]], variables: dict[str, str], has_colour: bool
) -> None:
    said = on_a_terminal(dev, "usage", "--by", "model", **variables)

    assert ("\x1b[1mmodel" in said) == has_colour


def test_a_reader_that_leaves_ends_it_quietly(dev: Dev, rows: list[dict[str, Any]]) -> None:
    for command in ("usage", "logs"):
        reading, writing = os.pipe()
        os.close(reading)
        process = subprocess.Popen(
            [*COMMAND, command, "--env-file", dev.env_file],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        os.close(writing)
        _, complained = process.communicate(timeout=PATIENCE_SECONDS)

        assert (process.returncode, complained) == (141, "")


def on_a_terminal(dev: Dev, *words: str, **variables: str) -> str:
    """What it writes to a terminal of its own."""
    terminal, child_end = pty.openpty()
    command = [*COMMAND, *words, "--env-file", dev.env_file]
    variables = {"TERM": "xterm", "COLUMNS": "140", **variables}
    with subprocess.Popen(
        command, stdin=child_end, stdout=child_end, stderr=child_end, env=environment(**variables)
    ) as process:
        os.close(child_end)
        said = b"".join(iter(lambda: read(terminal), b""))
        assert process.wait(PATIENCE_SECONDS) == 0
    os.close(terminal)
    return said.decode().replace("\r\n", "\n")


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux: the other end is closed
        return b""
