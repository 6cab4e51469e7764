"""A page in headless Chromium signs its own calls to the dev stack, which is another origin for it.

The screenshot is left in build/browser; the picture in docs/ is one of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.clients.place import SIMULATED, WORDS, Place, place
from tests.clients.visit import visiting
from tests.clients.web_page import WebPage, web_page

from sluice_devstack.stack import ROOT

PICTURES = ROOT / "build" / "browser"
OURS = {"x-request-id", "x-sluice-provider", "x-sluice-model"}


@dataclass(frozen=True, slots=True)
class Web:
    """Two pages of one site, and the gateway that lets one of them call."""

    allowed: WebPage
    stranger: WebPage
    gateway: Place


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with web_page() as allowed, web_page() as stranger:
        cors = {"CorsOrigins": allowed.origin}
        with place(tmp_path_factory.mktemp("cors"), parameters=cors) as gateway:
            for page in (allowed, stranger):
                page.open_to(gateway.variables)
            yield Web(allowed, stranger, gateway)


def test_a_page_of_another_origin_streams_an_answer(tmp_path_factory: pytest.TempPathFactory) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    picture = PICTURES / "answer.png"
    picture.unlink(missing_ok=True)

    with web_page() as page:
        cors = {"CorsOrigins": page.origin}
        with place(tmp_path_factory.mktemp("simulated"), SIMULATED, parameters=cors) as gateway:
            page.open_to(gateway.variables)
            with visiting(page.origin, picture) as visit:
                seen = visit.end()
            (call,) = gateway.site.stack.wait_for_calls(1)

    assert (seen.state, call.request_id) == ("done", seen.headers["x-request-id"])
    assert "".join(seen.pieces) == seen.last["shown"]
    assert len(seen.pieces) > 10
    assert picture.stat().st_size > 10_000


def test_a_page_gets_each_word_before_the_next_is_sent(web: Web) -> None:
    with web.gateway.watched() as gate, visiting(web.allowed.origin) as visit:
        for word in WORDS:
            visit.sees(word)
            gate.open()
        seen = visit.end()

    assert (seen.state, seen.pieces) == ("done", list(WORDS))


def test_the_openai_sdk_streams_in_a_page_with_all_the_headers_it_sends(web: Web) -> None:
    with web.gateway.watched() as gate, visiting(f"{web.allowed.origin}/sdk") as visit:
        for word in WORDS:
            visit.sees(word)
            gate.open()
        seen = visit.end()

    assert (seen.state, seen.last["shown"]) == ("done", "".join(WORDS))
    assert web.gateway.site.record(seen.headers["x-request-id"])["metadata"] == {"page": "sdk"}


def test_the_url_answers_the_preflight_and_exposes_our_headers(web: Web) -> None:
    made = len(web.gateway.site.stack.calls)

    with visiting(web.allowed.origin) as visit:
        seen = visit.end()

    url = web.gateway.variables["SLUICE_URL"]
    (preflight,) = seen.asked("OPTIONS", url)
    allowed = {name.lower(): value for name, value in preflight["headers"].items()}
    assert (preflight["method"], preflight["status"]) == ("OPTIONS", 200)
    assert allowed["access-control-allow-origin"] == web.allowed.origin
    assert set(seen.headers) >= OURS
    assert "x-amzn-trace-id" not in seen.headers  # sent, and not exposed
    calls = web.gateway.site.stack.wait_for_calls(made + 1)[made:]
    assert [(call.method, call.status) for call in calls] == [("POST", 200)]


def test_a_page_of_an_origin_that_is_not_listed_is_refused(web: Web) -> None:
    made = len(web.gateway.site.stack.calls)

    with visiting(web.stranger.origin) as visit:
        seen = visit.end()

    assert (seen.state, seen.pieces, seen.headers) == ("failed", [], {})
    assert seen.last["shown"] == "TypeError: Failed to fetch"
    (refused,) = seen.asked("POST", web.gateway.variables["SLUICE_URL"])
    assert refused["refused"] == "PreflightMissingAllowOriginHeader"
    assert len(web.gateway.site.stack.calls) == made


def test_without_cors_no_page_may_call(web: Web, gateway: Place) -> None:
    made = len(gateway.site.stack.calls)

    with web_page() as page:
        page.open_to(gateway.variables)
        with visiting(page.origin) as visit:
            seen = visit.end()

    assert (seen.state, seen.last["shown"]) == ("failed", "TypeError: Failed to fetch")
    (refused,) = seen.asked("POST", gateway.variables["SLUICE_URL"])
    assert refused["refused"] == "PreflightMissingAllowOriginHeader"
    assert len(gateway.site.stack.calls) == made
