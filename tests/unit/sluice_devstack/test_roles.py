"""Policies of a template, flattened; those of the repository are judged in tests/e2e/test_policies.py."""

from typing import Any

import pytest

from sluice_devstack.intrinsics import TemplateError, parse
from sluice_devstack.roles import Grant, Holder
from sluice_devstack.template import Template

TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/sluice-LedgerTable"
SMALL = """
Resources:
  Gateway:
    Type: AWS::Serverless::Function
    Properties: {Handler: a.b, Role: !GetAtt GatewayRole.Arn}
  Bare:
    Type: AWS::Serverless::Function
    Properties: {Handler: a.b}
  LedgerTable: {Type: "AWS::DynamoDB::Table", Properties: {}}
  Logs: {Type: "AWS::Logs::LogGroup", Properties: {LogGroupName: /aws/lambda/gateway}}
  GatewayRole:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyDocument:
            Statement:
              - {Effect: Allow, Action: [logs:PutLogEvents], Resource: !GetAtt Logs.Arn}
        - PolicyDocument:
            Statement: {Effect: Allow, Action: [dynamodb:GetItem, dynamodb:Query], Resource: [!GetAtt LedgerTable.Arn, x]}
  ReaderPolicy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Statement:
          - {Sid: One, Effect: Allow, Action: dynamodb:Query, Resource: !Sub "${LedgerTable.Arn}/index/open"}
"""


def holders(text: str = SMALL) -> dict[str, Holder]:
    return Template(parse(text)).holders()


def test_every_role_and_managed_policy_is_flattened() -> None:
    assert {name: each.grants for name, each in holders().items()} == {
        "GatewayRole": (
            Grant("logs:PutLogEvents", "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/gateway:*"),
            Grant("dynamodb:GetItem", TABLE),
            Grant("dynamodb:GetItem", "x"),
            Grant("dynamodb:Query", TABLE),
            Grant("dynamodb:Query", "x"),
        ),
        "ReaderPolicy": (Grant("dynamodb:Query", f"{TABLE}/index/open"),),
    }


def test_each_holder_has_a_key_of_its_own_and_says_nothing_of_it() -> None:
    gateway, reader = holders().values()

    assert gateway.variables.keys() == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
    assert not set(gateway.variables.values()) & set(reader.variables.values())
    assert str(gateway) == "Holder(name='GatewayRole')"


def test_a_function_knows_its_role() -> None:
    template = Template(parse(SMALL))

    assert (template.function("Gateway").role, template.function("Bare").role) == ("GatewayRole", None)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Sid: One, Effect: Allow", "Effect: Deny"),
        ("Sid: One, Effect: Allow", "NotPrincipal: x, Effect: Allow"),
        (
            "      Policies:\n",
            "      ManagedPolicyArns: [arn:aws:iam::aws:policy/AdministratorAccess]\n      Policies:\n",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused_and_named(right: str, wrong: str) -> None:
    assert right in SMALL

    with pytest.raises(TemplateError, match=r"(ReaderPolicy|GatewayRole) has .* local stack cannot read"):
        holders(SMALL.replace(right, wrong))


def test_no_grant_is_made_of_a_template_without_policies() -> None:
    document: dict[str, Any] = {"Resources": {"T": {"Type": "AWS::DynamoDB::Table"}}}

    assert Template(document).holders() == {}
