"""What a request for a response is about: its input, and the turns before it, as the chat simulation reads them.

Strategy: items become chat messages, so that one simulation decides what is said; references are followed first.
"""

from collections.abc import Callable
from typing import Any

from sluice_devstack.simulated.chat.request import ChatRequest
from sluice_devstack.simulated.refusal import Refusal, Refused, invalid
from sluice_devstack.simulated.responses.request import Item, ResponsesRequest
from sluice_devstack.simulated.responses.sealed import is_intact
from sluice_devstack.simulated.responses.store import StoredResponses
from sluice_devstack.simulated.rules import invalid_value

ROLES = ("assistant", "system", "developer", "user")
TEXT_PARTS = ("input_text", "output_text", "refusal", "summary_text", "text")

Message = dict[str, Any]


def history(request: ResponsesRequest, stored: StoredResponses) -> list[Item]:
    """All items up to now, references followed; raises Refused where one leads nowhere or a call has no answer."""
    if request.body.get("conversation"):
        name = request.body["conversation"]
        raise Refused(invalid(404, f"Conversation with id '{_id(name)}' not found.", "conversation"))
    before = stored.history(request.previous_response_id) if request.previous_response_id else []
    new = [_followed(item, stored) for item in request.input]
    for number, item in enumerate(new):
        if refusal := _wrong(item, number, stored):
            raise Refused(refusal)
    _check_calls([*before, *new])
    return [*before, *new]


def chat_request(request: ResponsesRequest, items: list[Item]) -> ChatRequest:
    """The chat completion that asks for the same; raises Refused for JSON that nobody spoke of."""
    instructions = request.body.get("instructions")
    spoken = [{"role": "system", "content": instructions}] if instructions else []
    messages = [*spoken, *(message for item in items for message in MESSAGES[_type(item)](item))]
    _check_json(request, messages)
    body: dict[str, Any] = {
        "model": request.body["model"],
        "messages": messages or [{"role": "user", "content": ""}],
        "max_completion_tokens": request.body.get("max_output_tokens"),
        "reasoning_effort": request.reasoning.get("effort"),
        "parallel_tool_calls": request.body.get("parallel_tool_calls"),
        "tools": [{"type": "function", "function": tool} for tool in request.tools],
        "tool_choice": _tool_choice(request.body.get("tool_choice")),
        "response_format": _response_format(request.format),
    }
    return ChatRequest(body)


def _followed(item: Item, stored: StoredResponses) -> Item:
    """SDKs write a reference without its type as well: an id and nothing else."""
    is_reference = item.get("type") == "item_reference" or set(item) == {"id"}
    return stored.item(str(item.get("id"))) if is_reference else item


def _type(item: Item) -> str:
    return str(item.get("type") or "message")


def _id(conversation: Any) -> str:
    return str(conversation.get("id") if isinstance(conversation, dict) else conversation)


def _wrong(item: Item, number: int, stored: StoredResponses) -> Refusal | None:
    kind, place = _type(item), f"input[{number}]"
    if kind not in MESSAGES:
        return invalid_value(f"{place}.type", kind, (*MESSAGES, "item_reference"))
    if kind == "message" and item.get("role") not in ROLES:
        return invalid_value(f"{place}.role", item.get("role"), ROLES)
    missing = next((name for name in REQUIRED[kind] if item.get(name) is None), None)
    if missing:
        message = f"Missing required parameter: '{place}.{missing}'."
        return invalid(400, message, f"{place}.{missing}", "missing_required_parameter")
    return _wrong_reasoning(item, stored) if kind == "reasoning" else None


def _wrong_reasoning(item: Item, stored: StoredResponses) -> Refusal | None:
    sealed, name = item.get("encrypted_content"), str(item.get("id"))
    if sealed and not is_intact(str(sealed)):
        shown = f"{str(sealed)[:4]}...{str(sealed)[-4:]}"
        message = f"The encrypted content {shown} could not be verified."
        return invalid(400, message, code="invalid_encrypted_content")
    if not sealed and not stored.has_item(name):
        message = (
            f"Item with id '{name}' not found. Items are not persisted when `store` is set to false. "
            "Try again with `store` set to true, or remove this item from your input."
        )
        return invalid(404, message, "input")
    return None


def _check_calls(items: list[Item]) -> None:
    """Every call has its output, and every output its call."""
    called = [str(item["call_id"]) for item in items if _type(item) == "function_call"]
    answered = [str(item["call_id"]) for item in items if _type(item) == "function_call_output"]
    for call_id in called:
        if call_id not in answered:
            raise Refused(invalid(400, f"No tool output found for function call {call_id}.", "input"))
    for call_id in answered:
        if call_id not in called:
            message = f"No tool call found for function call output with call_id {call_id}."
            raise Refused(invalid(400, message, "input"))


def _check_json(request: ResponsesRequest, messages: list[Message]) -> None:
    if request.format["type"] == "json_object" and "json" not in str(messages).lower():
        message = (
            "Response input messages must contain the word 'json' in some form "
            "to use 'text.format' of type 'json_object'."
        )
        raise Refused(invalid(400, message, "input"))


def _message(item: Item) -> list[Message]:
    return [{"role": item["role"], "content": _parts(item.get("content"))}]


def _parts(content: Any) -> Any:
    if not isinstance(content, list):
        return content or ""
    return [_part(part) for part in content if isinstance(part, dict)]


def _part(part: dict[str, Any]) -> dict[str, Any]:
    if part.get("type") in TEXT_PARTS:
        return {"type": "text", "text": part.get("text") or part.get("refusal")}
    return {"type": "image_url"} if part.get("type") == "input_image" else {"type": "file"}


def _call(item: Item) -> list[Message]:
    function = {"name": item["name"], "arguments": item["arguments"]}
    return [{"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": function}]}]


def _output(item: Item) -> list[Message]:
    return [{"role": "tool", "content": _parts(item["output"])}]


MESSAGES: dict[str, Callable[[Item], list[Message]]] = {
    "message": _message,
    "function_call": _call,
    "function_call_output": _output,
    "reasoning": lambda _item: [],
}
REQUIRED: dict[str, tuple[str, ...]] = {
    "message": ("content",),
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id", "output"),
    "reasoning": (),
}


def _tool_choice(choice: Any) -> Any:
    if isinstance(choice, dict) and choice.get("type") == "function":
        return {"type": "function", "function": {"name": choice.get("name")}}
    return choice


def _response_format(given: dict[str, Any]) -> dict[str, Any] | None:
    return None if given["type"] == "text" else {"type": given["type"], "json_schema": {"schema": given.get("schema")}}
