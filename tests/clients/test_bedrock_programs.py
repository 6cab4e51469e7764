"""The programs of docs/clients.md for Claude and for Bedrock's own API, against a Bedrock that holds back each word until
the program has written the one before."""

import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.clients.bedrock import COUNTED, UNKNOWN, USAGE, BedrockPlace, bedrock_place
from tests.clients.page import program
from tests.clients.place import ROLE, WORDS
from tests.clients.proxy import proxy
from tests.clients.runner import NODE, NODE_BEDROCK, PYTHON, PYTHON_OF_CLIENTS, SHELL, Runner
from tests.clients.test_connect import answer, connect, credentials

from sluice_cli.recipe import BEDROCK_MODEL

RUNNERS = {"anthropic": PYTHON, "boto3": PYTHON, "langchain-aws": PYTHON_OF_CLIENTS, "aws-sdk-js": NODE}
CLAUDE = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-haiku-4-5-20251001-v1:0"
UNMODIFIED = """
import boto3

client = boto3.client("bedrock-runtime")
answer = client.converse_stream(modelId="amazon.nova-micro-v1:0", messages=[{"role": "user", "content": [{"text": "Hi"}]}])
for event in answer["stream"]:
    print(event.get("contentBlockDelta", {}).get("delta", {}).get("text", ""), end="", flush=True)
"""
LIKE_CLAUDE_CODE = """
import os

import anthropic

with anthropic.Anthropic().messages.stream(
    model=os.environ["ANTHROPIC_DEFAULT_HAIKU_MODEL"],
    max_tokens=1000,
    system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    messages=[{"role": "user", "content": "Hello!"}],
    extra_query={"beta": "true"},
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
"""


@pytest.fixture(scope="module")
def bedrock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BedrockPlace]:
    with bedrock_place(tmp_path_factory.mktemp("bedrock")) as running:
        yield running


def streamed(bedrock: BedrockPlace, runner: Runner, text: str, variables: Mapping[str, str]) -> str:
    """What the program writes, which it does word by word."""
    made = len(bedrock.site.stack.calls)
    with bedrock.watched() as gate, runner.start(text, variables) as running:
        for word in WORDS:
            running.until(word)
            gate.open()
        written = running.end()
    (call,) = bedrock.site.stack.wait_for_calls(made + 1)[made:]
    record = bedrock.site.record(call.request_id)
    assert f"{record['principal']}/{record['session']}" == ROLE.user_arn
    assert (record["provider"], record["outcome"], record["stream"]) == ("bedrock", "complete", True)
    assert (record["usage"]["input"], record["usage"]["output"]) == (1, 3)
    return written


def followed_by(shell: str, python: str) -> str:
    """The shell program, and then that Python program from the same shell."""
    return f"{shell}{shlex.quote(sys.executable)} - <<'PROGRAM'{python}PROGRAM\n"


@pytest.mark.parametrize("name", RUNNERS)
def test_a_program_streams(name: str, bedrock: BedrockPlace) -> None:
    assert streamed(bedrock, RUNNERS[name], program(name), bedrock.variables) == "".join(WORDS)


@pytest.mark.parametrize("name", RUNNERS)
def test_what_connect_prints_needs_credentials_only(name: str, bedrock: BedrockPlace) -> None:
    place = ("--url", bedrock.variables["SLUICE_URL"], "--region", bedrock.variables["AWS_REGION"])

    assert answer(RUNNERS[name], connect(name, *place), credentials(bedrock)) == "".join(WORDS)


def test_an_unmodified_boto3_program_streams(bedrock: BedrockPlace, tmp_path: Path) -> None:
    variables = {**bedrock.variables, "HOME": str(tmp_path), "AWS_BEARER_TOKEN_BEDROCK": "fake-bedrock-api-key"}

    written = streamed(bedrock, SHELL, followed_by(program("boto3-env"), UNMODIFIED), variables)

    assert written == "".join(WORDS)


def test_what_connect_prints_of_it_is_for_eval(bedrock: BedrockPlace, tmp_path: Path) -> None:
    place = f"--url {bedrock.variables['SLUICE_URL']} --region {bedrock.variables['AWS_REGION']}"
    shell = f'eval "$({shlex.quote(sys.executable)} -m sluice_cli connect boto3-env {place})"\n'

    assert answer(SHELL, followed_by(shell, UNMODIFIED), {**credentials(bedrock), "HOME": str(tmp_path)}) == "".join(
        WORDS
    )


def test_without_the_folder_the_same_program_is_refused(bedrock: BedrockPlace, tmp_path: Path) -> None:
    unset = f"{program('boto3-env')}unset AWS_DATA_PATH\n"

    with SHELL.start(followed_by(unset, UNMODIFIED), {**bedrock.variables, "HOME": str(tmp_path)}) as running:
        with pytest.raises(AssertionError, match="Credential should be scoped to correct service: 'lambda'"):
            running.end()


def test_models_of_the_user_in_aws_data_path_stay(bedrock: BedrockPlace, tmp_path: Path) -> None:
    given = {**bedrock.variables, "HOME": str(tmp_path), "AWS_DATA_PATH": "/models/of/my/own"}

    with SHELL.start(f'{program("boto3-env")}echo "$AWS_DATA_PATH"\n', given) as running:
        assert running.end() == f"{tmp_path}/.local/share/sluice/botocore:/models/of/my/own\n"


def test_a_tool_with_the_variables_of_claude_code_streams(bedrock: BedrockPlace, tmp_path: Path) -> None:
    shell = program("claude-code")
    with proxy(bedrock.variables, tmp_path) as url:
        text = followed_by(shell.replace("http://127.0.0.1:8790", url), LIKE_CLAUDE_CODE)

        assert streamed(bedrock, SHELL, text, bedrock.variables) == "".join(WORDS)


def test_each_operation_of_the_aws_sdk_for_javascript_works_with_a_name_and_with_an_arn(bedrock: BedrockPlace) -> None:
    asked = json.dumps({"models": [CLAUDE, ARN], "unknown": UNKNOWN})

    with NODE_BEDROCK.start(asked, bedrock.variables) as running:
        *answers, refused, refused_stream = [json.loads(line) for line in running.end().splitlines()]

    text = "".join(WORDS)
    assert answers == 2 * [
        {
            "converse": text,
            "converseStream": text,
            "usage": USAGE,
            "invoke": text,
            "invokeStream": text,
            "last": "message_stop",
            "counted": COUNTED,
        }
    ]
    assert refused == refused_stream == {"name": "ValidationException", "status": 400}


def test_the_model_of_the_programs_goes_to_bedrock_as_it_is(bedrock: BedrockPlace) -> None:
    answer(PYTHON, program("boto3"), bedrock.variables)

    record = bedrock.site.record(bedrock.site.stack.calls[-1].request_id)
    assert record["model"] == BEDROCK_MODEL
