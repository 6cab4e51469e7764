"""`sluice connect`: what it prints, it prints for a pipe, and at its other end it calls the gateway."""

import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.clients.loopback import serving
from tests.clients.place import WORDS, Place
from tests.clients.runner import NODE, PYTHON, PYTHON_OF_CLIENTS, SHELL, SHELL_OF_CLIENTS, Runner
from tests.e2e.running import environment

from sluice_cli import environment_file
from sluice_cli.recipe import RECIPES

SECONDS = 60
RUNNERS = {
    "python": PYTHON,
    "python-async": PYTHON,
    "httpx": PYTHON,
    "langchain": PYTHON_OF_CLIENTS,
    "node": NODE,
    "vercel": NODE,
    "curl": SHELL,
    "awscurl": SHELL_OF_CLIENTS,
}
STACKS = """<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult>
<Stacks><member><StackName>sluice-dev</StackName><StackStatus>CREATE_COMPLETE</StackStatus>
<CreationTime>2026-01-01T00:00:00Z</CreationTime><Outputs>
<member><OutputKey>FunctionUrl</OutputKey><OutputValue>{url}/</OutputValue></member>
</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"""


def connect(*words: str, **variables: str) -> str:
    command = [sys.executable, "-m", "sluice_cli", "connect", *words]
    done = subprocess.run(command, env=environment(**variables), capture_output=True, text=True, timeout=SECONDS)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def credentials(gateway: Place) -> dict[str, str]:
    """What a user has of AWS's own; which gateway is in the program."""
    return {
        name: value for name, value in gateway.variables.items() if name.startswith(("AWS_ACC", "AWS_SEC", "AWS_SES"))
    }


def answer(runner: Runner, printed: str, variables: dict[str, str]) -> str:
    with runner.start(printed, variables) as running:
        return running.end()


@contextmanager
def cloudformation(url: str) -> Iterator[str]:
    """DescribeStacks of one stack, as AWS writes it."""

    def answer(_path: str, asked: bytes) -> tuple[str, bytes] | None:
        is_right = b"Action=DescribeStacks" in asked and b"StackName=sluice-dev" in asked
        return ("text/xml", STACKS.format(url=url).encode()) if is_right else None

    with serving(answer) as endpoint:
        yield endpoint


@pytest.mark.parametrize("name", RUNNERS)
def test_what_it_prints_calls_that_gateway_and_needs_credentials_only(name: str, gateway: Place) -> None:
    made = len(gateway.site.stack.calls)
    place = ("--url", gateway.variables["SLUICE_URL"], "--region", gateway.variables["AWS_REGION"])

    written = answer(RUNNERS[name], connect(name, *place), credentials(gateway))

    assert all(word.strip() in written for word in WORDS)
    (call,) = gateway.site.stack.wait_for_calls(made + 1)[made:]
    assert call.status == 200


def test_connect_curl_piped_to_sh_calls_a_running_dev_stack(gateway: Place, tmp_path: Path) -> None:
    stack = gateway.site.stack
    file = tmp_path / "a stack's" / "dev.env"
    file.parent.mkdir()
    variables = {"SLUICE_URL": stack.url, "AWS_ACCESS_KEY_ID": stack.access_key_id, "AWS_REGION": stack.region}
    variables["AWS_SECRET_ACCESS_KEY"] = stack.secret_access_key
    file.write_text(environment_file.text(variables))

    program = f"{shlex.quote(sys.executable)} -m sluice_cli connect curl --env-file {shlex.quote(str(file))} | sh"
    done = subprocess.run(["sh", "-c", program], env=environment(), capture_output=True, text=True, timeout=SECONDS)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("data: [DONE]\n\n")
    assert "\x1b" not in done.stdout


def test_a_stack_is_known_by_its_outputs(gateway: Place) -> None:
    with cloudformation(gateway.variables["SLUICE_URL"]) as endpoint:
        aws = {"AWS_ENDPOINT_URL_CLOUDFORMATION": endpoint, "AWS_REGION": "us-east-1", **credentials(gateway)}
        printed = connect("node", "--stack", "sluice-dev", **aws)

    assert f'baseURL: "{gateway.variables["SLUICE_URL"]}/v1"' in printed
    assert answer(NODE, printed, credentials(gateway)) == "".join(WORDS)


def test_the_list_names_every_client_and_how_to_run_it() -> None:
    listed = connect()

    assert all(f"\n  {name} " in listed for name in RECIPES)
    assert "sluice connect curl | sh" in listed
