"""The commands and the programs of README.md run.

What asks for an AWS account is listed here, line by line, and held against AWS's own tools: the SAM CLI's options, the
API models of the SDK, and embedded AWS where that has the operation. Everything else is run: against a dev stack in the
place of the deployed one. A line that is neither fails the first test.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import botocore.session
import pytest
from tests.e2e.rig import Rig, defect_of_the_build
from tests.e2e.running import COMMAND, PATIENCE_SECONDS, environment
from tests.house.pages import fenced, text
from tests.house.repository import ROOT

from sluice_devstack import DevStack, StackOptions

README = text(ROOT / "README.md")
SAM = ROOT / ".venv-sam/bin/sam"
SLUICE = ".venv/bin/sluice "
LINES = [line.partition("  #")[0].strip() for block in fenced(README, "sh") for line in block.splitlines()]
OF_SAM = [".venv-sam/bin/sam deploy --guided"]
OF_AWS = [line for line in LINES if line.startswith("aws ")]
OF_CI = ["make build", "make test"]
OF_DEMO = ["make demo"]
OF_SLUICE = [line for line in LINES if line.startswith(SLUICE)]
URL = "https://<url-id>.lambda-url.us-east-1.on.aws"
PROGRAMS = [("import httpx2, openai", "openai"), ("import boto3", "bedrock"), ("import anthropic, httpx2", "anthropic")]
DEPLOYED = "--stack sluice-dev"  # here the environment says where the stack is
FAKE_REPLY = "one token at a time"


@pytest.fixture(scope="module")
def site() -> Iterator[Rig]:
    """The configuration as it is shipped."""
    if defect := defect_of_the_build():
        pytest.fail(defect)
    with DevStack(StackOptions(sweeper_seconds=None)) as stack:
        yield Rig(stack)


def here(site: Rig) -> dict[str, str]:
    """The variables of a shell that has sourced the env file of this stack."""
    return environment(
        SLUICE_URL=site.stack.url,
        SLUICE_TABLE=site.stack.table,
        AWS_ACCESS_KEY_ID=site.stack.access_key_id,
        AWS_SECRET_ACCESS_KEY=site.stack.secret_access_key,
        AWS_REGION=site.stack.region,
        AWS_ENDPOINT_URL_DYNAMODB=site.stack.dynamodb_url,
        AWS_ENDPOINT_URL_SECRETS_MANAGER=site.stack.secrets_url,
    )


@dataclass(frozen=True, slots=True)
class AwsCommand:
    """A command line of the AWS CLI as the call that it makes."""

    service: str
    operation: str
    arguments: dict[str, str]

    @classmethod
    def of(cls, line: str) -> "AwsCommand":
        _, service, operation, *rest = shlex.split(line)
        pairs = zip(rest[::2], rest[1::2], strict=True)
        return cls(service, _pascal(operation), {_pascal(name.removeprefix("--")): value for name, value in pairs})


def _pascal(words: str) -> str:
    return "".join(word.capitalize() for word in words.split("-"))


def model(command: AwsCommand) -> Any:
    return botocore.session.get_session().get_service_model(command.service).operation_model(command.operation)


def run(words: list[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )


def test_every_line_of_the_readme_is_run_or_held_against_awss_own_tools() -> None:
    known = [*OF_SAM, *OF_AWS, *OF_CI, *OF_DEMO, *OF_SLUICE]

    assert sorted(LINES) == sorted(known)
    assert len(OF_AWS) == 2
    assert len(OF_SLUICE) >= 3


def test_the_build_and_the_tests_are_what_ci_runs() -> None:
    ci = text(ROOT / ".ci/run").splitlines()

    assert [line for line in OF_CI if not any(f"{run} ".startswith(f"{line} ") for run in ci)] == []


@pytest.mark.slow
@pytest.mark.parametrize("line", OF_DEMO)
def test_the_demo_target_ends_in_a_command_that_streams(line: str) -> None:
    """What it does before, filling .venv and build/host, is what made this test run."""
    told = run(["make", "--dry-run", "--no-print-directory", *line.split()[1:]], environment())
    *before, last = told.stdout.splitlines()

    done = run([*COMMAND, *shlex.split(last)[1:]], environment())

    assert [words.split()[1] for words in before] == ["scripts/setup.py", "scripts/host.py"]
    assert shlex.split(last)[0] == SLUICE.strip()
    assert done.returncode == 0, done.stderr
    assert FAKE_REPLY in done.stdout


@pytest.mark.parametrize("line", OF_SAM)
def test_the_sam_cli_knows_the_command(line: str) -> None:
    if not SAM.is_file():
        pytest.skip("the SAM CLI is not installed; `make build` installs it")
    command, *options = line.split()[1:]

    told = run([str(SAM), command, "--help"], {**os.environ, "SAM_CLI_TELEMETRY": "0"})

    assert told.returncode == 0
    assert [option for option in options if option not in told.stdout] == []


@pytest.mark.parametrize("line", OF_AWS)
def test_aws_knows_the_operation_and_each_of_its_arguments(line: str) -> None:
    command = AwsCommand.of(line)
    shape = model(command).input_shape

    assert set(command.arguments) <= set(shape.members)
    assert set(shape.required_members) <= set(command.arguments)


def test_the_secret_is_stored_as_the_readme_says(site: Rig) -> None:
    command = next(each for each in map(AwsCommand.of, OF_AWS) if each.service == "secretsmanager")
    session = botocore.session.get_session()
    session.set_credentials(site.stack.access_key_id, site.stack.secret_access_key)
    client: Any = session.create_client("secretsmanager", site.stack.region, endpoint_url=site.stack.secrets_url)
    kept = client.get_secret_value(SecretId=command.arguments["SecretId"])["SecretString"]

    try:
        client.put_secret_value(**command.arguments)
        stored = client.get_secret_value(SecretId=command.arguments["SecretId"])["SecretString"]
    finally:
        client.put_secret_value(SecretId=command.arguments["SecretId"], SecretString=kept)

    assert stored == '{"api_key": "sk-..."}'


@pytest.mark.parametrize("line", OF_SLUICE)
def test_a_command_of_ours_does_its_work(line: str, site: Rig) -> None:
    words = line.removeprefix(SLUICE).replace(DEPLOYED, "")

    done = run([*COMMAND, *shlex.split(words)], here(site))

    assert DEPLOYED in line
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


@pytest.mark.slow
@pytest.mark.parametrize(("start", "surface"), PROGRAMS)
def test_a_program_streams_through_its_surface(start: str, surface: str, site: Rig) -> None:
    (program,) = [program for program in fenced(README, "python") if program.startswith(start)]
    assert URL in program

    done = run([sys.executable, "-c", program.replace(URL, site.stack.url)], here(site))

    assert done.returncode == 0, done.stderr
    assert "Snow melts, water comes." in done.stdout
    assert json.loads(run([*COMMAND, "logs", "--limit", "1", "--json"], here(site)).stdout)["surface"] == surface


def test_every_program_is_run() -> None:
    assert [program.split("\n")[0] for program in fenced(README, "python")] == [start for start, _ in PROGRAMS]


def test_every_name_in_capitals_is_said_to_be_replaced() -> None:
    outputs = {"CALLER_POLICY_ARN": "CallerPolicyArn", "YOUR_USER": "a user"}
    capitals = {word for line in LINES for word in re.findall(r"\b[A-Z]+_[A-Z_]+\b", line)}

    assert capitals == set(outputs)
    assert all(outputs[word] in README for word in capitals)
