"""template.yaml, read as data: what runs, what it may do, what a person chooses and gets."""

import json
import re
import tomllib
from typing import Any

import botocore.session
import pytest
from tests.house.repository import ROOT, python_files

import build
from sluice import live, pipeline
from sluice.providers import openai as provider
from sluice.stores import announcements, configurations, transitions
from sluice.surfaces import cache_headers, call_headers
from sluice_devstack.bedrock_actions import PERMISSIONS
from sluice_devstack.intrinsics import Resolver, parse
from template_rules import OF_BEDROCK, Template, as_list, grants, properties

LAMBDA_METRICS = ("Errors", "Throttles", "IteratorAge")
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
ROLES = ("GatewayRole", "RollupRole", "SweeperRole")
READING_THE_STREAM = {"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"}  # as Lambda does
IN_TRANSACTIONS = {"ConditionCheckItem", "DeleteItem", "PutItem", "UpdateItem"}  # what TransactWriteItems asks for
SAFE = {"accept", "content-type"}  # headers that no browser asks about
CLIENT_CALL = re.compile(r"\b_client\.([a-z_]+)")
OUTPUTS = [
    "FunctionUrl",
    "Region",
    "GatewayFunctionName",
    "GatewayLogGroupName",
    "SweeperLogGroupName",
    "RollupLogGroupName",
    "TableName",
    "CallerPolicyArn",
    "ReaderPolicyArn",
    "ConfigPolicyArn",
    "KeysPolicyArn",
    "OpenAISecretName",
]


@pytest.fixture(scope="module")
def template() -> Template:
    return parse((ROOT / "template.yaml").read_text(encoding="utf-8"))


def test_no_role_may_do_what_the_sources_never_ask_for(template: Template) -> None:
    """X01 without running anything; tests/e2e/test_policies.py and the end of the whole suite judge what is called.

    Bedrock is called by the providers, not by the stores: test_template_bedrock.py.
    """
    sources = "".join(path.read_text(encoding="utf-8") for path in python_files("functions/sluice/stores"))
    asked = {operation.title().replace("_", "") for operation in CLIENT_CALL.findall(sources)}
    actions = {action for role in ROLES for action in grants(template, role)} - LOGS - set(OF_BEDROCK)
    granted = {action.partition(":")[2] for action in actions} - READING_THE_STREAM

    assert granted - IN_TRANSACTIONS == asked - IN_TRANSACTIONS - {"TransactWriteItems"}


def test_a_role_reaches_its_own_things_only(template: Template) -> None:
    gateway, sweeper = grants(template, "GatewayRole"), grants(template, "SweeperRole")
    table = {"Fn::GetAtt": ["LedgerTable", "Arn"]}

    assert all(resources == [table] for action, resources in gateway.items() if action.startswith("dynamodb:"))
    assert gateway["secretsmanager:GetSecretValue"][0]["Fn::Sub"].endswith(":secret:${SecretPrefix}/*")
    assert gateway["logs:PutLogEvents"] == [{"Fn::GetAtt": ["GatewayLogGroup", "Arn"]}]
    assert sweeper["dynamodb:Query"] == [{"Fn::Sub": "${LedgerTable.Arn}/index/open"}]
    assert not sweeper.keys() & set(OF_BEDROCK)


