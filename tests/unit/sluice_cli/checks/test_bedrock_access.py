import pytest

from sluice_cli.checks.bedrock_access import access_findings, without_bedrock
from sluice_cli.checks.finding import Finding, Verdict

OPENAI = {"kind": "openai", "secret": "sluice/openai"}
PROVIDERS = {"openai": OPENAI, "aws": {"kind": "bedrock"}}


def finding(parameters: dict[str, str], is_simulated: bool = False) -> Finding:
    (found,) = access_findings(PROVIDERS, parameters, is_simulated)
    return found


def test_only_others_may_need_a_secret() -> None:
    assert without_bedrock(PROVIDERS) == {"openai": OPENAI}


def test_on_the_dev_stack_it_is_simulated() -> None:
    assert finding({}, is_simulated=True) == Finding("access to aws", Verdict.OK, "simulated on this machine")


def test_a_stack_that_grants_no_model_is_a_problem() -> None:
    found = finding({"BedrockModels": "none"})

    assert (found.check, found.verdict) == ("access to aws", Verdict.PROBLEM)
    assert "deploy with BedrockModels=* or with patterns" in found.remedy


@pytest.mark.parametrize(
    ("parameters", "role"),
    [
        ({"BedrockModels": "anthropic.claude-*"}, "the gateway's role may call anthropic.claude-*; "),
        ({}, "no key is needed, the gateway's role calls; "),
    ],
)
def test_what_the_account_has_is_not_known_and_how_to_know_is_said(parameters: dict[str, str], role: str) -> None:
    found = finding(parameters)

    assert found.verdict == Verdict.NOT_CHECKED
    assert found.what.startswith(role)
    assert "`sluice chat --model aws/amazon.nova-micro-v1:0 Hello`" in found.remedy
