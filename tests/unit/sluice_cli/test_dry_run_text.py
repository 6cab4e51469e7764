"""What a person sees of a dry run, of documents that the gateway itself made."""

from typing import Any

import pytest
from tests.fakes.dry_runs import CHAT, HI, dry
from tests.fakes.several import Several
from tests.unit.sluice_cli.screens import Shown

from sluice_cli.dry_run_text import for_people

NOVA = "bedrock/amazon.nova-micro-v1:0"


def lines(document: dict[str, Any], columns: int | None = None) -> list[str]:
    environ = {} if columns is None else {"COLUMNS": str(columns), "NO_COLOR": "1"}
    return for_people(document, Shown(environ, is_terminal=columns is not None).terminal.out).splitlines()


def test_the_route_of_a_later_step_is_named() -> None:
    told = dry(Several("openai/a"), {"models": ["second/b", "smart"], "messages": HI})

    shown = lines(told)

    assert shown[0] == "second/b: priority"
    assert [line.split("  ")[1] for line in shown[2:4]] == ["second/b", "smart > openai/a"]


def test_a_narrow_terminal_says_what_it_left_out() -> None:
    told = dry(Several("openai/gpt-5-mini", NOVA), {**CHAT, "model": "smart", "seed": 1})

    shown = lines(told, columns=60)

    assert max(map(len, shown[1:4])) <= 60
    assert shown[-1] == "no room for: probably; --json has them"


@pytest.mark.parametrize(
    ("version", "says"), [(0, "the configuration that was deployed"), (7, "configuration 7"), (None, "what a call can")]
)
def test_the_configuration_in_force_is_named_where_it_is_known(version: int | None, says: str) -> None:
    told = dry(Several("openai/a"), {**CHAT, "model": "smart"})

    assert lines(told | {"configuration": version})[-1].startswith(says)


def test_what_others_wrote_moves_no_cursor() -> None:
    told = dry(Several("openai/a"), {**CHAT, "model": "smart"})
    refusal = {"status": 400, "code": "x", "message": "\x1b[2Jgone\nand a second line"}

    shown = lines(told | {"refusal": refusal})

    assert shown[-1] == "a call is refused: 400 x: \N{REPLACEMENT CHARACTER}[2Jgone and a second line"
