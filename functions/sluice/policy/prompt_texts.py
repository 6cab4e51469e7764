"""The texts of a request that a model reads, whatever the dialect, and the same request with other texts.

Strategy: everything inside the body counts as a prompt, in any field, also one that nobody has heard of, but for a
short table of fields that are about the call. A text is a string, the name of a field or a number so long that it may
be an account's; what is sealed (pictures, sound, files, signatures, all of them base64) and the ids by which turns
belong together are left alone. A request in which nothing changes is the same object, and so is each part of it.
"""

import json
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from sluice.domain.call import ModelRequest
from sluice.domain.errors import InvalidJson
from sluice.domain.operation import COUNT_TOKENS

Change = Callable[[str], str]

ABOUT_THE_CALL = frozenset(
    (
        "conversation",
        "guardrailConfig",
        "metadata",
        "model",
        "performanceConfig",
        "previous_response_id",
        "prompt_cache_key",
        "requestMetadata",
        "safety_identifier",
        "service_tier",
        "serviceTier",
        "stream_options",
        "user",
    )
)
IDS = frozenset(("call_id", "container_id", "file_id", "item_id", "tool_call_id", "tool_use_id", "toolUseId"))
SEALED = frozenset(
    (
        "b64_json",
        "blob",
        "bytes",
        "data",
        "encrypted_content",
        "encrypted_stdout",
        "file_data",
        "image_url",
        "redactedContent",
        "signature",
        "thoughtSignature",
        "thought_signature",
        "url",
    )
)
BASE64 = re.compile(r"(?:data:[A-Za-z0-9.+/;=_-]{0,200},)?[A-Za-z0-9+/_\r\n-]{200,}={0,2}\s*")
ID = re.compile(r"[A-Za-z][\w.:-]{0,127}")  # begins with a letter, as no account's number does
STRUCTURE = re.compile(r"[\w./:-]{0,64}", re.ASCII)  # no words: "user", "text", "image/png", "tool_use"
STRUCTURAL = frozenset(
    ("cache_control", "detail", "format", "id", "media_type", "name", "role", "status", "strict", "toolChoice", "type")
)
SETTING = "type"  # a field that is no prompt: one word there is none either
ARGUMENTS = "arguments"
DEPTH = 100
LONG_NUMBER = 10**12  # of 13 digits, the fewest that a card has


def texts(request: ModelRequest) -> list[str]:
    """Every text, as often as it stands there."""
    return list(_texts(_prompt(request), ""))


def prose(request: ModelRequest) -> list[str]:
    """The texts that are words for the model, each once: without what only gives a body its structure."""
    read = request.operation.read
    found = (_prose(value, name if name in read else SETTING) for name, value in _prompt(request).items())
    return list(dict.fromkeys(chain.from_iterable(found)))


def changed(request: ModelRequest, change: Change) -> ModelRequest:
    """The request with each text as `change` has it; the caller's own JSON stays as it was."""
    prompt = _prompt(request)
    made = {name: _changed(value, name, change) for name, value in prompt.items()}
    if all(made[name] is value for name, value in prompt.items()):
        return request
    return replace(request, body={**request.body, **_closed(request, made)})


def _prompt(request: ModelRequest) -> dict[str, Any]:
    """What of the body is no mere setting; the body that CountTokens carries as base64 is opened."""
    found = {name: value for name, value in request.body.items() if name not in ABOUT_THE_CALL}
    inner = _sealed_body(request)
    return {**found, "input": {"invokeModel": {"body": inner}}} if inner is not None else found


def _closed(request: ModelRequest, prompt: dict[str, Any]) -> dict[str, Any]:
    """The opposite of opening it."""
    if _sealed_body(request) is None:
        return prompt
    inner = json.dumps(prompt["input"]["invokeModel"]["body"], ensure_ascii=False).encode()
    return {**prompt, "input": {"invokeModel": {"body": b64encode(inner).decode()}}}


def _sealed_body(request: ModelRequest) -> dict[str, Any] | None:
    """InvokeModel's body inside a CountTokens, None where there is none that can be read. Raises InvalidJson."""
    if request.operation.path != COUNT_TOKENS.path:
        return None
    try:
        found = json.loads(b64decode(request.body["input"]["invokeModel"]["body"], validate=True))
    except (KeyError, TypeError, ValueError, NotBase64, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    if _is_deep(found):
        raise InvalidJson(f"the body to be counted is nested deeper than {DEPTH}")
    return found


def _is_deep(body: dict[str, Any]) -> bool:
    """Deeper than any request is let in, which this one is not yet checked for."""
    level: list[Any] = [body]
    for _ in range(DEPTH):
        inside = (box.values() if isinstance(box, dict) else box for box in level)
        level = [each for each in chain.from_iterable(inside) if isinstance(each, dict | list)]
    return bool(level)


def _texts(value: Any, key: str) -> Iterator[str]:
    if isinstance(value, str):
        if not _is_left_alone(key, value):
            yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield name
            yield from _texts(inner, _key_of(name, value))
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, key)
    elif _is_long(value):
        yield str(value)


def _prose(value: Any, key: str) -> Iterator[str]:
    if isinstance(value, str):
        is_structure = key in STRUCTURAL and STRUCTURE.fullmatch(value)
        if value.strip() and not is_structure and not _is_left_alone(key, value):
            yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _prose(inner, name if name == "id" else _key_of(name, value))
    elif isinstance(value, list):
        for inner in value:
            yield from _prose(inner, key)


def _changed(value: Any, key: str, change: Change) -> Any:
    if isinstance(value, str):
        return value if _is_left_alone(key, value) else change(value)
    if isinstance(value, Mapping):
        return _changed_object(value, change)
    if isinstance(value, list):
        made = [_changed(inner, key, change) for inner in value]
        return value if all(map(_is_same, made, value)) else made
    if _is_long(value):
        text = change(str(value))
        return value if text == str(value) else text
    return value


def _changed_object(value: Mapping[str, Any], change: Change) -> Mapping[str, Any]:
    made: dict[str, Any] = {}
    is_same = True
    for name, inner in value.items():
        found = (
            _changed_arguments(inner, change) if name == ARGUMENTS else _changed(inner, _key_of(name, value), change)
        )
        told = change(name)
        is_same = is_same and found is inner and told == name
        made[told if told not in made else f"{told} {len(made)}"] = found
    return value if is_same else made


def _changed_arguments(value: Any, change: Change) -> Any:
    """Those of a tool's call are JSON in a text, and are to stay JSON: a number becomes a text there."""
    told, before = _changed(value, ARGUMENTS, change), _parsed(value)
    if told is value or before is None or _parsed(told) is not None:
        return told
    return json.dumps(_changed(before, ARGUMENTS, change), ensure_ascii=False)


def _parsed(value: Any) -> Any:
    """The object in a text, None where there is none."""
    try:
        found = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_same(one: object, other: object) -> bool:
    return one is other


def _key_of(name: str, value: Mapping[str, Any]) -> str:
    """The `id` of a turn or of a tool's call is one that others refer to; an `id` without a `type` is a tool's data."""
    if name == "data" and value.get("type") == "text":
        return "text"  # a document's, whatever it looks like
    return "call_id" if name == "id" and isinstance(value.get("type"), str) else name


def _is_left_alone(key: str, value: str) -> bool:
    return (key in SEALED and BASE64.fullmatch(value) is not None) or (key in IDS and ID.fullmatch(value) is not None)


def _is_long(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) >= LONG_NUMBER
