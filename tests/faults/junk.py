"""Requests that nobody would write: good ones with something in them replaced, taken away, doubled, nested or damaged."""

import base64
import json
from copy import deepcopy
from random import Random
from typing import Any

from tests.fakes.gateway import event

CHAT = {"model": "mini", "messages": [{"role": "user", "content": "hi"}]}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
CALLED = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TURNS: list[dict[str, Any]] = [
    {"role": "system", "content": "be kind"},
    {
        "role": "user",
        "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": "data:,"}}],
    },
    {"role": "assistant", "content": None, "tool_calls": [CALLED]},
    {"role": "tool", "tool_call_id": "call_1", "content": "42"},
]
GOOD: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/v1/chat/completions", CHAT),
    ("/v1/chat/completions", {**CHAT, "stream": True, "stream_options": {"include_usage": True}, "n": 2}),
    ("/openai/v1/chat/completions", {**CHAT, "model": "gpt-5-mini", "messages": TURNS, "tools": [TOOL]}),
    ("/v1/responses", {"model": "mini", "input": [{"role": "user", "content": "hi"}], "store": False, "tools": []}),
    ("/v1/completions", {"model": "mini", "prompt": ["hi", "ho"], "max_tokens": 5}),
    ("/v1/embeddings", {"model": "mini", "input": ["a", "b"], "dimensions": 8}),
    ("/v1/images/generations", {"model": "mini", "prompt": "a cat", "n": 1, "size": "1024x1024"}),
    ("/v1/audio/speech", {"model": "mini", "input": "hi", "voice": "alloy"}),
    ("/v1/messages", {**CHAT, "max_tokens": 5, "system": "s", "thinking": {"type": "enabled", "budget_tokens": 1024}}),
    ("/v1/messages/count_tokens", CHAT),
    ("/model/mini/converse", {"messages": [{"role": "user", "content": [{"text": "hi"}]}], "inferenceConfig": {}}),
    ("/model/mini/invoke", {"prompt": "hi"}),
)
TEXTS = (
    "",
    "x",
    "\x00",
    "\u202e",
    "😀",
    "../",
    "%2e%2e",
    "__proto__",
    "null",
    "NaN",
    "0",
    "a" * 2000,
    "\ud800",
    "'\"#:",
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 1.5, 1e308, 2**31, 2**63, -(2**63), 10**18, float("nan"), float("inf")),
    *([], {}, [[]], {"": ""}, [None], {"type": "text"}, {"role": "user"}, {"$ref": "#"}, [1, "a", {}]),
)
HEADERS: tuple[str, ...] = (
    "x-sluice-timeout-ms",
    "x-sluice-metadata",
    "x-sluice-idle-timeout-ms",
    "x-sluice-no-such",
    "content-type",
)
HEADERS += ("content-encoding", "accept", "anthropic-version", "anthropic-beta", "idempotency-key", "cookie", "x-odd")
METHODS = ("GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "post", "")
ODD_PATHS = ("/", "", "/v1", "/v1/models", "/v1/models/", "/model//converse", "/api/bedrock/x", "//", "/\x00", "/%00")


class Junk:
    """One event after the other, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def event(self) -> dict[str, Any]:
        path, body = self._random.choice(GOOD)
        text = self._text(self._body(body))
        made = event(self._method(), self._path(path), self._headers(), body=text)
        if self._chance(0.1):
            made |= {"body": base64.b64encode(text.encode("utf-8", "surrogatepass")).decode(), "isBase64Encoded": True}
        return self._damaged(made) if self._chance(0.05) else made

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _value(self) -> Any:
        return deepcopy(self._random.choice(VALUES)) if self._chance(0.7) else self._random.choice(TEXTS)

    def _method(self) -> str:
        return "POST" if self._chance(0.95) else self._random.choice(METHODS)

    def _path(self, path: str) -> str:
        if self._chance(0.9):
            return path
        place = self._random.randrange(len(path) + 1)
        odd = self._random.choice((*TEXTS, "/", "//", ";a=b", "?", "#", "%2f"))
        return self._random.choice((*ODD_PATHS, path[:place] + odd + path[place:], path.upper(), path + "/"))

    def _headers(self) -> dict[str, str]:
        names = self._random.sample(HEADERS, self._random.choice((0, 0, 0, 1, 2)))
        return {name: self._random.choice((*TEXTS, "1000", "{}", "[]", '{"a": 1}', "-1", "1e3")) for name in names}

    def _body(self, body: dict[str, Any]) -> Any:
        """The good body, with one to three of its places changed."""
        made: Any = deepcopy(body)
        for _ in range(self._random.choice((0, 1, 1, 2, 3))):
            made = self._changed(made)
        return made

    def _changed(self, node: Any) -> Any:
        """Goes down a random way and changes what it comes to."""
        keys = list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
        if not keys or self._chance(0.15):
            return self._random.choice((self._value(), [node], {"type": node}, [node, node]))
        key = self._random.choice(keys)
        if isinstance(node, dict) and self._chance(0.15):
            node.pop(key)
        elif isinstance(node, dict) and self._chance(0.1):
            node[self._random.choice(TEXTS)] = self._value()
        else:
            node[key] = self._changed(node[key])
        return node

    def _text(self, body: Any) -> str:
        """As JSON; now and then as something that is nearly JSON."""
        text = json.dumps(body, ensure_ascii=self._chance(0.5))
        if self._chance(0.9) or not text:
            return text
        place = self._random.randrange(len(text))
        return self._random.choice(
            (text[:place], text[:place] + self._random.choice(TEXTS) + text[place + 1 :], text * 2)
        )

    def _damaged(self, made: dict[str, Any]) -> dict[str, Any]:
        """As Lambda would never send it."""
        key = self._random.choice(("headers", "body", "isBase64Encoded", "rawQueryString", "cookies"))
        values: dict[str, Any] = {
            "headers": {},
            "body": None,
            "isBase64Encoded": True,
            "rawQueryString": "%ff&=&&",
            "cookies": ["a"],
        }
        return {**made, key: values[key]}
