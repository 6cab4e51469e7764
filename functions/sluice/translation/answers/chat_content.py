"""OpenAI's message as the content blocks of an Anthropic Message."""

from typing import Any

from sluice.translation.answers.json_value import Json, mapping, sequence, text
from sluice.translation.requests.json_values import object_in
from sluice.translation.thinking_order import place, stretches


def content(message: Json, call_prefix: str) -> list[Json]:
    """The blocks in Anthropic's order. `call_prefix` makes ids for calls that came without."""
    said, refused = text(message.get("content")), text(message.get("refusal"))
    cited = [each for each in (citation(one, said) for one in sequence(message.get("annotations"))) if each]
    thoughts = list(map(mapping, sequence(message.get("thinking_blocks"))))
    functions = [call for call in map(mapping, sequence(message.get("tool_calls"))) if is_function(call)]
    calls = [tool_use(call, f"{call_prefix}{index}") for index, call in enumerate(functions)]
    blocks = unsigned(message, thoughts)
    for stretch in stretches([place(one) for one in thoughts], len(said), len(calls)):
        blocks += [block for block in map(thinking, thoughts[stretch.thoughts]) if block]
        blocks += text_blocks(said[stretch.content], cited) + text_blocks(refused, [])
        blocks += calls[stretch.tool_calls]
        refused = ""
    return blocks


def text_blocks(said: str, cited: list[Json]) -> list[Json]:
    return [{"type": "text", "text": said, **({"citations": cited} if cited else {})}] if said else []


def unsigned(message: Json, thoughts: list[Json]) -> list[Json]:
    """Thinking that can only be read: without a signature nobody can send it back."""
    signed = "".join(text(thought.get("thinking")) for thought in thoughts)
    reasoning = text(message.get("reasoning_content")) or text(message.get("reasoning"))
    rest = reasoning.removeprefix(signed)
    is_told = bool(signed) and rest == reasoning
    return [{"type": "thinking", "thinking": rest, "signature": ""}] if rest and not is_told else []


def thinking(given: Any) -> Json | None:
    block = mapping(given)
    if block.get("type") == "redacted_thinking":
        return {"type": "redacted_thinking", "data": text(block.get("data"))}
    if block.get("type") == "thinking":
        written, signature = text(block.get("thinking")), text(block.get("signature"))
        return {"type": "thinking", "thinking": written, "signature": signature}
    return None


def citation(given: Any, said: str) -> Json | None:
    """A cited web page. Anthropic's index into its own search is empty: there was none."""
    place = mapping(mapping(given).get("url_citation"))
    url = text(place.get("url"))
    if not url:
        return None
    start, end = place.get("start_index"), place.get("end_index")
    cited = said[start:end] if isinstance(start, int) and isinstance(end, int) and 0 <= start <= end else ""
    title = text(place.get("title"))
    found = {"type": "web_search_result_location", "url": url, "title": title, "cited_text": cited}
    return {**found, "encrypted_index": ""}


def is_function(call: Json) -> bool:
    return call.get("type", "function") == "function" and isinstance(call.get("function"), dict)


def tool_use(call: Json, without_id: str) -> Json:
    function = mapping(call.get("function"))
    call_id = text(call.get("id")) or without_id
    name = text(function.get("name"))
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments(text(function.get("arguments")))}


def arguments(written: str) -> Json:
    """The arguments as an object. What the model wrote amiss is kept whole, under the key that Anthropic suggests:
    https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming"""
    if not written.strip():
        return {}
    found = object_in(written)
    return {"INVALID_JSON": written} if found is None else found
