"""A small template in the forms CloudFormation allows, and the repository's own where it is there."""

import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from sluice_devstack.intrinsics import Resolver, TemplateError, parse
from sluice_devstack.template import CorsSettings, Template, UrlSettings

ROOT = Path(__file__).resolve().parents[3]
SMALL = """
    AWSTemplateFormatVersion: 2010-09-09
    Parameters:
      Stage: {Type: String, AllowedValues: [dev, prod], Default: dev}
      SecretPrefix: {Type: String, Default: sluice/}
      Origins:
        Type: CommaDelimitedList
        AllowedPattern: "(https://[a-z.]+)?"
        ConstraintDescription: must be https origins
        Default: "https://a.example, https://b.example"
      Memory: {Type: Number, MinValue: 128, MaxValue: 512, Default: 256}
    Conditions:
      IsProduction: !Equals [!Ref Stage, prod]
      IsDevelopment: !Not [!Condition IsProduction]
    Globals:
      Function:
        Timeout: 900
        MemorySize: 512
        Environment:
          Variables:
            POWERTOOLS_SERVICE_NAME: sluice
            SLUICE_TABLE: !Ref LedgerTable
    Resources:
      GatewayFunction:
        Type: AWS::Serverless::Function
        Properties:
          Handler: gateway.handler
          Environment:
            Variables:
              SECRETS: !Sub "arn:${AWS::Partition}:secretsmanager:${AWS::Region}::secret:${SecretPrefix}*"
              IS_DEBUG: !If [IsDevelopment, true, false]
              ABSENT: !If [IsProduction, x, !Ref AWS::NoValue]
              JOINED: !Join ["-", [a, !Ref Stage, !Select [1, !Split [",", "x,y"]]]]
          FunctionUrlConfig:
            AuthType: AWS_IAM
            InvokeMode: RESPONSE_STREAM
            Cors:
              AllowOrigins: !Ref Origins
              AllowMethods: [POST]
              MaxAge: 600
      SweeperFunction:
        Type: AWS::Serverless::Function
        Properties:
          Handler: sweeper.handler
          Timeout: !If [IsProduction, 60, 50]
          Policies:
            - Statement:
                - {Effect: Allow, Action: dynamodb:Query, Resource: !GetAtt LedgerTable.Arn}
      LedgerTable:
        Type: AWS::DynamoDB::Table
        DeletionPolicy: !If [IsProduction, Retain, Delete]
        Properties:
          BillingMode: PAY_PER_REQUEST
          AttributeDefinitions:
            - {AttributeName: pk, AttributeType: S}
            - {AttributeName: opk, AttributeType: S}
          KeySchema:
            - {AttributeName: pk, KeyType: HASH}
          GlobalSecondaryIndexes:
            - IndexName: open
              KeySchema: [{AttributeName: opk, KeyType: HASH}]
              Projection: {ProjectionType: KEYS_ONLY}
          TimeToLiveSpecification: {AttributeName: exp, Enabled: true}
          PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: !If [IsProduction, true, true]}
          StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
          SSESpecification: {SSEEnabled: true}
          DeletionProtectionEnabled: !If [IsProduction, true, false]
"""


@pytest.fixture
def small(tmp_path: Path) -> Template:
    (tmp_path / "template.yaml").write_text(dedent(SMALL))
    return Template.load(tmp_path)


def test_a_function_has_the_globals_merged_in(small: Template) -> None:
    gateway = small.function("GatewayFunction")

    assert (gateway.handler, gateway.timeout_seconds, gateway.memory_mb) == ("gateway.handler", 900, 512)
    assert gateway.variables["POWERTOOLS_SERVICE_NAME"] == "sluice"


def test_a_functions_own_settings_win_over_globals(small: Template) -> None:
    sweeper = small.function("SweeperFunction")

    assert sweeper.timeout_seconds == 50
    assert sweeper.url is None


def test_variables_are_resolved_to_text(small: Template) -> None:
    variables = small.function("GatewayFunction").variables

    assert variables == {
        "POWERTOOLS_SERVICE_NAME": "sluice",
        "SLUICE_TABLE": "sluice-LedgerTable",
        "SECRETS": "arn:aws:secretsmanager:us-east-1::secret:sluice/*",
        "IS_DEBUG": "true",
        "JOINED": "a-dev-y",
    }


def test_the_function_url_is_read_with_its_cors(small: Template) -> None:
    url = small.function("GatewayFunction").url

    cors = CorsSettings(False, (), ("POST",), ("https://a.example", "https://b.example"), (), 600)
    assert url == UrlSettings("AWS_IAM", "RESPONSE_STREAM", cors)


