"""What template.yaml must never say: scripts/template_rules.py, which `make check` and `make build` run too.

Each rule is shown to fire on a template that is broken on purpose, as we write it and as SAM makes CloudFormation of it.
"""

import copy
import functools
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.house.repository import ROOT

from sluice_devstack.intrinsics import parse
from template_rules import RULES, Rule, Template

SAM_PYTHON = ROOT / ".venv-sam" / "bin" / "python"
CHECK = ROOT / "scripts" / "template_check.py"
GATEWAY = ("Resources", "GatewayFunction", "Properties")
URL, CORS = (*GATEWAY, "FunctionUrlConfig"), (*GATEWAY, "FunctionUrlConfig", "Cors", "Fn::If", 1)
TABLE = ("Resources", "LedgerTable", "Properties")
SECRET = ("Resources", "OpenAISecret", "Properties")
CALLER = ("Resources", "CallerPolicy", "Properties", "PolicyDocument", "Statement")
ROLE = ("Resources", "GatewayRole", "Properties", "Policies", 0, "PolicyDocument", "Statement")
BEDROCK = ("Resources", "GatewayRole", "Properties", "Policies", 1, "Fn::If", 1, "PolicyDocument", "Statement")
GUARDRAILS = ("Resources", "GatewayRole", "Properties", "Policies", 2, "Fn::If", 1, "PolicyDocument", "Statement", 0)
ACCOUNT = ("Resources", "CallerAccount1ViaUrlOnly")
ANYBODY = {"Type": "AWS::Lambda::Permission", "Properties": {"Action": "lambda:InvokeFunction", "Principal": "*"}}

Place = tuple[str | int, ...]
Mistake = tuple[Place, object, str]

