"""Ids of models, operations in paths, and faults in ids, as the simulated Bedrock reads them."""

import pytest

from sluice_devstack.simulated.bedrock import faults
from sluice_devstack.simulated.bedrock.faults import FAULTS
from sluice_devstack.simulated.bedrock.model_id import Family, model_id
from sluice_devstack.simulated.bedrock.operation import Operation, Target, target
from sluice_devstack.simulated.refusal import Refused

PLACE = "arn:aws:bedrock:us-east-1"
ARN = f"{PLACE}:123456789012:inference-profile/eu.amazon.nova-lite-v1:0"


@pytest.mark.parametrize(
    ("text", "base", "family"),
    [
        ("anthropic.claude-v2:1", "anthropic.claude-v2:1", Family.CLAUDE_TEXT),
        ("anthropic.claude-instant-v1", "anthropic.claude-instant-v1", Family.CLAUDE_TEXT),
        ("us.anthropic.claude-sonnet-5", "anthropic.claude-sonnet-5", Family.CLAUDE),
        ("us-gov.amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0", Family.NOVA),
        (
            "amazon.nova-2-multimodal-embeddings-v1:0",
            "amazon.nova-2-multimodal-embeddings-v1:0",
            Family.NOVA_EMBEDDINGS,
        ),
        ("amazon.titan-embed-text-v2:0", "amazon.titan-embed-text-v2:0", Family.TITAN_EMBEDDINGS),
        ("cohere.command-r-v1:0", "cohere.command-r-v1:0", Family.COHERE),
        ("global.openai.gpt-oss-20b-1:0", "openai.gpt-oss-20b-1:0", Family.OPENAI),
        ("qwen.qwen3-32b-v1:0", "qwen.qwen3-32b-v1:0", Family.OTHER),
        (ARN, "amazon.nova-lite-v1:0", Family.NOVA),
        (f"{PLACE}::foundation-model/meta.llama3-8b", "meta.llama3-8b", Family.LLAMA),
        (f"{PLACE}:1:application-inference-profile/x1", "anthropic.claude-behind-a-profile", Family.CLAUDE),
    ],
)
def test_an_id_has_a_base_and_a_family(text: str, base: str, family: Family) -> None:
    found = model_id(text)

    assert (found.asked, found.base, found.family) == (text, base, family)


@pytest.mark.parametrize(
    "text", ["", "claude", "moon.anthropic.claude", "anthropic.", "anthropic.a b", "arn:aws:s3:::x"]
)
def test_anything_else_is_no_id(text: str) -> None:
    with pytest.raises(Refused, match="model identifier is invalid"):
        model_id(text)


@pytest.mark.parametrize(("text", "pace"), [("-fast", 10.0), ("-slow", 0.2), ("-instant", None), ("", 1.0)])
def test_the_end_of_an_id_is_its_pace(text: str, pace: float | None) -> None:
    assert model_id(f"amazon.nova-lite-v1:0{text}").pace == pace


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/model/amazon.nova-lite-v1%3A0/converse", Target(Operation.CONVERSE, "amazon.nova-lite-v1:0")),
        ("/model/amazon.nova-lite-v1:0/converse-stream", Target(Operation.CONVERSE_STREAM, "amazon.nova-lite-v1:0")),
        (f"/model/{ARN}/invoke", Target(Operation.INVOKE, ARN)),
        (f"/model/{ARN.replace('/', '%2F')}/count-tokens", Target(Operation.COUNT_TOKENS, ARN)),
        ("/model/a/invoke-with-response-stream", Target(Operation.INVOKE_STREAM, "a")),
        ("/model//converse", None),
        ("/model/a/converse/", None),
        ("/models/a/converse", None),
    ],
)
def test_a_path_names_a_model_and_an_operation(path: str, expected: Target | None) -> None:
    assert target(path) == expected


@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("anthropic.claude-f-throttled", "f-throttled"),
        ("amazon.nova-f-crc-v1:0", "f-crc"),
        ("amazon.f-crc.anything", "f-crc"),
        ("anthropic.claude-f-crcs", None),
        ("amazon.nova-lite-v1:0", None),
    ],
)
def test_a_part_of_an_id_is_a_fault(base: str, name: str | None) -> None:
    assert faults.fault(base) is (FAULTS[name] if name else None)
