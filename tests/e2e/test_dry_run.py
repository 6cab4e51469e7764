"""Dry runs of the deployed gateway: no provider sees a request, the ledger gets no row, the table stays as it is."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.e2e.rig import MESSAGES, Rig, rig
from tests.e2e.running import run

from sluice_cli import local_stack
from sluice_cli.environment_file import EnvironmentFile

DRY = {"x-sluice-dry-run": "true"}
NOVA = "amazon.nova-micro-v1:0"
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "Hello!"}]}]}
CONFIGURATION = f"""
[providers.openai]
kind = "openai"
secret = "sluice/openai"

[providers.bedrock]
kind = "bedrock"

[routes]
smart = {{ strategy = "round-robin", targets = [
  {{ model = "openai/gpt-4o-mini-instant" }}, {{ model = "bedrock/{NOVA}" }} ] }}
"""
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", {"model": "smart", "messages": MESSAGES}),
    ("/v1/chat/completions", {"model": "smart", "messages": MESSAGES, "stream": True}),
    ("/v1/responses", {"model": "openai/gpt-4o-mini", "input": "Hello!", "stream": True}),
    ("/v1/embeddings", {"model": "openai/text-embedding-3-small", "input": "Hello!"}),
    ("/v1/messages", {"model": "smart", "messages": MESSAGES, "max_tokens": 9, "stream": True}),
    (f"/model/{NOVA}/converse", CONVERSE),
    (f"/model/{NOVA}/converse-stream", CONVERSE),
]


class Site:
    """A stack with one environment, and a command line beside it."""

    def __init__(self, running: Rig, folder: Path) -> None:
        self.rig = running
        self.env_file = folder / "stack.env"
        EnvironmentFile(self.env_file).write(local_stack.variables(running.stack))
        self.client = httpx.Client(base_url=running.stack.url, auth=running.auth(), trust_env=False)

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        return self.client.post(path, json=body, headers=headers)

    def dry(self, path: str, body: object) -> dict[str, Any]:
        answer = self.post(path, body, **DRY)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json"), answer.text
        assert answer.headers["x-sluice-dry-run"] == "true"
        found: dict[str, Any] = answer.json()
        return found

    def seen(self) -> tuple[int, list[Any]]:
        """How many requests the simulated providers got, and everything in the table."""
        requests = sum(len(one.requests) for one in self.rig.stack.simulated.values())
        return requests, self.rig.dynamodb("Scan", ConsistentRead=True)["Items"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("dry")
    config = folder / "routed.toml"
    config.write_text(CONFIGURATION, encoding="utf-8")
    providers = {"openai": {"kind": "openai", "secret": "sluice/openai"}}
    with rig(folder, providers, environments=1, config=config) as running:
        made = Site(running, folder)
        with made.client:
            yield made


@pytest.mark.parametrize(("path", "body"), CALLS, ids=[path for path, _ in CALLS])
def test_no_provider_is_called_and_nothing_is_written(site: Site, path: str, body: dict[str, Any]) -> None:
    before = site.seen()

    told = site.dry(path, body)

    assert (told["object"], told["refusal"], told["configuration"]) == ("dry_run", None, 0)
    assert told["candidates"][0]["would_be"] == "asked first"
    assert site.seen() == before


def test_the_call_after_it_is_what_it_told(site: Site) -> None:
    body = {"model": "smart", "messages": MESSAGES}
    told = [site.dry("/v1/chat/completions", body) for _ in range(3)]
    first = told[0]["candidates"][0]

    answer = site.post("/v1/chat/completions", body)

    record = site.rig.record(answer.headers["x-request-id"])
    assert {one["candidates"][0]["provider"] for one in told} == {first["provider"]}
    assert (answer.headers["x-sluice-provider"], answer.headers["x-sluice-model"]) == (
        first["provider"],
        first["model"],
    )
    assert (record["cost_bound"], record["cost_estimate"]) == (told[0]["cost_bound"], told[0]["cost_estimate"])


def test_the_prices_are_known_and_the_price_table_is_named(site: Site) -> None:
    told = site.dry("/v1/chat/completions", {"model": "openai/gpt-4o-mini", "messages": MESSAGES, "max_tokens": 10})

    [candidate] = told["candidates"]
    assert candidate["cost_bound"] == told["cost_bound"] > told["cost_estimate"] > 0
    assert candidate["price_version"]


def test_an_unknown_model_is_404_and_no_json_is_400(site: Site) -> None:
    unknown = site.post("/v1/chat/completions", {"model": "gtp", "messages": MESSAGES}, **DRY)
    broken = site.client.post("/v1/chat/completions", content=b"{", headers={"content-type": "application/json", **DRY})

    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "model_not_found")
    assert (broken.status_code, broken.json()["error"]["code"]) == (400, "invalid_json")


def test_the_command_line_shows_it(site: Site) -> None:
    before = site.seen()

    done = run("routes", "explain", "smart", "--env-file", str(site.env_file))
    document = run("routes", "explain", NOVA, "--surface", "converse", "--json", "--env-file", str(site.env_file))
    unknown = run("routes", "explain", "smrat", "--env-file", str(site.env_file))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("smart: round-robin\n")
    assert "\n1.  " in done.stdout
    assert "\n2.  " in done.stdout
    assert json.loads(document.stdout)["candidates"][0]["model"] == NOVA
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "model_not_found: unknown model 'smrat'; did you mean smart?" in unknown.stderr
    assert site.seen() == before
