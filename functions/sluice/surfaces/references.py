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

MAX_REFERENCES = 100
OBJECT_IDS = frozenset({"file_id", "file_ids", "vector_store_id", "vector_store_ids", "container_id", "skill_id"})
OBJECT_IDS |= {"tunnel_id"}
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
    """Kind, id and the field that names it, as the caller wrote them.

    An item with nothing but an id is a reference too: its type may be left out.
    """
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
    kind = item.get("type")
    return kind == "item_reference" or (kind is None and "id" in item and "role" not in item)


def stored_object(body: Mapping[str, Any], read: tuple[str, ...]) -> str | None:
    """The field that names an object of the provider's project, None where there is none.

    Looks where the model reads, not into schemas and other data of the caller's own.
    """
    if isinstance(body.get("prompt"), dict):
        return "prompt"
    for name in read:
        boxes = [body.get(name)]
        while boxes:
            box = boxes.pop()
            if isinstance(box, list):
                boxes.extend(one for one in box if isinstance(one, dict | list))
            elif isinstance(box, dict):
                if _names_object(box):
                    return name
                boxes.extend(
                    value for key, value in box.items() if key not in OWN_DATA and isinstance(value, dict | list)
                )
    return None


def _names_object(box: Mapping[str, Any]) -> bool:
    if any(box.get(name) for name in OBJECT_IDS if name in box):
        return True
    if isinstance(box.get("container"), str):
        return True
    audio = box.get("audio")
    return "role" in box and isinstance(audio, dict) and "id" in audio  # an earlier answer, spoken
