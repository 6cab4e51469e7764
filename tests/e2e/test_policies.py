"""X01 at work: embedded AWS lets the functions and an operator do what template.yaml grants them, and nothing else."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import h11
import httpx
import pytest
from tests import aws_calls
from tests.e2e.rig import MESSAGES, Rig, eventually, rig
from tests.e2e.running import run

from sluice_cli import local_stack
from sluice_cli.environment_file import EnvironmentFile
from sluice_devstack.aws_server import NOTES
from sluice_devstack.roles import Holder
from sluice_devstack.stack import ROOT
from sluice_devstack.template import Template

INSTANT, SLOW = "openai/gpt-4o-mini-instant", "openai/gpt-4o-mini-slow"
HOLDERS = Template.load(ROOT).holders()
PUT, UPDATE, SECRET = "dynamodb:PutItem", "dynamodb:UpdateItem", "secretsmanager:GetSecretValue"

TURNS: dict[str, Any] = {"messages": [{"role": "user", "content": [{"text": "Hello!"}]}]}
CLAUDE = "anthropic.claude-haiku-4-5-20251001-v1:0"
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3"
BEDROCK_CALLS = (
    ("amazon.nova-micro-v1:0-instant", "converse", TURNS),
    (f"us.{CLAUDE}-instant", "converse-stream", TURNS),
    (PROFILE, "converse", TURNS),
    (CLAUDE, "count-tokens", {"input": {"converse": TURNS}}),
)

pytestmark = pytest.mark.fault("X01")


@contextmanager
def noting(folder: Path, secret: str = "sluice/openai", **options: Any) -> Iterator[tuple[Rig, Path]]:
    """A stack, and the file in which its AWS notes calls: what is refused on purpose does not count for the suite."""
    file, of_the_suite = folder / "aws-calls.jsonl", os.environ.get(NOTES)
    os.environ[NOTES] = str(file)
    try:
        providers = {"openai": {"kind": "openai", "secret": secret}, "bedrock": {"kind": "bedrock"}}
        with rig(folder, providers, **options) as running:
            yield running, file
    finally:
        del os.environ[NOTES]
        if of_the_suite:
            os.environ[NOTES] = of_the_suite


@pytest.fixture(scope="module")
def noted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, Path]]:
    """What is called here counts for the suite too."""
    with noting(tmp_path_factory.mktemp("policies"), rollup=True) as running:
        yield running
    if (of_the_suite := os.environ.get(NOTES)) and running[1].is_file():
        with Path(of_the_suite).open("ab", buffering=0) as file:
            file.write(running[1].read_bytes())


def only(*names: str) -> dict[str, Holder]:
    return {name: HOLDERS[name] for name in names}


def complaints(file: Path, *names: str) -> list[str]:
    return aws_calls.complaints(only(*names), [call for call in aws_calls.read(file) if call.holder in names])


def kill_in_a_call(site: Rig) -> str:
    """The id of a call whose environment died in it."""
    with site.begin({"model": SLOW, "messages": MESSAGES, "stream": True}) as begun:
        request_id = request_id_of(begun.head)
        begun.chunk()
        next(one for one in site.stack.environments if not one.is_ready).kill()
        assert begun.answer().end == "cut"
    return request_id


def forget_in_a_call(site: Rig) -> str:
    """The id of a call whose record somebody deleted while it ran."""
    with site.begin({"model": SLOW, "messages": MESSAGES, "stream": True, "max_tokens": 4}) as begun:
        request_id = request_id_of(begun.head)
        site.dynamodb("DeleteItem", Key={"pk": {"S": f"R#{request_id}"}, "sk": {"S": "R"}})
        begun.answer()
    return request_id


def new_key(site: Rig, environment: Path) -> str:
    """A virtual key, whose being good is a condition in the reservation of each of its calls."""
    EnvironmentFile(environment).write(local_stack.variables(site.stack))
    made = run("keys", "create", "search", "--owner", "ada", "--env-file", str(environment))
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def counted_again(site: Rig, request_id: str) -> Any:
    """What the rollup makes of a record of the stream that it had before."""
    site.stack.rolled_up()
    item = site.dynamodb("GetItem", Key={"pk": {"S": f"R#{request_id}"}, "sk": {"S": "R"}})["Item"]
    change = {"Keys": {}, "OldImage": {**item, "st": {"S": "R"}}, "NewImage": item}
    return site.stack.invoke_rollup([{"eventID": "again", "dynamodb": change}])


def request_id_of(head: h11.Response) -> str:
    return next(value.decode() for name, value in head.headers if name == b"x-amzn-requestid")


def test_each_grant_of_a_function_is_used_and_each_of_its_calls_is_granted(noted: tuple[Rig, Path]) -> None:
    site, file = noted
    late = datetime.now(UTC) + timedelta(hours=1)

    settled = site.record(site.ask(INSTANT, {"x-sluice-key": new_key(site, file.with_name("keys.env"))}).request_id)
    dead, _, status = kill_in_a_call(site), forget_in_a_call(site), continued(site)
    on_bedrock = models_asked(site)
    swept = site.stack.invoke_sweeper(f"{late:%Y-%m-%dT%H:%M:%SZ}")

    assert (settled["status"], status, site.record(dead)["status"]) == ("settled", 200, "abandoned")
    assert on_bedrock == [200] * len(BEDROCK_CALLS)
    assert swept["settled"] == 1
    assert counted_again(site, settled["request_id"]) == {"records": 1, "corrupt": 0}
    functions = ("GatewayRole", "RollupRole", "SweeperRole")
    eventually(lambda: complaints(file, *functions) == [] or None, "every grant is used")


def test_the_reader_policy_is_what_the_command_line_needs(noted: tuple[Rig, Path]) -> None:
    site, file = noted
    request_id = site.record(site.ask(INSTANT).request_id)["request_id"]
    environment = file.with_name("reader.env")
    EnvironmentFile(environment).write({**local_stack.variables(site.stack), **HOLDERS["ReaderPolicy"].variables})
    words = [["logs"], ["logs", request_id], ["logs", request_id[:8]], ["usage"], ["usage", "--verify"]]

    ends = [run(*each, "--env-file", str(environment)) for each in words]

    assert [(end.returncode, end.stderr) for end in ends] == [(0, "")] * len(ends)
    assert request_id in ends[1].stdout
    assert complaints(file, "ReaderPolicy") == []


def continued(site: Rig) -> int:
    """The status of a response that builds on another."""
    with httpx.Client(auth=site.auth(), base_url=site.stack.url, trust_env=False, timeout=30) as client:
        first = client.post("/v1/responses", json={"model": INSTANT, "input": "Hello"}).json()
        again = {"model": INSTANT, "input": "Go on", "previous_response_id": first["id"]}
        return client.post("/v1/responses", json=again).status_code


def models_asked(site: Rig) -> list[int]:
    """The statuses of calls to each kind of resource of Bedrock, and of each of its actions."""
    with httpx.Client(auth=site.auth(), base_url=site.stack.url, trust_env=False, timeout=30) as client:
        return [
            client.post(f"/model/{quote(model, safe='')}/{path}", json=body).status_code
            for model, path, body in BEDROCK_CALLS
        ]


def without(folder: Path, action: str) -> Path:
    """A root whose template grants the gateway one action less."""
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    start = text.index("  GatewayRole:\n")
    end = text.index("  CallerPolicy:\n")
    role = text[start:end]
    assert action in role
    (folder / "template.yaml").write_text(text[:start] + role.replace(action, "dynamodb:DescribeTable") + text[end:])
    (folder / "build").mkdir()
    (folder / "build" / "host").symlink_to(ROOT / "build" / "host")
    return folder


@pytest.mark.parametrize(
    ("action", "status", "code"), [(PUT, 503, "unavailable"), (SECRET, 503, "secret_unavailable"), (UPDATE, 200, None)]
)
def test_a_grant_that_is_missing_is_missed(tmp_path: Path, action: str, status: int, code: str | None) -> None:
    with noting(tmp_path, root=without(tmp_path, action)) as (site, file):
        answer = site.ask(INSTANT)
        site.call(answer.request_id)
        refused = eventually(lambda: [each for each in aws_calls.read(file) if not each.granted] or None, "a refusal")

    assert answer.status == status
    assert code is None or answer.error["code"] == code
    assert {(each.holder, each.action) for each in refused} == {("GatewayRole", action)}
    assert f"GatewayRole called {action} on {refused[0].resource}, and may not" in aws_calls.complaints({}, refused)


def test_a_secret_under_another_prefix_is_read_only_with_that_prefix(tmp_path: Path) -> None:
    with noting(tmp_path, secret="team/openai") as (site, _):
        denied = site.ask(INSTANT)
    with noting(tmp_path, secret="team/openai", parameters={"SecretPrefix": "team"}) as (site, _):
        read = site.ask(INSTANT)

    assert (denied.status, denied.error["code"], read.status) == (503, "secret_unavailable", 200)


def test_who_may_change_the_configuration_reads_no_record(tmp_path: Path) -> None:
    environment = tmp_path / "operator.env"

    with noting(tmp_path) as (site, file):
        own = local_stack.variables(site.stack)
        EnvironmentFile(environment).write({**own, **HOLDERS["ConfigPolicy"].variables})
        refused = run("logs", "--env-file", str(environment))

    assert "AccessDenied" in refused.stderr
    assert any("dynamodb:Query" in one for one in complaints(file, "ConfigPolicy"))
