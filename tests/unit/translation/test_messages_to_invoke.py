from typing import Any

import pytest

from sluice.domain.errors import InvalidRequest
from sluice.translation.requests.message_betas import REFUSED
from sluice.translation.requests.messages_to_invoke import request
from sluice_devstack.simulated.bedrock import claude
from sluice_devstack.simulated.refusal import Refused

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


def test_betas_that_bedrock_refuses_are_left_out_and_told() -> None:
    header = "oauth-2025-04-20,interleaved-thinking-2025-05-14,prompt-caching-scope-2026-01-05,unheard-of"

    found = request({**BODY, "anthropic_beta": ["fast-mode-2026-02-01"]}, "id", {"anthropic-beta": header})

    assert found.body["anthropic_beta"] == ["interleaved-thinking-2025-05-14", "unheard-of"]
    assert found.warnings == ("anthropic-beta",)


def test_no_field_is_left_of_refused_betas_alone() -> None:
    assert "anthropic_beta" not in request(BODY, "id", {"anthropic-beta": "oauth-2025-04-20"}).body


TOOL = {"name": "look", "input_schema": {"type": "object"}}


def test_deferred_tools_are_offered_at_once_where_bedrock_defers_none() -> None:
    deferred = {**BODY, "tools": [{**TOOL, "defer_loading": True}, TOOL, "x"]}

    found = request(deferred, "id", {"anthropic-beta": "advanced-tool-use-2025-11-20"})

    assert found.body["tools"] == [TOOL, TOOL, "x"]
    assert found.warnings == ("anthropic-beta", "tools")


def test_tools_stay_deferred_where_bedrock_searches_tools() -> None:
    deferred = {**BODY, "tools": [{**TOOL, "defer_loading": True}]}

    found = request(deferred, "id", {"anthropic-beta": "tool-search-tool-2025-10-19"})

    assert (found.body["tools"], found.warnings) == (deferred["tools"], ())


@pytest.mark.parametrize("beta", sorted(REFUSED))
def test_the_simulated_bedrock_refuses_what_is_left_out_and_takes_what_is_left(beta: str) -> None:
    whole = {**BODY, "tools": [{**TOOL, "defer_loading": True}]}
    made = request(whole, "id", {"anthropic-beta": f"{beta},claude-code-20250219"}).body

    claude.check(made)

    with pytest.raises(Refused, match="invalid beta flag"):
        claude.check({**made, "anthropic_beta": [beta]})
    with pytest.raises(Refused, match=r"tools.0.custom.defer_loading: Extra inputs are not permitted"):
        claude.check({**made, "tools": whole["tools"]})
