"""docs/limits.md names every cap of what is deployed, with its value."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.house.pages import codes, section, tables, text
from tests.house.repository import ROOT, python_files, tree

from sluice_devstack.intrinsics import parse

PAGE = text(ROOT / "docs/limits.md")
BASES = (ROOT / "functions" / "sluice", ROOT / "functions", ROOT)
IMPORTED_FROM = (ROOT / "functions", ROOT / "layers" / "runtime")
KB, MB = 1024, 1024 * 1024
Cap = tuple[str, str]


def caps() -> Iterator[tuple[Path, str]]:
    """Each module-level MAX_ of the functions and the layers."""
    for path in python_files("functions", "layers"):
        for node in tree(path).body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            names = [each.id for each in targets if isinstance(each, ast.Name)]
            yield from ((path, name) for name in names if name.lstrip("_").startswith("MAX_"))


def place(path: Path) -> str:
    base = next(base for base in BASES if path.is_relative_to(base))
    return path.relative_to(base).as_posix()


def value(path: Path, name: str) -> float:
    root = next(root for root in IMPORTED_FROM if path.is_relative_to(root))
    found = getattr(importlib.import_module(".".join(path.relative_to(root).with_suffix("").parts)), name)
    assert isinstance(found, int | float)
    return found


def said(name: str, found: float) -> str:
    """How the page writes a value of a constant of that name."""
    if name.endswith("_BYTES"):
        return f"{found / MB:g} MB" if found >= MB else f"{found / KB:g} KB"
    if name.endswith("_SECONDS"):
        return f"{found:g} s"
    return f"10^{len(str(found)) - 1}" if found > 10**12 else f"{found:,}"


def documented() -> dict[Cap, str]:
    rows = [row for table in tables(section(PAGE, "The gateway's own caps")) for row in table]
    return {(codes(row[1])[0], codes(row[0])[0]): row[2] for row in rows}


def test_every_cap_is_documented_with_its_value() -> None:
    expected = {(place(path), name): said(name, value(path, name)) for path, name in caps()}

    assert len(expected) > 20
    assert documented() == expected


def test_every_cap_says_what_its_caller_sees() -> None:
    rows = [row for table in tables(section(PAGE, "The gateway's own caps")) for row in table]

    assert [row[0] for row in rows if not row[3]] == []


@pytest.mark.parametrize(
    ("name", "found", "words"),
    [
        ("MAX_EVENT_BYTES", 16 * MB, "16 MB"),
        ("MAX_HELD_BYTES", 64 * KB, "64 KB"),
        ("MAX_IDLE_SECONDS", 30.0, "30 s"),
        ("MAX_TOKENS", 10_000_000, "10,000,000"),
        ("MAX_INTEGER", 10**38, "10^38"),
    ],
)
def test_a_value_is_written_for_people(name: str, found: float, words: str) -> None:
    assert said(name, found) == words


def test_the_template_keeps_to_what_the_page_says_of_lambda() -> None:
    template = parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    gateway, memory = template["Resources"]["GatewayFunction"]["Properties"], template["Parameters"]["MemorySize"]
    table = {row[0]: row[1] for row in tables(section(PAGE, "Lambda's"))[0]}

    assert table["a call"] == f"{gateway['Timeout'] // 60} minutes"
    assert table["memory"] == f"{memory['MinValue']} MB to {memory['MaxValue']:,} MB"
    assert "VpcConfig" not in gateway
    assert f"the default {memory['Default']} MB" in re.sub(r"\s+", " ", PAGE)
