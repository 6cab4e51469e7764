"""template.yaml, read as data: who may call, what is kept, and what each role may do."""

import copy
import re
import tomllib
from typing import Any

import pytest
from tests.house.repository import ROOT
from tests.house.template_rules import RULES, Rule, Template, as_list, grants, properties

import build
from sluice_devstack.intrinsics import parse

LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
GRANTS = {
    "GatewayRole": LOGS
    | {"secretsmanager:GetSecretValue", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
    "SweeperRole": LOGS | {"dynamodb:Query", "dynamodb:GetItem", "dynamodb:UpdateItem"},
}
GATEWAY = ("Resources", "GatewayFunction", "Properties")
TABLE = ("Resources", "LedgerTable", "Properties")
CALLER = ("Resources", "CallerPolicy", "Properties", "PolicyDocument", "Statement")

# A place in the template, what a careless hand might write there (None: remove it), and the complaint.
MISTAKES: list[tuple[tuple[str | int, ...], object, str]] = [
    ((*GATEWAY, "FunctionUrlConfig", "AuthType"), "NONE", "AuthType is 'NONE'"),
    ((*GATEWAY, "FunctionUrlConfig", "InvokeMode"), None, "InvokeMode is None"),
    ((*GATEWAY, "FunctionUrlConfig", "Cors"), {"AllowOrigins": ["*"]}, "CORS of *"),
    ((*GATEWAY, "FunctionUrlConfig"), None, "no function URL"),
    ((*GATEWAY, "LoggingConfig", "LogGroup"), None, "no log group of its own"),
    ((*GATEWAY, "LoggingConfig", "LogFormat"), "Text", "logs are not JSON"),
    (("Resources", "SweeperLogGroup", "Properties", "RetentionInDays"), None, "kept for ever"),
    ((*CALLER, 1), None, "callers may not lambda:InvokeFunction"),
    ((*CALLER, 0), None, "callers may not lambda:InvokeFunctionUrl"),
    ((*CALLER, 1, "Condition"), None, "no condition"),
    ((*CALLER, 0, "Resource"), {"Fn::Sub": "${GatewayFunction.Arn}"}, "not on :live"),
    ((*CALLER, 0, "Action"), "lambda:*", "action lambda:*"),
    ((*CALLER, 0, "Resource"), "*", "resource *"),
    ((*CALLER, 0, "Principal"), {"AWS": "*"}, "principal *"),
    (
        ("Resources", "Everyone"),
        {"Type": "AWS::Lambda::Permission", "Properties": {"Principal": "*"}},
        "principal *",
    ),
    ((*TABLE, "PointInTimeRecoverySpecification"), None, "no point-in-time recovery"),
    ((*TABLE, "SSESpecification"), None, "not encrypted"),
    ((*TABLE, "DeletionProtectionEnabled"), False, "not protected in prod"),
    (("Resources", "LedgerTable", "DeletionPolicy"), None, "goes with the stack"),
    (("Resources", "OpenAISecret", "UpdateReplacePolicy"), "Delete", "goes when it is replaced"),
    ((*TABLE, "TimeToLiveSpecification"), None, "the table has None"),
    ((*TABLE, "KeySchema", 1, "AttributeName"), "id", "the table has"),
    ((*TABLE, "GlobalSecondaryIndexes", 2, "Projection", "ProjectionType"), "ALL", "the table has"),
    ((*TABLE, "BillingMode"), "PROVISIONED", "the table has PROVISIONED"),
    (
        ("Resources", "OpenAISecret", "Properties", "SecretString"),
        '{"api_key": "sk-fake-1"}',
        "more than a placeholder",
    ),
    (("Parameters", "OpenAIKey"), {"Type": "String", "NoEcho": True}, "OpenAIKey: a secret"),
]


@pytest.fixture(scope="module")
def template() -> Template:
    return parse((ROOT / "template.yaml").read_text(encoding="utf-8"))


def altered(template: Template, place: tuple[str | int, ...], value: object) -> Template:
    copied = copy.deepcopy(template)
    node: Any = copied
    for step in place[:-1]:
        node = node[step]
    if value is None:
        del node[place[-1]]
    else:
        node[place[-1]] = value
    return copied


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_template_keeps_the_rule(template: Template, rule: Rule) -> None:
    assert rule(template) == []


@pytest.mark.parametrize(("place", "value", "complaint"), MISTAKES)
def test_a_mistake_is_noticed(template: Template, place: tuple[str | int, ...], value: object, complaint: str) -> None:
    wrong = altered(template, place, value)

    found = [each for rule in RULES for each in rule(wrong)]

    assert any(complaint in each for each in found), found


@pytest.mark.parametrize("role", GRANTS)
def test_a_role_may_do_what_its_function_does_and_no_more(template: Template, role: str) -> None:
    assert set(grants(template, role)) == GRANTS[role]


def test_a_role_reaches_its_own_things_only(template: Template) -> None:
    gateway, sweeper = grants(template, "GatewayRole"), grants(template, "SweeperRole")
    table = {"Fn::GetAtt": ["LedgerTable", "Arn"]}

    assert gateway["dynamodb:PutItem"] == gateway["dynamodb:UpdateItem"] == [table]
    assert gateway["secretsmanager:GetSecretValue"][0]["Fn::Sub"].endswith(":secret:${SecretPrefix}/*")
    assert gateway["logs:PutLogEvents"] == [{"Fn::GetAtt": ["GatewayLogGroup", "Arn"]}]
    assert sweeper["dynamodb:Query"] == [{"Fn::Sub": "${LedgerTable.Arn}/index/open"}]


def test_no_managed_policy_widens_a_role(template: Template) -> None:
    functions = properties(template, "AWS::Serverless::Function").values()

    assert all("Role" in function and "Policies" not in function for function in functions)
    assert not any("ManagedPolicyArns" in role for role in properties(template, "AWS::IAM::Role").values())


def test_the_gateway_starts_through_the_runtime_layer_and_may_stream_for_fifteen_minutes(template: Template) -> None:
    gateway = properties(template, "AWS::Serverless::Function")["GatewayFunction"]

    assert gateway["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"] == "/opt/bootstrap"
    assert gateway["Layers"] == [{"Ref": "RuntimeLayer"}, {"Ref": "DependenciesLayer"}]
    assert gateway["Timeout"] == 900


def test_every_change_of_the_gateway_reaches_the_alias_that_the_url_is_on(template: Template) -> None:
    gateway = properties(template, "AWS::Serverless::Function")["GatewayFunction"]

    assert (gateway["AutoPublishAlias"], gateway["AutoPublishAliasAllProperties"]) == ("live", True)


def test_every_handler_is_a_file(template: Template) -> None:
    handlers = {each["Handler"] for each in properties(template, "AWS::Serverless::Function").values()}

    assert handlers == {"gateway.handler", "sweeper.handler"}
    assert all((ROOT / "functions" / f"{handler.partition('.')[0]}.py").is_file() for handler in handlers)


def test_the_sweeper_comes_each_minute_and_is_not_repeated(template: Template) -> None:
    sweeper = properties(template, "AWS::Serverless::Function")["SweeperFunction"]
    schedule = sweeper["Events"]["EachMinute"]["Properties"]

    assert schedule["Schedule"] == "rate(1 minute)"
    assert schedule["RetryPolicy"]["MaximumRetryAttempts"] == sweeper["EventInvokeConfig"]["MaximumRetryAttempts"] == 0
    assert sweeper["Timeout"] < 60


def test_layers_and_functions_are_built_for_one_python_and_one_processor(template: Template) -> None:
    shared = template["Globals"]["Function"]
    layers = properties(template, "AWS::Serverless::LayerVersion").values()
    makefiles = [ROOT / "functions/Makefile", *(ROOT / "layers").glob("*/Makefile")]
    versions = {match for path in makefiles for match in re.findall(r"(?m)^PYVER *\?= *(\S+)", path.read_text())}

    assert shared["Runtime"] == f"python{build.PYTHON_VERSION}"
    assert versions == {build.PYTHON_VERSION}
    assert all(layer["CompatibleRuntimes"] == [shared["Runtime"]] for layer in layers)
    assert all(layer["CompatibleArchitectures"] == shared["Architectures"] for layer in layers)
    assert tuple(template["Parameters"]["Architecture"]["AllowedValues"]) == build.ARCHITECTURES


def test_every_parameter_is_in_a_group_and_has_a_label(template: Template) -> None:
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in as_list(group["Parameters"])]

    assert sorted(grouped) == sorted(template["Parameters"]) == sorted(interface["ParameterLabels"])


def test_the_outputs_are_what_a_caller_needs(template: Template) -> None:
    assert set(template["Outputs"]) >= {"FunctionUrl", "TableName", "CallerPolicyArn", "OpenAISecretName"}


def test_deploying_names_only_parameters_that_exist(template: Template) -> None:
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    stages = {stage: settings[stage]["deploy"]["parameters"]["parameter_overrides"] for stage in ("default", "prod")}
    named = {word.partition("=")[0] for overrides in stages.values() for word in overrides.split()}

    assert named <= set(template["Parameters"])
    assert ("Stage=dev" in stages["default"], "Stage=prod" in stages["prod"]) == (True, True)
