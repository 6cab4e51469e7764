import argparse
from dataclasses import replace

import pytest
from tests.unit.sluice_cli import calls

from sluice.domain.record import Outcome
from sluice_cli.arguments import Parser
from sluice_cli.failure import UsageError
from sluice_cli.record import Record, record
from sluice_cli.record_filter import OUTCOMES, RecordFilter, add_filters, status

FOUND = record(calls.settled())  # role/Developers, session ann, openai/gpt-4o-mini as mini, complete, 200


def changed(**fields: object) -> Record:
    return {**FOUND, **fields}


def typed(*words: str) -> RecordFilter:
    parser = Parser("logs", "", "")
    add_filters(parser, has_status=True)
    return RecordFilter.of(parser.read(words))


def test_the_outcomes_are_those_of_the_ledger() -> None:
    assert set(OUTCOMES) == set(Outcome)


def test_without_filters_all_are_wanted() -> None:
    assert typed().wants_all
    assert typed().wants(FOUND)


@pytest.mark.parametrize(
    "words",
    [
        ("--principal", "arn:aws:iam::123456789012:role/Developers"),
        ("--principal", "Developers"),
        ("--principal", "ann"),
        ("--principal", "*role/Dev*"),
        ("--model", "gpt-4o-mini"),
        ("--model", "openai/gpt-4o-mini"),
        ("--model", "mini"),
        ("--model", "gpt-4o*"),
        ("--provider", "openai"),
        ("--provider", "azure", "--provider", "open*"),
        ("--surface", "openai"),
        ("--surface", "bedrock", "--surface", "openai"),
        ("--outcome", "complete"),
        ("--status", "200"),
        ("--status", "2xx"),
        ("--provider", "openai", "--model", "mini", "--status", "2XX"),
    ],
)
def test_a_call_is_found_by_each_of_its_names(words: tuple[str, ...]) -> None:
    assert typed(*words).wants(FOUND)


@pytest.mark.parametrize(
    "words",
    [
        ("--principal", "Dev"),
        ("--principal", "ANN"),
        ("--model", "gpt-4o"),
        ("--provider", "azure"),
        ("--surface", "bedrock"),
        ("--outcome", "failed"),
        ("--status", "4xx"),
        ("--errors",),
        ("--provider", "openai", "--model", "gpt-5"),
    ],
)
def test_other_names_do_not_find_it(words: tuple[str, ...]) -> None:
    assert not typed(*words).wants(FOUND)


def test_a_call_that_ended_badly_is_an_error_whatever_its_status() -> None:
    wanted = replace(RecordFilter(), is_for_errors=True)

    assert wanted.wants(changed(outcome="incomplete"))
    assert wanted.wants(changed(http_status=429))
    assert wanted.wants(changed(outcome="abandoned", http_status=None))


@pytest.mark.parametrize("text", ["", "600", "42", "5x", "oops"])
def test_what_is_no_status_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no HTTP status; 429 and 5xx are"):
        status(text)


def test_an_outcome_that_there_is_not_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="invalid choice: 'fine'"):
        typed("--outcome", "fine")
