"""Virtual keys on the whole stack: made by `sluice keys`, shown by the SDKs of OpenAI, Anthropic and Azure, revoked."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest
from tests.e2e import bedrock_sdk
from tests.e2e.rig import MESSAGES, Rig, rig
from tests.e2e.running import run

from sluice_cli import local_stack
from sluice_cli.environment_file import EnvironmentFile
from sluice_devstack.aws_server import NOTES
from sluice_devstack.stack import ROOT
from sluice_devstack.template import Template

pytestmark = pytest.mark.slow

HOLDERS = Template.load(ROOT).holders()
TIMEOUT_SECONDS = 30
DEVELOPER_ARN = "arn:aws:iam::123456789012:user/developer"
GPT, CLAUDE, DEPLOYMENT = "gpt-4o-mini-instant", "anthropic/claude-haiku-4-5-20251001-instant", "gpt-4o-mini-instant"
PROVIDERS: Mapping[str, Mapping[str, Any]] = {
    "openai": {"kind": "openai", "secret": "sluice/openai"},
    "anthropic": {"kind": "anthropic", "secret": "sluice/anthropic"},
    "bedrock": {"kind": "bedrock"},
    "azure-east": {"kind": "azure", "endpoint": "https://east.openai.azure.com", "secret": "sluice/east"},
}


class Site:
    """A stack, and a command line beside it that may do what the template's KeysPolicy allows, and nothing else."""

    def __init__(self, running: Rig, folder: Path) -> None:
        self.rig, self.env_file = running, folder / "keys.env"
        EnvironmentFile(self.env_file).write(
            {**local_stack.variables(running.stack), **HOLDERS["KeysPolicy"].variables}
        )

    def keys(self, *words: str) -> subprocess.CompletedProcess[str]:
        return run("keys", *words, "--env-file", str(self.env_file))

    def create(self, name: str, *words: str) -> str:
        """A new key, as a shell would take it."""
        done = self.keys("create", name, "--owner", "ann@example.com", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def ask(self, key: str, model: str = f"openai/{GPT}", header: str = "x-sluice-key") -> httpx.Response:
        with httpx.Client(auth=self.rig.auth(), trust_env=False, timeout=TIMEOUT_SECONDS) as client:
            body = {"model": model, "messages": MESSAGES}
            return client.post(f"{self.rig.stack.url}/v1/chat/completions", json=body, headers={header: key})

    def row(self, id: str) -> dict[str, Any]:
        key = {"pk": {"S": f"R#{id}"}, "sk": {"S": "R"}}
        self.rig.record(id)
        found: dict[str, Any] = self.rig.dynamodb("GetItem", Key=key, ConsistentRead=True)["Item"]
        return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("keys")
    with rig(folder, PROVIDERS) as running:
        yield Site(running, folder)


def openais(site: Site, key: str) -> Any:
    http = httpx2.Client(auth=site.rig.auth(), timeout=TIMEOUT_SECONDS)
    with openai.OpenAI(
        base_url=f"{site.rig.stack.url}/v1",
        api_key="unused",
        default_headers={"x-sluice-key": key},
        max_retries=0,
        http_client=http,
    ) as client:
        return client.chat.completions.with_raw_response.create(model=f"openai/{GPT}", messages=MESSAGES)


def anthropics(site: Site, key: str) -> Any:
    http = httpx2.Client(auth=site.rig.auth(), timeout=TIMEOUT_SECONDS)
    with anthropic.Anthropic(
        base_url=site.rig.stack.url,
        api_key="unused",  # it goes into Authorization, where the signature comes
        default_headers={"x-api-key": key},
        max_retries=0,
        http_client=http,
    ) as client:
        return client.messages.with_raw_response.create(model=CLAUDE, max_tokens=100, messages=MESSAGES)


def azures(site: Site, key: str) -> Any:
    http = httpx2.Client(auth=site.rig.auth(), timeout=TIMEOUT_SECONDS)
    with openai.AzureOpenAI(
        base_url=f"{site.rig.stack.url}/azure-openai/east",
        api_key=key,
        api_version="2024-10-21",
        max_retries=0,
        http_client=http,
    ) as client:
        return client.chat.completions.with_raw_response.create(model=DEPLOYMENT, messages=MESSAGES)


SDKS: dict[str, tuple[Any, Any]] = {
    "openai": (openais, openai.AuthenticationError),
    "anthropic": (anthropics, anthropic.AuthenticationError),
    "azure": (azures, openai.AuthenticationError),
}


def test_each_sdk_calls_with_a_key_until_it_is_revoked_and_not_once_more(site: Site) -> None:
    key = site.create("of-all", "--tag", "team=search")

    answers = [ask(site, key) for ask, _ in SDKS.values()]
    revoked = site.keys("revoke", "of-all", "--yes")
    refusals = []
    for ask, refused in SDKS.values():
        with pytest.raises(refused) as caught:
            ask(site, key)
        refusals.append(caught.value)

    rows = [site.row(answer.headers["x-request-id"]) for answer in answers]
    who = {"pr": {"S": f"key:{key[4:16]}"}, "vk": {"S": key[4:16]}, "iam": {"S": DEVELOPER_ARN}}
    assert [{name: row[name] for name in who} for row in rows] == [who] * len(SDKS)
    assert revoked.returncode == 0
    assert all(each.status_code == 401 and "the virtual key is not good" in str(each) for each in refusals)
    asked = str([(one.headers, one.body) for each in site.rig.stack.simulated.values() for one in each.requests])
    assert key[17:] not in asked + str(refusals)


def test_boto3_calls_with_a_key(site: Site) -> None:
    key = site.create("of-boto3")
    client = bedrock_sdk.client(site.rig)
    event = "before-sign.bedrock-runtime"
    client.meta.events.register(event, lambda request, **_: request.headers.add_header("x-sluice-key", key))

    turns = [{"role": "user", "content": [{"text": "Hello!"}]}]
    answer = client.converse(modelId="amazon.nova-micro-v1:0-instant", messages=turns)

    row = site.row(answer["ResponseMetadata"]["HTTPHeaders"]["x-request-id"])
    assert row["pr"] == {"S": f"key:{key[4:16]}"}


def test_a_key_uses_its_models_and_no_others(site: Site) -> None:
    key = site.create("narrow", "--models", f"openai/{GPT},big*")

    allowed, blocked = site.ask(key), site.ask(key, "openai/gpt-4o-mini-slow")

    assert (allowed.status_code, blocked.status_code) == (200, 403)
    assert blocked.json()["error"]["code"] == "policy_blocked"


def test_a_key_spends_its_budget_and_no_more(site: Site) -> None:
    key = site.create("poor", "--budget", "0.000001/total", "--strict")

    answer = site.ask(key, "openai/gpt-4o-mini")

    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "budget_exceeded")
    assert "key poor" in answer.json()["error"]["message"]


