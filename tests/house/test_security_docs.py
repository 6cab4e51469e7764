"""docs/security.md: its policies are the template's, its tests exist, and its diagram can be read."""

import ast
import contextlib
import io
import json
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import botocore.session
import pytest
from tests.house.pages import codes, fenced, section, tables, text
from tests.house.repository import ROOT, name, python_files, tree

from sluice import telemetry
from sluice_devstack.intrinsics import parse

PAGE = text(ROOT / "docs/security.md")
TEMPLATE: dict[str, Any] = parse(text(ROOT / "template.yaml"))
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
Policy = dict[str, Any]

# What an intrinsic of the template is on the page.
ARNS = {
    "GatewayFunction": "arn:aws:lambda:REGION:ACCOUNT:function:FUNCTION_NAME",
    "LedgerTable": "arn:aws:dynamodb:REGION:ACCOUNT:table/TABLE_NAME",
    "GatewayLogGroup": "arn:aws:logs:REGION:ACCOUNT:log-group:GATEWAY_LOG_GROUP:*",
    "SweeperLogGroup": "arn:aws:logs:REGION:ACCOUNT:log-group:SWEEPER_LOG_GROUP:*",
    "RollupLogGroup": "arn:aws:logs:REGION:ACCOUNT:log-group:ROLLUP_LOG_GROUP:*",
}
WORDS = {
    "AWS::Partition": "aws",
    "AWS::Region": "REGION",
    "AWS::AccountId": "ACCOUNT",
    "SecretPrefix": TEMPLATE["Parameters"]["SecretPrefix"]["Default"],
    **{f"{resource}.Arn": arn for resource, arn in ARNS.items()},
    "LedgerTable.StreamArn": f"{ARNS['LedgerTable']}/stream/STREAM",
}
IN_A_ROLE = ("Policies", 0, "PolicyDocument")
HEADINGS: dict[str, tuple[str, tuple[str | int, ...]]] = {
    "Caller": ("CallerPolicy", ("PolicyDocument",)),
    "Reader": ("ReaderPolicy", ("PolicyDocument",)),
    "Configurations": ("ConfigPolicy", ("PolicyDocument",)),
    "Virtual keys": ("KeysPolicy", ("PolicyDocument",)),
    "Gateway": ("GatewayRole", IN_A_ROLE),
    "Sweeper": ("SweeperRole", IN_A_ROLE),
    "Rollup": ("RollupRole", IN_A_ROLE),
}
BY_HAND = ("Keeper of the keys", "CI", "Deployer")

# Permissions whose names are not those of an operation.
NO_OPERATION = {"lambda:InvokeFunction", "lambda:InvokeFunctionUrl", "iam:PassRole", "s3:ListBucket"}
NO_OPERATION |= {"dynamodb:ConditionCheckItem"}  # a part of TransactWriteItems
WITH_STREAMS = {
    "dynamodb": ("dynamodb", "dynamodbstreams")
}  # a service of its own, whose actions bear the table's name

