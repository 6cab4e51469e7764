"""LangChain on models of Bedrock: ChatBedrockConverse through Bedrock's own paths, ChatOpenAI through OpenAI's."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.clients.runner import CLIENTS, Runner, clients_defect
from tests.e2e.bedrock_sdk import CLAUDE, NOVA, simulated_bedrock
from tests.e2e.rig import Rig

PROGRAM = Runner((str(CLIENTS / "python"), "tests/e2e/langchain_programs.py"), defect=clients_defect)
GREETING = "Hello! Lovely to hear from you."
CALLERS = [("converse", CLAUDE), ("converse", NOVA), ("openai", f"bedrock/{CLAUDE}"), ("openai", f"bedrock/{NOVA}")]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with simulated_bedrock(tmp_path_factory.mktemp("langchain")) as running:
        yield running


@pytest.fixture(scope="module", params=CALLERS, ids="-".join)
def report(request: pytest.FixtureRequest, site: Rig) -> Any:
    """What one of the models said to everything."""
    kind, model = request.param
    stack = site.stack
    variables = {
        "SLUICE_URL": stack.url,
        "AWS_REGION": stack.region,
        "AWS_ACCESS_KEY_ID": stack.access_key_id,
        "AWS_SECRET_ACCESS_KEY": stack.secret_access_key,
    }
    with PROGRAM.start(json.dumps({"with": kind, "model": model}), variables) as running:
        return json.loads(running.end())


def test_it_answers_whole_and_in_pieces(report: Any) -> None:
    assert report["whole"].startswith(GREETING)
    assert report["streamed"].startswith(GREETING)
    assert report["pieces"] > 10


def test_it_says_what_it_used(report: Any) -> None:
    for usage in (report["usage"], report["streamed_usage"]):
        assert usage["input_tokens"] > 0
        assert usage["output_tokens"] > 0


def test_it_calls_tools_in_parallel_and_takes_their_results(report: Any) -> None:
    assert report["arguments"] == [{"city": "Paris"}, {"city": "Rome"}]
    assert "17 degrees and rain" in report["answer"]


def test_it_answers_in_a_schema(report: Any) -> None:
    assert set(report["structured"]) == {"name", "inhabitants"}
