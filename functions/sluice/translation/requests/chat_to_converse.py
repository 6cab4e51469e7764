"""A chat.completions request as the body of Bedrock's Converse and ConverseStream.

Bytes stand as base64, the form of the wire; `model` and `stream` choose the path and are not in the body. Each noun
of the request has its own file beside this one; what a family of models takes is told by the table of families.
What cannot be carried is refused with the `param` at fault, or left out and named in the warnings.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from collections.abc import Mapping
from typing import Any

from sluice.translation.families import family
from sluice.translation.requests import (
    converse_cache,
    converse_extras,
    converse_output,
    converse_reasoning,
    converse_sampling,
    converse_tools,
    converse_turns,
)
from sluice.translation.requests.draft import Draft
from sluice.translation.translation import Translated


def request(body: Mapping[str, Any], model: str) -> Translated:
    """`model` tells the family: the provider's id of the model, or the base model behind an inference profile.

    Raises InvalidRequest, or one of its kinds, and nothing else, whatever JSON the body holds.
    """
    draft = Draft(body, family(model))
    converse_extras.refuse(draft)
    converse_extras.pass_on(draft)
    tools = converse_tools.offered(draft)
    converse_turns.turns(draft, offers_tools=bool(tools))
    converse_sampling.bounds(draft)
    converse_reasoning.reasoning(draft)
    converse_sampling.sampling(draft)
    json_tool = converse_output.output(draft)
    converse_tools.tools(draft, tools, json_tool)
    converse_cache.cap(draft)
    return draft.done()
