import os

import pytest

from sluice_cli.checks.finding import Verdict
from sluice_cli.diagnosis import Diagnosis, Subject
from sluice_cli.site import Site

NOWHERE = "http://127.0.0.1:9"  # the discard port


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which nobody has set up AWS."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def told(subject: Subject) -> dict[str, tuple[Verdict, str]]:
    diagnosis = Diagnosis(subject, {})
    diagnosis._providers = {"openai": {"secret": "sluice/openai"}}
    found = [each for what, look in diagnosis.steps() if what != "the configuration" for each in look()]
    return {each.check: (each.verdict, each.line) for each in found}


@pytest.mark.parametrize("stack", [None, "sluice-dev"])
def test_without_a_region_it_goes_on_to_the_end(stack: str | None) -> None:
    found = told(Subject(Site() if stack else Site(NOWHERE, table="ledger"), stack, None))

    assert found["region"] == (Verdict.PROBLEM, "none is set; set AWS_REGION, or use --region")
    assert found["secrets"] == (Verdict.NOT_CHECKED, "no region; set AWS_REGION or use --region")
    assert found["table"][0] == Verdict.NOT_CHECKED


def test_a_profile_that_is_not_there_is_told_and_nothing_else_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nosuch")

    found = told(Subject(Site(NOWHERE, "us-east-1", "ledger"), None, None))

    assert found["credentials"][0] == Verdict.PROBLEM
    for check in ("table", "secrets"):
        assert found[check] == (Verdict.NOT_CHECKED, "The config profile (nosuch) could not be found")


def test_without_credentials_neither_the_table_nor_the_secrets_are_blamed() -> None:
    found = told(Subject(Site(NOWHERE, "us-east-1", "ledger"), None, None))

    assert found["URL, unsigned"][1].startswith("the URL cannot be reached (connection refused); ")
    for check in ("table", "secrets"):
        assert found[check][0] == Verdict.NOT_CHECKED
        assert found[check][1].startswith("no AWS credentials found; ")