def test_whoever_pushes_configurations_reaches_no_record(template: Template) -> None:
    policy = properties(template, "AWS::IAM::ManagedPolicy")["ConfigPolicy"]["PolicyDocument"]
    (statement,) = policy["Statement"]

    assert statement["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [configurations.PARTITION]}}


def test_the_alarm_watches_the_metric_that_a_refused_configuration_makes(template: Template) -> None:
    alarm = properties(template, "AWS::CloudWatch::Alarm")["ConfigRefusedAlarm"]
    variables = template["Globals"]["Function"]["Environment"]["Variables"]

    watched = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
    assert (alarm["MetricName"], alarm["Namespace"]) == (live.REFUSALS, variables["POWERTOOLS_METRICS_NAMESPACE"])
    assert watched == {"table": variables["SLUICE_TABLE"], "service": variables["POWERTOOLS_SERVICE_NAME"]}
    assert alarm["Period"] >= 2 * live.REFUSED_SECONDS


@pytest.mark.parametrize("topic", ["", "arn:aws:sns:us-east-1:123456789012:alarms"])
def test_every_alarm_is_sent_where_a_topic_is_named_and_silence_is_good(template: Template, topic: str) -> None:
    for alarm in properties(template, "AWS::CloudWatch::Alarm").values():
        condition, named, otherwise = alarm["AlarmActions"]["Fn::If"]

        assert Resolver(template, {"AlarmTopic": topic}).condition(condition) is bool(topic)
        assert (named, otherwise) == ([{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"})
        assert alarm["TreatMissingData"] == "notBreaching"


def test_every_alarm_watches_a_metric_that_this_stack_makes(template: Template) -> None:
    """Of Lambda's own those of its functions, of ours those that a source names, each by its table."""
    sources = "".join(path.read_text(encoding="utf-8") for path in python_files("functions"))
    functions = set(properties(template, "AWS::Serverless::Function"))
    sweeper = (ROOT / "functions" / "sweeper.py").read_text(encoding="utf-8")
    by_table: dict[str, Any] = {"table": {"Ref": "LedgerTable"}}

    for alarm in properties(template, "AWS::CloudWatch::Alarm").values():
        watched = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
        if alarm["Namespace"] == "AWS/Lambda":
            assert alarm["MetricName"] in LAMBDA_METRICS
            assert watched["FunctionName"]["Ref"] in functions
        else:
            name = f'"{alarm["MetricName"]}"'
            of_service = {} if name in sweeper else {"service": "sluice"}  # Powertools' own, which the sweeper has not
            assert name in sources
            assert (alarm["Namespace"], watched) == ("Sluice", by_table | of_service)


def test_the_page_of_alarms_says_when_each_rings(template: Template) -> None:
    """And what they cost together: $0.10 a month each."""
    page = (ROOT / "docs" / "alarms.md").read_text(encoding="utf-8")
    alarms = properties(template, "AWS::CloudWatch::Alarm")

    told = dict(re.findall(r"^\| `(\w+Alarm)` \|[^|]*\| ([^|]*) \|", page, re.MULTILINE))
    assert told == {name: _rings(alarm) for name, alarm in alarms.items()}
    assert f"${len(alarms) / 10:.2f} a month" in page


def _rings(alarm: dict[str, Any]) -> str:
    """As the page has it: `Sum >= 1 in 5 min, 3 times in a row`."""
    times, of = alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]), alarm["EvaluationPeriods"]
    often = "" if of == 1 else f", {times} times in a row" if times == of else f", {times} times of {of}"
    how, minutes = alarm.get("Statistic") or alarm["ExtendedStatistic"], alarm["Period"] // 60
    return f"{how} >= {alarm['Threshold']:,} in {minutes} min{often}"


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

    assert handlers == {"gateway.handler", "rollup.handler", "sweeper.handler"}
    assert all((ROOT / "functions" / f"{handler.partition('.')[0]}.py").is_file() for handler in handlers)


def test_the_sweeper_comes_each_minute_and_is_not_repeated(template: Template) -> None:
    sweeper = properties(template, "AWS::Serverless::Function")["SweeperFunction"]
    schedule = sweeper["Events"]["EachMinute"]["Properties"]

    assert schedule["Schedule"] == "rate(1 minute)"
    assert schedule["RetryPolicy"]["MaximumRetryAttempts"] == sweeper["EventInvokeConfig"]["MaximumRetryAttempts"] == 0
    assert sweeper["Timeout"] < 60


def test_the_rollup_hears_of_every_call_that_ended_until_it_has_counted_it(template: Template) -> None:
    function = properties(template, "AWS::Serverless::Function")["RollupFunction"]
    source = function["Events"]["Ledger"]["Properties"]
    ended, budgets = source["FilterCriteria"]["Filters"]

    assert source["Stream"] == {"Fn::GetAtt": ["LedgerTable", "StreamArn"]}
    assert (source["StartingPosition"], source["BisectBatchOnFunctionError"]) == ("TRIM_HORIZON", True)
    assert "MaximumRetryAttempts" not in source
    assert json.loads(ended["Pattern"])["dynamodb"]["NewImage"] == {"st": {"S": [*transitions.ENDED]}}
    assert budgets["Fn::If"][0] == "HasEventBus"


def test_events_go_to_a_bus_that_is_named_and_budgets_to_the_topic_where_both_are(template: Template) -> None:
    both = {
        "EventBus": "arn:aws:events:us-east-1:123456789012:event-bus/sluice",
        "AlarmTopic": "arn:aws:sns:us-east-1:123456789012:alarms",
    }
    rule = template["Resources"]["BudgetThresholdRule"]
    pattern = rule["Properties"]["EventPattern"]

    assert grants(template, "RollupRole")["events:PutEvents"] == [{"Ref": "EventBus"}]
    assert [Resolver(template, given).condition(rule["Condition"]) for given in ({}, both)] == [False, True]
    assert not any(Resolver(template, {name: both[name]}).condition(rule["Condition"]) for name in both)
    assert (pattern["source"], pattern["detail-type"]) == ([announcements.SOURCE], [announcements.BUDGET_THRESHOLD])


def test_whoever_reads_usage_reaches_totals_of_the_table_and_no_key(template: Template) -> None:
    policy = properties(template, "AWS::IAM::ManagedPolicy")["ReaderPolicy"]["PolicyDocument"]
    (statement,) = [each for each in policy["Statement"] if each["Sid"] == "Totals"]

    assert statement["Action"] == "dynamodb:Query"
    assert statement["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["D#*"]}}


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
    assert list(template["Outputs"]) == OUTPUTS


def test_sam_is_told_only_what_exists_and_a_stage_of_its_own(template: Template) -> None:
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    told = {
        (stage, command): table["parameters"].get("parameter_overrides", "").split()
        for stage in ("default", "prod")
        for command, table in settings[stage].items()
    }
    stacks = {stage: settings[stage]["global"]["parameters"]["stack_name"] for stage in ("default", "prod")}

    assert {word.partition("=")[0] for words in told.values() for word in words} <= set(template["Parameters"])
    assert "Stage=dev" in told["default", "deploy"]
    assert "Stage=prod" in told["prod", "deploy"]
    assert told["default", "sync"] == ["Stage=dev"]
    assert ("prod", "sync") not in told
    assert stacks == {"default": "sluice-dev", "prod": "sluice"}
    for stage in stacks:
        assert {"global", "validate", "build", "deploy", "logs"} <= set(settings[stage])
        assert set(settings[stage]["logs"]["parameters"]["name"]) <= set(template["Resources"])


def test_cors_knows_every_header_of_ours(template: Template) -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in python_files("functions"))
    ours = set(re.findall(r"x-sluice-[a-z]+(?:-[a-z]+)*", sources))
    cors = cors_of(template)

    asked = {*call_headers.NAMES, *cache_headers.NAMES, "x-sluice-key"}
    assert asked <= set(cors["AllowHeaders"])
    assert ours - asked <= set(cors["ExposeHeaders"])
    assert {"x-request-id", "x-should-retry", pipeline.REPLAYED, *provider.PASSED_HEADERS} <= set(cors["ExposeHeaders"])
    assert any(name.startswith(provider.PASSED_PREFIX) for name in cors["ExposeHeaders"])


def test_cors_knows_every_header_of_the_bedrock_runtimes_api(template: Template) -> None:
    model = botocore.session.get_session().get_service_model("bedrock-runtime")
    served = [model.operation_model(name) for name in PERMISSIONS]
    asked = {name for each in served for name in headers_of(each.input_shape)}
    answered = {name for each in served for name in headers_of(each.output_shape)}
    cors = cors_of(template)

    assert asked - SAFE <= set(cors["AllowHeaders"])
    assert answered - SAFE <= set(cors["ExposeHeaders"])


def test_cors_lets_a_signed_call_through_within_lambdas_bounds(template: Template) -> None:
    cors = cors_of(template)
    lists = [cors["AllowHeaders"], cors["ExposeHeaders"]]
    signature = {"authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"}

    assert signature <= set(cors["AllowHeaders"])
    assert all(len(set(names)) == len(names) for names in lists)
    assert sum(map(len, lists)) <= 100
    assert all(
        re.fullmatch("[a-z0-9-]+", name) for names in lists for name in names
    )  # a browser knows no wildcard inside a name
    assert set(cors["AllowMethods"]) <= {"GET", "PUT", "HEAD", "POST", "PATCH", "DELETE"}
    assert 0 < cors["MaxAge"] <= 86_400
    assert "AllowCredentials" not in cors


@pytest.mark.parametrize(
    ("accounts", "is_accepted"),
    [
        ("", True),
        ("111122223333", True),
        (",".join(["111122223333"] * 5), True),
        (",".join(["111122223333"] * 6), False),
        ("111122223333, 444455556666", False),
        ("1111222233334", False),
        ("*", False),
    ],
)
def test_accounts_are_up_to_five_ids(template: Template, accounts: str, is_accepted: bool) -> None:
    pattern = template["Parameters"]["CallerAccounts"]["AllowedPattern"]

    assert bool(re.fullmatch(pattern, accounts)) is is_accepted


@pytest.mark.parametrize("count", range(6))
def test_each_account_gets_its_own_permissions_and_nobody_else(template: Template, count: int) -> None:
    accounts = [f"{number}" * 12 for number in range(1, count + 1)]
    resolver = Resolver(template, {"CallerAccounts": ",".join(accounts)})
    permissions = {
        name: entry for name, entry in template["Resources"].items() if entry["Type"] == "AWS::Lambda::Permission"
    }

    made = [entry["Properties"] for entry in permissions.values() if resolver.condition(entry["Condition"])]

    principals = [resolver.resolve(each["Principal"]) for each in made]
    assert principals == [account for account in accounts for _ in range(2)]
    assert len(permissions) == 10


def headers_of(shape: Any) -> set[str]:
    members = [each.serialization for each in shape.members.values()] if shape else []
    return {each["name"].lower() for each in members if each.get("location") == "header"}


def cors_of(template: Template) -> dict[str, Any]:
    url = properties(template, "AWS::Serverless::Function")["GatewayFunction"]["FunctionUrlConfig"]
    condition, settings, _ = url["Cors"]["Fn::If"]
    assert condition == "HasCorsOrigins"
    return dict(settings)
