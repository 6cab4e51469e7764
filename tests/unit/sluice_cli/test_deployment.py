from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from sluice_cli.deployment import deployment, function_url
from sluice_cli.failure import CommandFailed
from sluice_cli.site import Site

OUTPUTS = {"FunctionUrl": "https://abc.lambda-url.eu-west-1.on.aws/", "TableName": "sluice-LedgerTable-1"}


def client(outputs: dict[str, str] | None = None, code: str | None = None, message: str = "") -> Any:
    """CloudFormation, with one answer or one refusal."""
    made = boto3.client("cloudformation", "eu-west-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="fake")
    stubber = Stubber(made)
    if code:
        stubber.add_client_error("describe_stacks", code, message)
    else:
        told = [{"OutputKey": name, "OutputValue": value} for name, value in (outputs or {}).items()]
        stack: dict[str, Any] = {
            "StackName": "prod",
            "CreationTime": datetime.now(UTC),
            "StackStatus": "CREATE_COMPLETE",
        }
        stack["Parameters"] = [{"ParameterKey": "BedrockModels", "ParameterValue": "none"}]
        stubber.add_response("describe_stacks", {"Stacks": [{**stack, "Outputs": told}]}, {"StackName": "prod"})
    stubber.activate()
    return made


def test_the_outputs_say_where_everything_is() -> None:
    found = deployment(client(OUTPUTS), "prod")

    assert found.site == Site("https://abc.lambda-url.eu-west-1.on.aws", "eu-west-1", "sluice-LedgerTable-1")
    assert found.parameters == {"BedrockModels": "none"}
    assert function_url(client(OUTPUTS), "prod") == OUTPUTS["FunctionUrl"]


def test_a_stack_of_something_else_is_told() -> None:
    with pytest.raises(
        CommandFailed, match="stack prod has no output FunctionUrl; is it one of Sluice's template.yaml"
    ):
        _ = deployment(client({"Bucket": "b"}), "prod").site


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("ValidationError", "no stack 'prod' in eu-west-1; name its region with --region or AWS_REGION"),
        ("AccessDenied", "this takes the permission cloudformation:DescribeStacks on stack prod"),
        ("ExpiredToken", "CloudFormation refused: ExpiredToken: too old"),
    ],
)
def test_what_cloudformation_refuses_is_one_line(code: str, line: str) -> None:
    with pytest.raises(CommandFailed) as failed:
        deployment(client(code=code, message="too\nold"), "prod")

    assert str(failed.value) == line


def test_an_output_that_is_no_url_is_a_failure_of_the_stack() -> None:
    with pytest.raises(CommandFailed, match="stack prod has an output FunctionUrl that is none: 'https://x") as failed:
        _ = deployment(client({**OUTPUTS, "FunctionUrl": "https://x\x9b31m.example/\n"}), "prod").site

    assert str(failed.value).isprintable()


def test_an_answer_without_a_stack_is_told_as_no_stack() -> None:
    made = boto3.client("cloudformation", "eu-west-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="fake")
    with Stubber(made) as stubber, pytest.raises(CommandFailed, match="no stack 'prod' in eu-west-1; name its region"):
        stubber.add_response("describe_stacks", {"Stacks": []})
        deployment(made, "prod")
