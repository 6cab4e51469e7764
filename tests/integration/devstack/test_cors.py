"""Pages of another origin, as template.yaml lets them in: by a parameter, and not at all without it."""

from collections.abc import Iterator
from pathlib import Path

import h11
import pytest
from tests.e2e.running import Running, run
from tests.integration.devstack.caller import Caller, header, signed_headers

from sluice_devstack import DevStack, StackOptions
from sluice_devstack.intrinsics import TemplateError
from sluice_devstack.sigv4 import Identity
from sluice_devstack.stack import GATEWAY, ROOT
from sluice_devstack.template import Template

PAGE, OTHER_PAGE = "http://localhost:3000", "https://app.example.com"
SIGNED = "authorization,content-type,x-amz-content-sha256,x-amz-date,x-amz-security-token"
OURS = "x-sluice-idle-timeout-ms,x-sluice-metadata,x-sluice-timeout-ms"
OF_OPENAIS_SDK = (
    "x-stainless-arch,x-stainless-lang,x-stainless-os,x-stainless-package-version,x-stainless-retry-count,"
    "x-stainless-runtime,x-stainless-runtime-version,x-stainless-timeout"
)


@pytest.fixture(scope="module")
def stack(host: Path) -> Iterator[DevStack]:
    with DevStack(StackOptions(host=host, parameters={"CorsOrigins": f"{PAGE},{OTHER_PAGE}"})) as running:
        yield running


def preflight(url: str, origin: str, headers: str = SIGNED, method: str = "POST") -> h11.Response:
    asked = {"access-control-request-method": method, "access-control-request-headers": headers}
    with Caller(url) as caller:
        caller.send("OPTIONS", "/v1/chat/completions", {"origin": origin, **asked})
        return caller.head()


def cors_headers(head: h11.Response) -> dict[str, str]:
    names = {name.decode(): value.decode() for name, value in head.headers}
    return {name: value for name, value in names.items() if name.startswith("access-control-")}


@pytest.mark.parametrize("origin", [PAGE, OTHER_PAGE])
@pytest.mark.parametrize("headers", [SIGNED, OURS, OF_OPENAIS_SDK])
def test_a_page_of_a_listed_origin_may_send_what_a_signed_call_holds(
    stack: DevStack, origin: str, headers: str
) -> None:
    allowed = cors_headers(preflight(stack.url, origin, headers))

    assert allowed["access-control-allow-origin"] == origin
    assert set(headers.split(",")) <= set(allowed["access-control-allow-headers"].split(","))
    assert allowed["access-control-allow-methods"] == "GET,POST"
    assert "access-control-allow-credentials" not in allowed


@pytest.mark.parametrize(
    "asked",
    [
        {"origin": "https://elsewhere.example"},
        {"origin": PAGE, "method": "DELETE"},
        {"origin": PAGE, "headers": "x-unlisted"},
    ],
)
def test_anything_else_is_not_let_in(stack: DevStack, asked: dict[str, str]) -> None:
    assert cors_headers(preflight(stack.url, **asked)) == {}


def test_a_page_may_read_the_answer_and_the_headers_about_the_call(stack: DevStack) -> None:
    who = Identity(stack.access_key_id, stack.secret_access_key, "")
    with Caller(stack.url) as caller:
        caller.send("GET", "/stream", signed_headers(stack.url + "/stream", headers={"origin": PAGE}, identity=who))
        head = caller.head()

    exposed = (header(head, "access-control-expose-headers") or "").split(",")
    assert header(head, "access-control-allow-origin") == PAGE
    assert {"x-request-id", "x-sluice-model", "retry-after", "x-ratelimit-remaining-tokens"} <= set(exposed)


def test_without_the_parameter_no_page_is_let_in() -> None:
    url = Template.load(ROOT).function(GATEWAY).url

    assert url is not None
    assert url.cors is None


@pytest.mark.fault("X02")
@pytest.mark.parametrize("origins", ["*", f"{PAGE},*", "https://*", "http://app.example.com", "null", "https://a/b"])
def test_origins_that_are_none_or_all_are_refused(origins: str) -> None:
    with pytest.raises(TemplateError, match=r"must be origins such as .*, never \*"):
        Template.load(ROOT, {"CorsOrigins": origins})


def test_the_command_line_lets_pages_in(tmp_path: Path) -> None:
    words = ["--port", "0", "--environments", "1", "--env-file", str(tmp_path / "dev.env")]
    with Running("dev", *words, "--cors-origin", PAGE, "--cors-origin", OTHER_PAGE) as dev:
        url = next(word for word in dev.line("http://127.0.0.1").split() if word.startswith("http://"))

        assert cors_headers(preflight(url, OTHER_PAGE))["access-control-allow-origin"] == OTHER_PAGE


def test_the_command_line_says_which_origin_is_wrong() -> None:
    ended = run("dev", "--port", "0", "--cors-origin", "*")

    assert ended.returncode == 1
    assert "CorsOrigins: '*' must be origins such as" in ended.stderr


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("Stage=test", "parameter Stage: 'test' is not accepted by template.yaml"),
        ("Stages=dev", "Parameters has no 'Stages'; it has: Stage, "),
        ("Stage", "'Stage' is not NAME=VALUE"),
    ],
)
def test_the_command_line_says_which_parameter_is_wrong(word: str, reason: str) -> None:
    ended = run("dev", "--port", "0", "--parameter", word)

    assert ended.returncode != 0
    assert reason in ended.stderr
