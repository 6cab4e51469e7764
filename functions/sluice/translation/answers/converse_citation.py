"""Converse's citations as OpenAI's annotations.

OpenAI knows citations of web pages and of its own files; a place in the caller's document has no such form.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CitationLocation.html
"""

from typing import Any

from sluice.translation.answers.json_value import Json, mapping, text


def annotation(citation: Any, start: int, end: int) -> Json | None:
    """The annotation of the text between two offsets of the content; None for anything but a web page."""
    web = mapping(mapping(mapping(citation).get("location")).get("web"))
    url = text(web.get("url"))
    if not url:
        return None
    title = text(citation.get("title")) or text(web.get("domain")) or url
    place = {"url": url, "title": title, "start_index": start, "end_index": end}
    return {"type": "url_citation", "url_citation": place}
