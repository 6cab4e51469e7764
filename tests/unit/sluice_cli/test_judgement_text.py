from pathlib import Path
from typing import Any

from tests.unit.sluice_cli.screens import Shown

from sluice_cli import judgement_text
from sluice_cli.judgement import Judgement

OPENAI = {"kind": "openai", "secret": "sluice/openai"}
SMART = {
    "strategy": "weighted",
    "sticky": "session",
    "retry": {"attempts": 3, "statuses": [429, 503]},
    "targets": [
        {"model": "openai/gpt-5", "weight": 3, "override": {"temperature": 0}, "drop": ["seed", "user"]},
        {"model": "bedrock/x", "base_model": "y", "first_byte_timeout_seconds": 5},
    ],
}


def judgement(**routes: Any) -> Judgement:
    document = {"providers": {"openai": OPENAI}, "routes": routes}
    return Judgement(Path("my.toml"), "", ["openai/gpt-5", "openai/gpt-4o"], document)


def lines(**routes: Any) -> list[str]:
    return list(judgement_text.routes(judgement(**routes), 6))


def test_a_route_of_one_target_is_one_line() -> None:
    long = {"targets": [{"model": "openai/y", "base_model": "z"}]}

    assert lines(short="openai/x", long=long) == ["  short   openai/x", "  long    openai/y, base_model z"]


def test_a_route_of_several_targets_shows_them_in_their_order_with_all_that_it_says() -> None:
    assert lines(smart=SMART) == [
        "  smart   weighted, sticky session, retry attempts=3 statuses=429 503",
        "          1. openai/gpt-5, override temperature=0, drop seed user, weight 3 of 4",
        "          2. bedrock/x, base_model y, first_byte_timeout_seconds 5, weight 1 of 4",
    ]


def test_a_route_without_a_strategy_is_told_as_what_it_is() -> None:
    assert lines(two={"targets": [{"model": "openai/a"}, {"model": "openai/b"}]})[0] == "  two     priority"


def test_programs_get_every_route_as_a_table() -> None:
    document = judgement_text.document(judgement(short="openai/x", smart=SMART))

    assert document["routes"] == {
        "short": {"strategy": "priority", "targets": [{"model": "openai/x"}]},
        "smart": SMART,
    }
    assert (document["valid"], document["error"], document["models"]) == (True, None, ["openai/gpt-5", "openai/gpt-4o"])


def test_a_bad_file_is_a_document_too() -> None:
    document = judgement_text.document(Judgement(Path("my.toml"), "unknown key x", (), {}))

    assert document == {
        "file": "my.toml",
        "valid": False,
        "error": "unknown key x",
        "providers": {},
        "routes": {},
        "models": [],
    }


def test_people_see_providers_models_and_routes() -> None:
    text = judgement_text.whole(judgement(a="openai/x"), Shown().terminal.out)

    assert text.splitlines() == [
        "my.toml is valid",
        "providers",
        "  openai  kind openai, secret sluice/openai",
        "          2 models: gpt-5, gpt-4o",
        "routes",
        "  a       openai/x",
    ]