# A place in the template, what a careless hand might write there (None: remove it), and the complaint.
MISTAKES: dict[str, list[Mistake]] = {
    "X01": [
        ((*CALLER, 0, "Action"), "lambda:*", "action lambda:*"),
        ((*ROLE, 2, "Action"), ["dynamodb:*"], "action ['dynamodb:*']"),
        ((*CALLER, 0, "Resource"), "*", "resource *"),
        ((*ROLE, 2, "Resource"), {"Fn::Sub": "arn:${AWS::Partition}:dynamodb:*:*:table/*"}, "resource arn:"),
        ((*ROLE, 1, "Resource"), {"Fn::Sub": "arn:aws:secretsmanager:us-east-1:1:secret:*"}, "resource arn:"),
        ((*ROLE, 2, "Resource"), {"Fn::If": ["IsProd", "arn:aws:dynamodb:*:1:table/x", "y"]}, "resource arn:"),
        ((*ROLE, 2, "Resource"), {"Fn::Split": [",", {"Ref": "SecretPrefix"}]}, "resource * for"),
        ((*BEDROCK, 0, "Action"), ["bedrock:*"], "action ['bedrock:*']"),
        ((*BEDROCK, 0, "Action"), ["bedrock:DeleteGuardrail"], "bedrock:DeleteGuardrail on arn:"),
        ((*BEDROCK, 1, "Action"), "bedrock:CountTokens", "bedrock:CountTokens on arn:"),
        ((*BEDROCK, 0, "Resource"), "*", "bedrock:CountTokens on *"),
        ((*BEDROCK, 0, "Resource", 0, "Fn::Sub", 0), "arn:${AWS::Partition}:bedrock:*:*:*/${Model}", "resource arn:"),
        ((*BEDROCK, 0, "Resource", 3, "Fn::If", 1), "arn:aws:bedrock:*:*:provisioned-model/*", "resource arn:"),
        (
            (*BEDROCK, 1, "Resource", 0),
            {"Fn::Sub": "arn:${AWS::Partition}:bedrock:*:*:inference-profile/*"},
            "bedrock:InvokeModel on arn:",
        ),
        ((*BEDROCK, 1, "Action"), "aws-marketplace:Subscribe", "aws-marketplace:Subscribe on arn:"),
        ((*BEDROCK, 1, "Action"), "bedrock-mantle:CreateInference", "bedrock-mantle:CreateInference on arn:"),
        ((*GUARDRAILS, "Resource"), "*", "bedrock:ApplyGuardrail on *"),
        (("Parameters", "BedrockGuardrails", "AllowedPattern"), None, "any guardrail"),
        (("Parameters", "BedrockGuardrails", "Default"), "*", "any guardrail"),
        (
            ("Resources", "GatewayRole", "Properties", "ManagedPolicyArns"),
            ["arn:aws:iam::aws:policy/AdministratorAccess"],
            "GatewayRole: ManagedPolicyArns",
        ),
        (
            ("Resources", "SweeperFunction", "Properties", "Policies"),
            ["AmazonDynamoDBFullAccess"],
            "SweeperFunction: Policies beside its role",
        ),
    ],
    "X02": [
        ((*URL, "AuthType"), "NONE", "AuthType is 'NONE'"),
        ((*URL, "InvokeMode"), None, "InvokeMode is None"),
        (URL, None, "no function URL"),
        ((*CORS, "AllowOrigins"), ["*"], "CORS AllowOrigins may be *"),
        ((*URL, "Cors"), {"AllowOrigins": ["*"]}, "CORS AllowOrigins may be *"),
        ((*CORS, "AllowHeaders"), ["*"], "CORS AllowHeaders may be *"),
        (("Parameters", "CorsOrigins", "AllowedPattern"), None, "CORS AllowOrigins may be *"),
        (("Parameters", "CorsOrigins", "AllowedPattern"), ".*", "CORS AllowOrigins may be *"),
        (("Parameters", "CorsOrigins", "Default"), "*", "CORS AllowOrigins may be *"),
        ((*CALLER, 1), None, "callers may not lambda:InvokeFunction"),
        ((*CALLER, 0), None, "callers may not lambda:InvokeFunctionUrl"),
        ((*CALLER, 1, "Condition"), None, "lambda:InvokeFunction: no condition"),
        ((*CALLER, 0, "Condition", "StringEquals"), {"lambda:FunctionUrlAuthType": "NONE"}, "no condition that"),
        ((*CALLER, 0, "Resource"), {"Fn::Sub": "${GatewayFunction.Arn}"}, "not on :live"),
        ((*CALLER, 0, "Principal"), {"AWS": "*"}, "principal *"),
        (("Resources", "Everyone"), ANYBODY, "Everyone: principal *"),
        (ACCOUNT, None, "may not lambda:InvokeFunction"),
        (("Resources", "CallerAccount3Url"), None, "may not lambda:InvokeFunctionUrl"),
        ((*ACCOUNT, "Properties", "InvokedViaFunctionUrl"), None, "lambda:InvokeFunction is not kept to the URL"),
        ((*ACCOUNT, "Properties", "FunctionName"), {"Ref": "GatewayFunction"}, "not on the alias"),
        ((*ACCOUNT, "Properties", "Principal"), "*", "CallerAccount1ViaUrlOnly: principal *"),
        (("Parameters", "CallerAccounts", "AllowedPattern"), ".*", "principal *"),
    ],
    "X05": [
        ((*GATEWAY, "LoggingConfig", "LogGroup"), None, "no log group of its own"),
        ((*GATEWAY, "LoggingConfig", "LogFormat"), "Text", "logs are not JSON"),
        (("Resources", "SweeperLogGroup", "Properties", "RetentionInDays"), None, "kept for ever"),
        ((*TABLE, "PointInTimeRecoverySpecification"), None, "no point-in-time recovery"),
        ((*TABLE, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled"), False, "no point-in-time"),
        ((*TABLE, "SSESpecification"), None, "not encrypted"),
        ((*TABLE, "DeletionProtectionEnabled"), False, "not protected in prod"),
        (("Conditions", "IsProd"), {"Fn::Equals": [{"Ref": "Stage"}, "production"]}, "IsProd is not"),
        (("Resources", "LedgerTable", "DeletionPolicy"), None, "goes with the stack"),
        (("Resources", "OpenAISecret", "UpdateReplacePolicy"), "Delete", "goes when it is replaced"),
        ((*TABLE, "TimeToLiveSpecification"), None, "the table has None"),
        ((*TABLE, "StreamSpecification"), None, "the table has None"),
        ((*TABLE, "KeySchema", 1, "AttributeName"), "id", "the table has"),
        ((*TABLE, "GlobalSecondaryIndexes", 1, "Projection", "ProjectionType"), "ALL", "the table has"),
        ((*TABLE, "BillingMode"), "PROVISIONED", "the table has PROVISIONED"),
        ((*GATEWAY, "ReservedConcurrentExecutions"), None, "no parameter bounds its concurrency"),
        ((*GATEWAY, "ReservedConcurrentExecutions"), 10, "no parameter bounds its concurrency"),
        (("Parameters", "ReservedConcurrency", "MinValue"), 1, "no parameter bounds its concurrency from 0"),
        ((*SECRET, "SecretString"), '{"api_key": "sk-fake-1"}', "more than a placeholder"),
        (("Parameters", "OpenAIKey"), {"Type": "String", "NoEcho": True}, "OpenAIKey: a secret"),
    ],
}
# The same where SAM has made something of its own: the URL, the functions, the schedule's permission.
MADE_URL, MADE_RULE = ("Resources", "GatewayFunctionUrl", "Properties"), "SweeperFunctionEachMinutePermission"
MISTAKES_OF_SAM: dict[str, list[Mistake]] = {
    "X01": [((*BEDROCK, 0, "Resource"), "*", "bedrock:InvokeModel on *")],
    "X02": [
        ((*MADE_URL, "AuthType"), "NONE", "AuthType is 'NONE'"),
        (("Resources", "GatewayFunctionUrl"), None, "no function URL"),
        ((*MADE_URL, "Cors", "Fn::If", 1, "AllowOrigins"), ["*"], "CORS AllowOrigins may be *"),
        (("Resources", MADE_RULE, "Properties", "SourceArn"), None, "any source of events.amazonaws.com"),
        (("Resources", MADE_RULE, "Properties", "Principal"), "*", "principal *"),
        (ACCOUNT, None, "may not lambda:InvokeFunction"),
    ],
    "X05": [
        ((*GATEWAY, "LoggingConfig"), None, "no log group of its own"),
        ((*GATEWAY, "ReservedConcurrentExecutions"), None, "no parameter bounds its concurrency"),
        ((*TABLE, "SSESpecification"), None, "not encrypted"),
    ],
}


def by_fault(mistakes: dict[str, list[Mistake]]) -> list[Any]:
    return [
        pytest.param(*each, marks=pytest.mark.fault(fault), id=f"{fault}-{'.'.join(map(str, each[0][1:]))}-{each[2]}")
        for fault, listed in mistakes.items()
        for each in listed
    ]


@functools.cache
def written() -> Template:
    return parse((ROOT / "template.yaml").read_text(encoding="utf-8"))


@functools.cache
def transformed() -> Template:
    """What CloudFormation gets of it, from SAM's own translator."""
    ended = subprocess.run([SAM_PYTHON, CHECK, "--print"], capture_output=True, text=True, check=True, timeout=60)
    made: Template = json.loads(ended.stdout)
    return made


needs_sam = pytest.mark.skipif(not SAM_PYTHON.is_file(), reason="SAM is not installed; `make check` installs it")
FORMS = [written, pytest.param(transformed, marks=needs_sam)]


@pytest.fixture
def template() -> Template:
    return written()


def altered(template: Template, place: Place, value: object) -> Template:
    copied = copy.deepcopy(template)
    node: Any = copied
    for step in place[:-1]:
        node = node[step]
    if value is None:
        del node[place[-1]]
    else:
        node[place[-1]] = value
    return copied


def found_in(template: Template) -> list[str]:
    return [each for rule in RULES for each in rule(template)]


@pytest.mark.fault("X01")
@pytest.mark.fault("X02")
@pytest.mark.fault("X05")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_template_keeps_the_rule(form: Any, rule: Rule) -> None:
    assert rule(form()) == []


@pytest.mark.parametrize(("place", "value", "complaint"), by_fault(MISTAKES))
def test_a_mistake_is_noticed(template: Template, place: Place, value: object, complaint: str) -> None:
    found = found_in(altered(template, place, value))

    assert any(complaint in each for each in found), found


@needs_sam
@pytest.mark.parametrize(("place", "value", "complaint"), by_fault(MISTAKES_OF_SAM))
def test_a_mistake_is_noticed_in_what_sam_makes_of_it(place: Place, value: object, complaint: str) -> None:
    found = found_in(altered(transformed(), place, value))

    assert any(complaint in each for each in found), found


@needs_sam
@pytest.mark.fault("X02")
def test_a_mistake_fails_make_check_and_make_build(tmp_path: Path) -> None:
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    wrong = tmp_path / "template.yaml"
    wrong.write_text(text.replace("AuthType: AWS_IAM\n        Inv", "AuthType: NONE\n        Inv"))

    environment = {key: value for key, value in os.environ.items() if key != "AWS_DEFAULT_REGION"}
    command = [str(SAM_PYTHON), str(CHECK), "--template", str(wrong)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert ended.returncode == 1
    assert "template: template.yaml: GatewayFunction: AuthType is 'NONE', not 'AWS_IAM'\n" in ended.stderr
    assert "template: as CloudFormation: GatewayFunctionUrl: AuthType is 'NONE'" in ended.stderr
    assert "scripts/template_check.py" in makefile.partition("\ncheck-template:\n")[2].partition("\n\n")[0]
    assert re.search(r"(?m)^build: check-template\b", makefile)
    assert re.search(r"(?m)^check: .*\bcheck-template\b", makefile)