def test_a_rotated_key_goes_on_and_the_one_before_last_is_refused(site: Site) -> None:
    old = site.create("turned")
    new = site.keys("rotate", "turned").stdout.strip()
    newest = site.keys("rotate", "turned", "--grace", "24h").stdout.strip()

    assert [site.ask(key).status_code for key in (old, new, newest)] == [401, 200, 200]


def test_a_key_is_listed_shown_and_never_said_again(site: Site) -> None:
    key = site.create("told", "--budget", "10.00/month", "--rate", "60/min", "--expires", "90d")

    listed, shown = json.loads(site.keys("list", "--json").stdout), site.keys("show", "told").stdout
    (document,) = [one for one in listed["keys"] if one["name"] == "told"]

    assert (document["id"], document["state"], document["owner"]) == (key[4:16], "active", "ann@example.com")
    assert document["budgets"] == [{"usd": "10.00", "window": "month", "estimate": "typical"}]
    assert key[17:] not in json.dumps(listed) + shown


@pytest.mark.fault("A11")
def test_who_may_make_keys_reads_no_record_and_others_make_no_keys(tmp_path: Path) -> None:
    notes, of_the_suite = tmp_path / "calls.jsonl", os.environ.get(NOTES)
    os.environ[NOTES] = str(notes)
    try:
        with rig(tmp_path, {"openai": PROVIDERS["openai"]}) as running:
            ends = {name: acted(running, tmp_path, name) for name in ("ReaderPolicy", "KeysPolicy")}
    finally:
        os.environ.pop(NOTES)
        if of_the_suite:
            os.environ[NOTES] = of_the_suite

    assert {name: [one.returncode for one in each] for name, each in ends.items()} == {
        "ReaderPolicy": [1, 0],
        "KeysPolicy": [0, 1],
    }
    assert all("AccessDenied" in one.stderr for one in (ends["ReaderPolicy"][0], ends["KeysPolicy"][1]))


def acted(running: Rig, folder: Path, name: str) -> list[subprocess.CompletedProcess[str]]:
    """What comes of making a key and of reading records for whoever has that policy and nothing else."""
    file = folder / f"{name}.env"
    EnvironmentFile(file).write({**local_stack.variables(running.stack), **HOLDERS[name].variables})
    words = (["keys", "create", "mine", "--owner", "a"], ["logs"])
    return [run(*each, "--env-file", str(file)) for each in words]
