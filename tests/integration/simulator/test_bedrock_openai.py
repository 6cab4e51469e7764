"""OpenAI's endpoints on the simulated Bedrock runtime, and the pace of its models."""

from typing import Any

import openai
import pytest
from tests.integration.simulator.bedrock_rig import API_KEY, CLAUDE, BedrockRig

GPT_OSS = "openai.gpt-oss-120b-1:0"
SAY: dict[str, Any] = {"messages": [{"role": "user", "content": "Say: hi there"}]}


def test_openais_client_talks_to_gpt_oss(bedrock: BedrockRig) -> None:
    with openai.OpenAI(base_url=f"{bedrock.url}/openai/v1", api_key=API_KEY, max_retries=0) as sdk:
        whole = sdk.chat.completions.create(model=GPT_OSS, **SAY)
        chunks = list(sdk.chat.completions.create(model=GPT_OSS, stream=True, **SAY))
        response = sdk.responses.create(model=GPT_OSS, input="Say: hi there")

    said = whole.choices[0].message.content or ""
    assert said.startswith("hi there")
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == said
    assert response.output_text == said
    assert whole.model == GPT_OSS


@pytest.mark.parametrize(
    ("path", "model", "status"),
    [
        ("chat/completions", CLAUDE, 400),
        ("chat/completions", "gpt-4o", 400),
        ("chat/completions", "openai.gpt-oss-f-429", 429),
        ("chat/completions", "openai.gpt-oss-f-nonsense", 404),
        ("embeddings", GPT_OSS, 404),
    ],
)
def test_what_they_do_not_serve(bedrock: BedrockRig, path: str, model: str, status: int) -> None:
    assert bedrock.post(f"/openai/v1/{path}", model=model, **SAY).status_code == status


def test_a_fault_of_the_simulated_openai_spoils_a_stream(bedrock: BedrockRig) -> None:
    answer = bedrock.post("/openai/v1/chat/completions", model="openai.gpt-oss-f-nodone", stream=True, **SAY)

    assert answer.content.count(b"data: {") > 4
    assert b"[DONE]" not in answer.content
