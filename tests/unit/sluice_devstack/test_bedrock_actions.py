"""What a call to Bedrock asks of IAM, and what a role may that has the template's policy."""

import json
from pathlib import Path

import pytest

from sluice_devstack.authorization import Action, Authority, Notes
from sluice_devstack.aws import EmbeddedAws
from sluice_devstack.aws_server import NOTES
from sluice_devstack.bedrock_actions import LEADS_TO, PERMISSIONS, bedrock_actions
from sluice_devstack.intrinsics import parse
from sluice_devstack.template import Template

REGION = "us-east-1"
INVOKE, STREAM, COUNT = "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream", "bedrock:CountTokens"
NOVA, CLAUDE = "amazon.nova-lite-v1:0", "anthropic.claude-sonnet-4-5-20250929-v1:0"
OWN = "arn:aws:bedrock:us-east-1:123456789012:"
APPLICATION = f"{OWN}application-inference-profile/a1b2c3d4e5f6"
GRANTS = [
    *((action, f"arn:aws:bedrock:*::foundation-model/{CLAUDE}") for action in (INVOKE, COUNT)),
    (INVOKE, "arn:aws:bedrock:*:123456789012:inference-profile/*"),
]
POLICIES = {"ASIAGATEWAY": {"holder": "GatewayRole", "grants": GRANTS}}


def model(name: str, region: str = REGION) -> str:
    return f"arn:aws:bedrock:{region}::foundation-model/{name}"


def resources(name: str, operation: str = "Converse") -> list[str]:
    return [each.resource for each in bedrock_actions(operation, name, REGION)]


@pytest.mark.parametrize(
    ("operation", "permission"),
    [
        ("Converse", INVOKE),
        ("InvokeModel", INVOKE),
        ("ConverseStream", STREAM),
        ("InvokeModelWithResponseStream", STREAM),
        ("CountTokens", COUNT),
    ],
)
def test_an_operation_asks_for_its_permission_on_the_model(operation: str, permission: str) -> None:
    assert bedrock_actions(operation, NOVA, REGION) == [Action(permission, model(NOVA))]
    assert operation in PERMISSIONS


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        (model(NOVA), [model(NOVA)]),
        (f"us.{CLAUDE}", [f"{OWN}inference-profile/us.{CLAUDE}", model(CLAUDE), model(CLAUDE, "us-west-2")]),
        (f"global.{CLAUDE}", [f"{OWN}inference-profile/global.{CLAUDE}", model(CLAUDE), model(CLAUDE, "")]),
        (
            f"{OWN}inference-profile/eu.{CLAUDE}",
            [f"{OWN}inference-profile/eu.{CLAUDE}", model(CLAUDE), model(CLAUDE, "eu-central-1")],
        ),
        (APPLICATION, [APPLICATION]),
        (f"{OWN}provisioned-model/a1b2c3d4e5f6", [f"{OWN}provisioned-model/a1b2c3d4e5f6"]),
    ],
)
def test_a_profile_asks_for_itself_and_for_the_model_wherever_it_leads(name: str, asked: list[str]) -> None:
    assert resources(name) == asked


def test_every_geography_leads_out_of_its_region() -> None:
    assert REGION not in LEADS_TO.values()


def test_tokens_are_counted_on_models_only() -> None:
    assert resources(f"us.{CLAUDE}", "CountTokens") == [model(CLAUDE), model(CLAUDE, "us-west-2")]


@pytest.mark.parametrize("guardrail", ["gr4a1b2c", f"{OWN}guardrail/gr4a1b2c"])
def test_a_guardrail_asks_for_a_permission_of_its_own(guardrail: str) -> None:
    asked = bedrock_actions("Converse", NOVA, REGION, guardrail)

    assert asked == [Action(INVOKE, model(NOVA)), Action("bedrock:ApplyGuardrail", f"{OWN}guardrail/gr4a1b2c")]


def refusal(operation: str, name: str, notes: Path | None = None, key: str = "ASIAGATEWAY") -> str | None:
    return Authority(POLICIES, Notes(notes)).refusal(key, bedrock_actions(operation, name, REGION))


@pytest.mark.parametrize(
    ("operation", "name"), [("Converse", CLAUDE), ("InvokeModel", f"us.{CLAUDE}"), ("CountTokens", f"global.{CLAUDE}")]
)
def test_what_is_granted_is_not_refused(operation: str, name: str) -> None:
    assert refusal(operation, name) is None


@pytest.mark.parametrize(
    ("operation", "name", "said"),
    [
        ("Converse", NOVA, f"{INVOKE} on resource: {model(NOVA)} "),
        ("ConverseStream", CLAUDE, f"{STREAM} on resource: {model(CLAUDE)} "),
        ("Converse", f"us.{NOVA}", f"{INVOKE} on resource: {model(NOVA, 'us-west-2')} "),
        ("Converse", APPLICATION, f"{INVOKE} on resource: {APPLICATION} "),
    ],
)
def test_a_refusal_names_holder_action_and_resource_as_aws_does(operation: str, name: str, said: str) -> None:
    told = refusal(operation, name) or ""

    assert told.startswith("User: arn:aws:sts::123456789012:assumed-role/GatewayRole/local is not authorized")
    assert said in told


def test_a_key_of_no_holder_may_do_everything_and_is_not_noted(tmp_path: Path) -> None:
    assert refusal("ConverseStream", NOVA, tmp_path / "notes", key="AKIDEVELOPER") is None
    assert not (tmp_path / "notes").exists()


def test_each_part_of_a_call_is_noted_granted_or_not(tmp_path: Path) -> None:
    refusal("Converse", f"us.{NOVA}", tmp_path / "notes")

    noted = [json.loads(line) for line in (tmp_path / "notes").read_text().splitlines()]
    assert [(each["holder"], each["action"], each["resource"], each["granted"]) for each in noted] == [
        ("GatewayRole", INVOKE, f"{OWN}inference-profile/us.{NOVA}", True),
        ("GatewayRole", INVOKE, model(NOVA), False),
        ("GatewayRole", INVOKE, model(NOVA, "us-west-2"), False),
    ]


SMALL = """
Resources:
  LedgerTable: {Type: "AWS::DynamoDB::Table", Properties: {KeySchema: [], AttributeDefinitions: []}}
  GatewayRole:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyDocument:
            Statement:
              - {Effect: Allow, Action: "bedrock:InvokeModel", Resource: "arn:aws:bedrock:*::foundation-model/amazon.*"}
"""


def test_embedded_aws_lends_its_authority_before_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NOTES, str(tmp_path / "notes"))
    aws = EmbeddedAws(Template(parse(SMALL)), {})
    key = aws.holders["GatewayRole"].access_key_id

    refusals = [aws.authority.refusal(key, bedrock_actions("Converse", name, REGION)) for name in (NOVA, CLAUDE)]

    noted = [json.loads(line)["granted"] for line in (tmp_path / "notes").read_text().splitlines()]
    assert [refusal is None for refusal in refusals] == noted == [True, False]
