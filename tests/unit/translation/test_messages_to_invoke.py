from typing import Any

import pytest

from sluice.domain.errors import InvalidRequest
from sluice.translation.requests.messages_to_invoke import path, request

BODY: dict[str, Any] = {"model": "claude", "max_tokens": 5, "messages": [{"role": "user", "content": "q"}]}


def test_the_body_stays_the_callers() -> None:
    found = request({**BODY, "stream": True, "new_field": {"a": 1}}, "id", {})

    assert found.body == {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 5,
        "messages": BODY["messages"],
        "new_field": {"a": 1},
    }


def test_betas_of_header_and_body_are_one_list_without_doubles() -> None:
    found = request({**BODY, "anthropic_beta": ["b", "c"]}, "id", {"Anthropic-Beta": "a, b,,"})

    assert found.body["anthropic_beta"] == ["a", "b", "c"]


@pytest.mark.parametrize("betas", ["a", 1, [1], {"a": 1}, [""]])
def test_betas_that_are_no_list_of_strings_are_refused(betas: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        request({**BODY, "anthropic_beta": betas}, "id", {})

    assert refused.value.param == "anthropic_beta"


def test_the_path_of_an_arn_is_quoted() -> None:
    arn = "arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.claude-v1:0"

    assert path(arn, False) == (
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A111122223333%3Ainference-profile%2Fus.claude-v1%3A0/invoke"
    )
    assert path("a:0", True) == "/model/a%3A0/invoke-with-response-stream"
