"""Citations of Anthropic's Messages API as OpenAI's url_citation annotations.

Only what lies on the web has a URL to cite; places in the caller's own documents have no word in a chat.
https://platform.claude.com/docs/en/build-with-claude/citations
"""

from typing import Any

from sluice.translation.answers.json_value import Json, mapping, text

URL_FIELDS = {"web_search_result_location": "url", "search_result_location": "source"}


def annotation(citation: Any, start: int, end: int) -> Json | None:
    """The annotation of the text between two offsets of the content; None where the citation is not of the web."""
    cited = mapping(citation)
    url = text(cited.get(URL_FIELDS.get(text(cited.get("type")), "")))
    if not url.startswith(("http://", "https://")):
        return None
    place = {"url": url, "title": text(cited.get("title")), "start_index": start, "end_index": end}
    return {"type": "url_citation", "url_citation": place}
