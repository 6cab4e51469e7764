"""What staying at one target is worth: the share of prompt tokens that providers read from their caches.

Three targets in turns, each with a prompt cache of its own as OpenAI describes it: prefixes that it has seen, of 1,024
tokens and more, in steps of 128 (https://platform.openai.com/docs/guides/prompt-caching). 40 callers talk about a text
of 2,000 tokens each, for eight turns, in any order.
"""

import json
from random import Random
from typing import Any

import httpx
import pytest
from tests.fakes.routed import Routed

LEAST_TOKENS, STEP_TOKENS, CHARACTERS = 1024, 128, 4
CONVERSATIONS, TURNS = 40, 8
JSON = {"content-type": "application/json"}


class Cached:
    """A provider that remembers how the prompts it has read begin."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        prompt = json.dumps(json.loads(request.content)["messages"])
        tokens = len(prompt) // CHARACTERS
        ends = range(LEAST_TOKENS, tokens + 1, STEP_TOKENS)
        begins = {end: hash(prompt[: end * CHARACTERS]) for end in ends}
        cached = max((end for end, begin in begins.items() if begin in self._seen), default=0)
        self._seen.update(begins.values())
        message = {"role": "assistant", "content": "So it is. " * 20}
        usage = {"prompt_tokens": tokens, "completion_tokens": 50, "prompt_tokens_details": {"cached_tokens": cached}}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return httpx.Response(200, json={"choices": [choice], "usage": usage})


def asked(conversation: int, turn: int) -> dict[str, Any]:
    """A conversation as it is after so many turns."""
    random = Random(conversation)
    text = " ".join(f"{random.getrandbits(32):08x}" for _ in range(900))
    said = [{"role": "user", "content": text}]
    for number in range(turn):
        said += [{"role": "assistant", "content": "So it is. " * 20}, {"role": "user", "content": f"And {number}?"}]
    return {"model": "smart", "messages": said}


def cached_share(sticky: str | None) -> float:
    """Of all prompt tokens, those that the records say were read from a cache."""
    targets = [{"model": f"{name}/x"} for name in "abc"]
    route = {"targets": targets, "strategy": "round-robin", **({"sticky": sticky} if sticky else {})}
    gateway = Routed({name: Cached() for name in "abc"}, routes={"smart": route})
    calls = [conversation for conversation in range(CONVERSATIONS) for _ in range(TURNS)]
    Random(5).shuffle(calls)
    turns = dict.fromkeys(calls, 0)
    for conversation in calls:
        named = JSON | {"x-sluice-session-id": f"conversation-{conversation}"}
        gateway.chat(asked(conversation, turns[conversation]), headers=named)["body"].close()
        turns[conversation] += 1
    used = [record.usage for record in gateway.ledger.settled]
    return sum(one.cache_read for one in used) / sum(one.prompt for one in used)


@pytest.mark.parametrize("sticky", ["session", "prefix"])
def test_a_conversation_that_stays_is_read_from_the_cache_more_often(sticky: str) -> None:
    without, share = cached_share(None), cached_share(sticky)

    print(f"cached share of prompt tokens: {without:.3f} in turns, {share:.3f} with sticky = {sticky}")
    assert share > without + 0.15
    assert share > 0.8


def test_every_target_still_has_its_part_of_the_conversations() -> None:
    targets = [{"model": f"{name}/x"} for name in "abc"]
    routes = {"smart": {"targets": targets, "strategy": "round-robin", "sticky": "prefix"}}
    gateway = Routed({name: Cached() for name in "abc"}, routes=routes)

    for conversation in range(CONVERSATIONS):
        gateway.chat(asked(conversation, 0))["body"].close()

    assert all(gateway.asked.count(name) >= CONVERSATIONS / 6 for name in "abc"), gateway.asked