def test_the_table_is_what_create_table_takes(small: Template) -> None:
    table = small.table()

    assert table.name == "sluice-LedgerTable"
    assert table.create == {
        "TableName": "sluice-LedgerTable",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "opk", "AttributeType": "S"},
        ],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "open",
                "KeySchema": [{"AttributeName": "opk", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    }
    assert (table.ttl_attribute, table.point_in_time_recovery) == ("exp", True)


def test_parameters_replace_their_defaults(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(dedent(SMALL))

    production = Template.load(tmp_path, {"Stage": "prod"})

    assert production.function("SweeperFunction").timeout_seconds == 60
    assert production.function("GatewayFunction").variables["ABSENT"] == "x"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("Origins", "https://a.example,*", "parameter Origins: '*' must be https origins"),
        ("Stage", "test", "parameter Stage: 'test' is not accepted by template.yaml; want one of dev, prod"),
        ("Memory", "127", "parameter Memory: '127' is not accepted by template.yaml; want a number of at least 128"),
        ("Memory", "513", "parameter Memory: '513' is not accepted"),
        ("Memory", "much", "parameter Memory: 'much' is not accepted"),
        ("Stages", "dev", "Parameters has no 'Stages'; it has: Stage, SecretPrefix, Origins, Memory"),
    ],
)
def test_a_parameter_is_refused_as_cloudformation_would(name: str, value: str, reason: str) -> None:
    with pytest.raises(TemplateError, match=re.escape(reason)):
        Template(parse(dedent(SMALL)), {name: value})


@pytest.mark.parametrize(
    ("name", "value"), [("Origins", "https://c.example, https://d.example"), ("Origins", ""), ("Memory", "512")]
)
def test_a_parameter_is_taken_as_cloudformation_would(name: str, value: str) -> None:
    items = [part.strip() for part in value.split(",")]

    taken = Resolver(parse(dedent(SMALL)), {name: value}).resolve({"Ref": name})

    assert taken == (items if name == "Origins" else value)


def test_an_unknown_function_is_named_beside_the_known_ones(small: Template) -> None:
    with pytest.raises(TemplateError, match=r"no .*Function 'Gateway'; it has: GatewayFunction, SweeperFunction"):
        small.function("Gateway")


def test_a_missing_template_is_named(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"no template\.yaml in "):
        Template.load(tmp_path)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("!Sub ['${a}/${AWS::Region}/${!kept}', {a: !Ref Stage}]", "dev/us-east-1/${kept}"),
        ("!Sub '${Table.Arn}/index/*'", "arn:aws:dynamodb:us-east-1:123456789012:table/ledger/index/*"),
        ("!GetAtt Table.Arn", "arn:aws:dynamodb:us-east-1:123456789012:table/ledger"),
        ("!GetAtt [Table, StreamArn]", "arn:aws:dynamodb:us-east-1:123456789012:table/ledger/stream/*"),
        ("{'Fn::FindInMap': [Sizes, !Ref Stage, memory]}", 512),
        ("!And [!Equals [a, a], !Or [!Equals [a, b], !Condition IsDev]]", True),
        ("[1, !If [IsDev, !Ref AWS::NoValue, 2], 3]", [1, 3]),
        ("{Condition: {StringEquals: {a: !Ref Stage}}}", {"Condition": {"StringEquals": {"a": "dev"}}}),
        ("2012-10-17", "2012-10-17"),
    ],
)
def test_intrinsic_functions_resolve(expression: str, value: Any) -> None:
    document = parse(
        f"""
        Parameters: {{Stage: {{Default: dev}}}}
        Mappings: {{Sizes: {{dev: {{memory: 512}}}}}}
        Conditions: {{IsDev: !Equals [!Ref Stage, dev]}}
        Resources: {{Table: {{Type: "AWS::DynamoDB::Table", Properties: {{TableName: ledger}}}}}}
        Value: {expression}
        """
    )

    assert Resolver(document).resolve(document["Value"]) == value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("!Ref Nobody", "Resources has no 'Nobody'; it has: nothing"),
        ("!Ref Required", "parameter Required has no default"),
        ("!ImportValue x", "Fn::ImportValue is not known to the local stack; known: Ref,"),
        ("!If [Nope, 1, 2]", "Conditions has no 'Nope'"),
    ],
)
def test_what_cannot_be_resolved_is_named(expression: str, message: str) -> None:
    document = parse(f"{{Parameters: {{Required: {{Type: String}}}}, Value: {expression}}}")

    with pytest.raises(TemplateError, match=message):
        Resolver(document).resolve(document["Value"])


@pytest.mark.skipif(not (ROOT / "template.yaml").is_file(), reason="until template.yaml is in the repository")
def test_the_repositorys_template_is_understood() -> None:
    template = Template.load(ROOT)

    gateway, sweeper, table = (
        template.function("GatewayFunction"),
        template.function("SweeperFunction"),
        template.table(),
    )

    assert (gateway.handler, sweeper.handler) == ("gateway.handler", "sweeper.handler")
    assert gateway.url is not None
    assert (gateway.url.auth_type, gateway.url.invoke_mode) == ("AWS_IAM", "RESPONSE_STREAM")
    assert gateway.variables["SLUICE_TABLE"] == table.name
    assert [index["IndexName"] for index in table.create["GlobalSecondaryIndexes"]] == ["bytime", "open"]
    assert (table.ttl_attribute, table.point_in_time_recovery) == ("exp", True)
