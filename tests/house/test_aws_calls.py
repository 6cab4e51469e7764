"""X01's judge: tests/aws_calls.py, on calls and policies made up to be wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.aws_calls import NOT_CALLED, NOT_JUDGED, Noted, complaints, read
from tests.house.repository import ROOT

from sluice_devstack.roles import Grant, Holder
from sluice_devstack.template import Template

TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/ledger"
LOGS = Grant("logs:PutLogEvents", "arn:aws:logs:us-east-1:123456789012:log-group:a:*")
SWEEPER = Holder("SweeperRole", (Grant("dynamodb:GetItem", TABLE), Grant("dynamodb:Query", f"{TABLE}/index/*"), LOGS))
GET = Noted("SweeperRole", "dynamodb:GetItem", TABLE, granted=True)
QUERY = Noted("SweeperRole", "dynamodb:Query", f"{TABLE}/index/open", granted=True)

pytestmark = pytest.mark.fault("X01")


def judged(*calls: Noted) -> list[str]:
    return complaints({"SweeperRole": SWEEPER}, calls)


def test_all_used_and_all_granted_is_well() -> None:
    assert judged(GET, QUERY) == []


@pytest.mark.parametrize(
    "other",
    [
        Noted("GatewayRole", "dynamodb:Query", f"{TABLE}/index/open", granted=True),
        Noted("SweeperRole", "dynamodb:Scan", f"{TABLE}/index/open", granted=True),
        Noted("SweeperRole", "dynamodb:Query", TABLE, granted=True),
    ],
)
def test_a_grant_is_used_only_by_its_holder_with_its_action_on_its_resource(other: Noted) -> None:
    assert judged(GET, other) == [f"SweeperRole may dynamodb:Query on {TABLE}/index/*, and nothing ever did"]


def test_a_call_that_was_refused_is_named() -> None:
    refused = Noted("SweeperRole", "dynamodb:DeleteItem", TABLE, granted=False)

    assert judged(GET, QUERY, refused) == [f"SweeperRole called dynamodb:DeleteItem on {TABLE}, and may not"]


MODEL = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0"
MODELS, PROFILES = "arn:aws:bedrock:*::foundation-model/*", "arn:aws:bedrock:*:123456789012:inference-profile/*"
INVOKE, STREAM = "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"
CALLER = Holder("GatewayRole", tuple(Grant(each, one) for each in (INVOKE, STREAM) for one in (MODELS, PROFILES)))


def on_bedrock(*calls: tuple[str, str]) -> list[str]:
    noted = [Noted("GatewayRole", action, resource, granted=True) for action, resource in calls]
    return complaints({"GatewayRole": CALLER}, noted)


@pytest.mark.parametrize(
    "calls", [[(INVOKE, MODEL), (STREAM, PROFILE)], [(STREAM, MODEL), (INVOKE, PROFILE), (INVOKE, MODEL)]]
)
def test_of_bedrock_each_action_and_each_kind_of_resource_is_used(calls: list[tuple[str, str]]) -> None:
    assert on_bedrock(*calls) == []


@pytest.mark.parametrize(
    ("calls", "idle"),
    [
        ([], [(INVOKE, MODELS), (INVOKE, PROFILES), (STREAM, MODELS), (STREAM, PROFILES)]),
        ([(INVOKE, MODEL), (INVOKE, PROFILE)], [(STREAM, MODELS), (STREAM, PROFILES)]),
        ([(INVOKE, MODEL), (STREAM, MODEL)], [(INVOKE, PROFILES), (STREAM, PROFILES)]),
        ([("s3:GetObject", PROFILE), (INVOKE, MODEL), (STREAM, MODEL)], [(INVOKE, PROFILES), (STREAM, PROFILES)]),
    ],
)
def test_an_action_of_bedrock_or_a_kind_of_resource_that_nobody_used_is_named(
    calls: list[tuple[str, str]], idle: list[tuple[str, str]]
) -> None:
    assert on_bedrock(*calls) == [f"GatewayRole may {action} on {one}, and nothing ever did" for action, one in idle]


def test_what_is_not_judged_is_in_the_template_and_has_a_reason() -> None:
    holders = Template.load(ROOT).holders()
    granted = {grant.action for each in holders.values() for grant in each.grants}

    assert NOT_CALLED.keys() <= granted
    assert NOT_JUDGED.keys() <= holders.keys()
    assert all(len(reason.split()) > 5 for reason in (NOT_CALLED | NOT_JUDGED).values())


def test_no_file_is_no_calls(tmp_path: Path) -> None:
    assert read(tmp_path / "none") == []


TEMPLATE = """
Resources:
  R:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyDocument:
            Statement: [{Effect: Allow, Action: [dynamodb:GetItem, dynamodb:PutItem], Resource: t}]
"""
SUITE = """
import json, os

def note(action):
    with open(os.environ["SLUICE_AWS_CALLS"], "a") as file:
        file.write(json.dumps({"holder": "R", "action": action, "resource": "t", "granted": action in GRANTED}) + "\\n")

GRANTED = ("dynamodb:GetItem", "dynamodb:PutItem")

def test_get(): note("dynamodb:GetItem")
def test_put(): note(os.environ["PUT"])
"""


@pytest.mark.parametrize(
    ("put", "words", "said", "code"),
    [
        ("dynamodb:PutItem", [], "2 kinds of calls, all as granted", 0),
        ("dynamodb:PutItem", ["-n", "2"], "2 kinds of calls, all as granted", 0),
        ("dynamodb:GetItem", [], "R may dynamodb:PutItem on t, and nothing ever did", 1),
        ("dynamodb:DeleteItem", ["-n", "2"], "R called dynamodb:DeleteItem on t, and may not", 1),
        ("dynamodb:PutItem", ["-k", "get"], "not judged: only a part of the tests ran", 0),
        ("dynamodb:PutItem", ["-n", "2", "-k", "get"], "not judged: only a part of the tests ran", 0),
        ("dynamodb:PutItem", ["suite/test_all.py::test_get"], "not judged: only a part of the tests ran", 0),
        ("", ["--deselect", "suite/test_all.py::test_put"], "not judged: only a part of the tests ran", 0),
        ("\0", [], "not judged: not all tests passed", 1),
    ],
)
def test_a_whole_run_is_judged_and_a_part_says_that_it_is_not(
    tmp_path: Path, put: str, words: list[str], said: str, code: int
) -> None:
    (tmp_path / "suite").mkdir()
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = suite\naddopts = -q\n")
    (tmp_path / "conftest.py").write_text('pytest_plugins = ("tests.aws_calls",)\n')
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "suite" / "test_all.py").write_text(SUITE.replace("\0", ""))
    environment = {key: value for key, value in os.environ.items() if key != "SLUICE_AWS_CALLS"}
    paths = [str(ROOT / name) for name in ("", "local", "functions")]
    if put and put != "\0":
        environment["PUT"] = put

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert f"AWS calls and template.yaml (X01): {said}" in ended.stdout
    assert ended.returncode == code
    assert "dynamodb:GetItem" in {call.action for call in read(tmp_path / "build" / "aws-calls.jsonl")}
