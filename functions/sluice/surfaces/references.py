"""What a request names by id instead of sending it: stored answers, and other objects of the provider's project.

All callers share the provider's key, and to the provider they are one: an id is all it takes to read what is behind it.
Stored answers may be named by the principal whose calls made them. Files, vector stores, containers and prompts are not
made through the gateway, so nobody's claim to one can be checked; where the provider's configuration does not share
them with all callers they are refused.
https://platform.openai.com/docs/api-reference/responses/create
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sluice.domain.errors import InvalidRequest
from sluice.domain.reference import ID, Reference

MAX_REFERENCES = 1000
OBJECT_IDS = frozenset({"file_id", "file_ids", "vector_store_id", "vector_store_ids", "container_id", "skill_id"})
OBJECT_IDS |= {"tunnel_id"}
# Without these an item is looked up by its id, with all that the provider has kept of it: reasoning without its
# encrypted form (https://github.com/vercel/ai/issues/7543), an image by its call
# (https://platform.openai.com/docs/guides/tools-image-generation), and so on. Reasoning as plain text is taken by
# others; OpenAI refuses it (https://github.com/musistudio/claude-code-router/issues/1783).
HELD = {
    None: ("content",),
    "message": ("content",),
    "reasoning": ("encrypted_content", "content"),
    "compaction": ("encrypted_content",),
    "image_generation_call": ("result",),
    "web_search_call": ("action",),
    "file_search_call": ("results",),
    "code_interpreter_call": ("code",),
    "item_reference": (),
}
BARE = frozenset({"id", "type", "status"})
# What stands in these is the caller's own data, whatever it is called there, or tells what was said before.
OWN_DATA = frozenset({"parameters", "schema", "json_schema", "input_schema", "metadata", "arguments", "annotations"})


def references(body: Mapping[str, Any]) -> tuple[Reference, ...]:
    """The stored answers a response builds on, or is compared with. Raises InvalidRequest for what is no id."""
    named = tuple(_reference(*one) for one in _named(body))
    if len(named) > MAX_REFERENCES:
        raise InvalidRequest(f"at most {MAX_REFERENCES} stored items may be referred to", param="input")
    return named


def _reference(kind: str, id: object, param: str) -> Reference:
    if not (isinstance(id, str) and ID.fullmatch(id)):
        raise InvalidRequest(f"{param}: want the id of a {kind}", param=param)
    return Reference(kind, id, param)


def _named(body: Mapping[str, Any]) -> Iterator[tuple[str, object, str]]:
    """Kind, id and the field that names it, as the caller wrote them."""
    if body.get("previous_response_id") is not None:
        yield "response", body["previous_response_id"], "previous_response_id"
    conversation = body.get("conversation")
    if conversation is not None:
        id = conversation.get("id") if isinstance(conversation, dict) else conversation
        yield "conversation", id, "conversation"
    options = body.get("prompt_cache_options")
    if isinstance(options, dict) and options.get("comparison_response_id") is not None:
        yield "response", options["comparison_response_id"], "prompt_cache_options"
    items = body.get("input")
    for item in items if isinstance(items, list) else ():
        if _is_reference(item):
            yield "item", item.get("id"), "input"


def _is_reference(item: Mapping[str, Any]) -> bool:
    """Whether an item stands for a stored one: it says so, or has an id and not what it stands for."""
    kind = item.get("type")
    if kind == "item_reference":
        return True
    if item.get("id") is None:
        return False
    held = HELD.get(kind) if isinstance(kind, str | None) else ()
    holds = held if held is not None else item.keys() - BARE
    return not any(item.get(name) for name in holds)


def stored_object(body: Mapping[str, Any], own_data: frozenset[str] = OWN_DATA) -> str | None:
    """The field that names an object of the provider's project, None where there is none.

    Looks everywhere but into schemas and other data of the caller's own, the fields named `own_data`.
    """
    audio = body.get("audio")
    by_object = {"prompt": body.get("prompt"), "voice": body.get("voice")}
    by_object["audio"] = audio.get("voice") if isinstance(audio, dict) else None
    for name, value in by_object.items():
        if isinstance(value, dict):
            return name
    for name, value in body.items():
        if (value and name in OBJECT_IDS) or (name not in own_data and _holds_object(value, own_data)):
            return name
    return None


def _holds_object(value: object, own_data: frozenset[str]) -> bool:
    boxes = [value]
    while boxes:
        box = boxes.pop()
        if isinstance(box, list):
            boxes.extend(one for one in box if isinstance(one, dict | list))
        elif isinstance(box, dict):
            if _names_object(box):
                return True
            boxes.extend(value for key, value in box.items() if key not in own_data and isinstance(value, dict | list))
    return False


def _names_object(box: Mapping[str, Any]) -> bool:
    if any(box.get(name) for name in OBJECT_IDS if name in box):
        return True
    if isinstance(box.get("container"), str):
        return True
    audio = box.get("audio")
    return "role" in box and isinstance(audio, dict) and "id" in audio  # an earlier answer, spoken