# What CloudFormation does to make, change and remove a resource of a type; SAM's types make several.
NEEDED = {
    "AWS::Serverless::Function": {
        *("lambda:CreateFunction", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration"),
        *("lambda:DeleteFunction", "lambda:PublishVersion", "lambda:CreateAlias", "lambda:UpdateAlias"),
        *("lambda:CreateFunctionUrlConfig", "lambda:PutFunctionEventInvokeConfig", "lambda:PutFunctionConcurrency"),
        *(
            "lambda:AddPermission",
            "lambda:GetLayerVersion",
            "lambda:TagResource",
            "events:PutRule",
            "events:PutTargets",
        ),
        *("lambda:CreateEventSourceMapping", "lambda:UpdateEventSourceMapping", "lambda:DeleteEventSourceMapping"),
        "iam:PassRole",
    },
    "AWS::Serverless::LayerVersion": {"lambda:PublishLayerVersion", "lambda:DeleteLayerVersion"},
    "AWS::Lambda::Permission": {"lambda:AddPermission", "lambda:RemovePermission"},
    "AWS::IAM::Role": {"iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:DeleteRole"},
    "AWS::IAM::ManagedPolicy": {"iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:DeletePolicy"},
    "AWS::CloudWatch::Alarm": {"cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms"},
    "AWS::Events::Rule": {"events:PutRule", "events:PutTargets", "events:RemoveTargets", "events:DeleteRule"},
    "AWS::Logs::LogGroup": {"logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:DeleteLogGroup"},
    "AWS::DynamoDB::Table": {
        *("dynamodb:CreateTable", "dynamodb:UpdateTable", "dynamodb:UpdateContinuousBackups"),
        *("dynamodb:UpdateTimeToLive", "dynamodb:TagResource"),
    },
    "AWS::SecretsManager::Secret": {"secretsmanager:CreateSecret", "secretsmanager:TagResource"},
}
FAULTS = re.compile(r"fault\(\"([AKPRX]\d\d)\"\)")
WRITERS = {"write_text", "write_bytes", "mkdir", "touch", "NamedTemporaryFile", "TemporaryFile", "mkstemp", "mkdtemp"}


def document(heading: str) -> Policy:
    (found,) = fenced(section(PAGE, heading), "json")
    policy: Policy = json.loads(found)
    return policy


def in_words(value: Any) -> Any:
    """A part of the template with its intrinsics written out as on the page."""
    if isinstance(value, dict) and set(value) == {"Fn::Sub"}:
        return re.sub(r"\$\{([^}]+)\}", lambda match: WORDS[match[1]], value["Fn::Sub"])
    if isinstance(value, dict) and set(value) == {"Fn::GetAtt"}:
        return WORDS[".".join(value["Fn::GetAtt"])]
    if isinstance(value, dict):
        return {key: in_words(each) for key, each in value.items()}
    return [in_words(each) for each in value] if isinstance(value, list) else value


def of_template(heading: str) -> Policy:
    resource, path = HEADINGS[heading]
    node: Any = RESOURCES[resource]["Properties"]
    for step in path:
        node = node[step]
    policy: Policy = in_words(node)
    return policy


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def actions(policy: Policy) -> set[str]:
    return {action for each in policy["Statement"] for action in as_list(each["Action"])}


def held() -> dict[str, list[str]]:
    """The tests that hold each fault, by its id; a row without one goes on with the last."""
    found: dict[str, list[str]] = {}
    for fault, tests in tables(section(PAGE, "The tests that hold it"))[0]:
        found.setdefault(fault or [*found][-1], []).extend(codes(tests))
    return found


def names_of_tests() -> set[str]:
    nodes = (node for path in python_files("tests") for node in ast.walk(tree(path)))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize("heading", HEADINGS)
def test_a_policy_on_the_page_is_the_one_that_is_deployed(heading: str) -> None:
    assert document(heading) == of_template(heading)


@pytest.mark.parametrize("heading", [*HEADINGS, *BY_HAND])
def test_a_policy_names_actions_that_exist_and_no_resource_of_all(heading: str) -> None:
    policy, session = document(heading), botocore.session.get_session()

    for action in actions(policy) - NO_OPERATION:
        service, _, operation = action.partition(":")
        models = [session.get_service_model(each) for each in WITH_STREAMS.get(service, (service,))]
        assert any(operation in model.operation_names for model in models), action
    broad = [each["Sid"] for each in policy["Statement"] if "*" in as_list(each["Resource"])]
    assert policy["Version"] == "2012-10-17"
    assert broad == []


def test_nobody_but_the_gateway_reads_a_key() -> None:
    readers = {
        heading for heading in (*HEADINGS, *BY_HAND) if "secretsmanager:GetSecretValue" in actions(document(heading))
    }

    assert readers == {"Gateway"}


def test_the_deployer_may_make_every_resource_of_the_template() -> None:
    types, granted = {each["Type"] for each in RESOURCES.values()}, actions(document("Deployer"))

    assert types <= set(NEEDED)
    assert {kind: NEEDED[kind] - granted for kind in types if NEEDED[kind] - granted} == {}


def test_what_ci_hands_on_goes_to_cloudformation_only() -> None:
    passing = [each for each in document("CI")["Statement"] if "iam:PassRole" in as_list(each["Action"])]
    making = [each for each in document("Deployer")["Statement"] if "iam:PassRole" in as_list(each["Action"])]

    assert [each["Condition"] for each in passing] == [
        {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}}
    ]
    assert [each["Condition"] for each in making] == [{"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}]


def test_every_fault_is_held_by_a_test_that_exists() -> None:
    suite, told = names_of_tests(), [row for table in tables(section(PAGE, "What is defended"))[:-1] for row in table]

    assert [row[0] for row in told] == list(held())
    assert {fault: test for fault, names in held().items() for test in names if test not in suite} == {}
    assert all(held().values())


def test_every_fault_of_security_that_is_tested_is_on_the_page() -> None:
    marked = {found for path in python_files("tests") for found in FAULTS.findall(text(path))}

    assert marked <= set(held())


def test_the_page_says_what_is_not_there_by_its_id() -> None:
    catalogue = {
        f"{kind}{number:02}"
        for kind, last in (("K", 5), ("P", 6), ("R", 12), ("X", 5))
        for number in range(1, last + 1)
    }
    catalogue |= {f"A{number:02}" for number in (1, 2, 3, 6, 7, 8, 9, 10, 11)}
    left_out = set(re.findall(r"\b[AKPRX]\d\d\b", section(PAGE, "What is not defended")))

    assert set(held()) | left_out == catalogue
    assert not set(held()) & left_out


def test_the_diagram_is_well_formed_and_described() -> None:
    picture = ElementTree.fromstring(text(ROOT / "docs/trust.svg"))
    kinds = {element.tag.rpartition("}")[2] for element in picture.iter()}
    letters = {element.text for element in picture.iter() if element.get("class") == "letter"}

    assert {"title", "desc"} <= kinds
    assert letters == set(re.findall(r"^- \*\*([A-Z])\*\*:", PAGE, re.MULTILINE))


def said(**fields: Any) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        telemetry.Telemetry().call({"outcome": "complete", telemetry.PROVIDER_NAME: "openai", **fields})
    return printed.getvalue()


@pytest.fixture
def powertools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "sluice")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Sluice")


@pytest.mark.fault("P04")
@pytest.mark.parametrize("written", ["a\n{}", 'x","_aws":{}', "\x1b[31m", "a\u2028b\r\n", "y" * 1_000_000])
def test_what_a_caller_writes_stays_one_bounded_line(written: str, powertools: None) -> None:
    line = said(route=written)

    assert len(line.splitlines()) == 1
    assert line.isascii()
    assert json.loads(line)["route"] == written[: telemetry.MAX_TEXT]
    assert list(json.loads(line)).count("_aws") == 1


@pytest.mark.fault("P05")
def test_no_text_of_a_caller_becomes_a_dimension(powertools: None) -> None:
    lines = [
        json.loads(said(route=f"route-{number}", **{telemetry.REQUEST_MODEL: f"m-{number}"})) for number in range(50)
    ]

    values = {
        (tuple(line[dimension] for dimension in line["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0]))
        for line in lines
    }

    assert values == {("openai", "complete", "sluice")}


def writes(module: ast.Module) -> Iterator[str]:
    """Calls that make or change a file."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            modes = [each.value for each in node.args[1:2] if isinstance(each, ast.Constant)]
            modes += [
                each.value.value
                for each in node.keywords
                if each.arg == "mode" and isinstance(each.value, ast.Constant)
            ]
            if called in WRITERS or (called == "open" and any(set(str(mode)) & set("wax+") for mode in modes)):
                yield f"{called}, line {node.lineno}"


@pytest.mark.fault("P06")
def test_nothing_that_is_deployed_writes_a_file() -> None:
    found = {name(path): list(writes(tree(path))) for path in python_files("functions", "layers")}

    assert {path: calls for path, calls in found.items() if calls} == {}


@pytest.mark.parametrize(
    "source", ["open('a', 'w')", "open('a', mode='ab')", "path.write_text('x')", "tempfile.mkdtemp()"]
)
def test_a_call_that_writes_a_file_is_found(source: str) -> None:
    assert list(writes(ast.parse(source))) != []
