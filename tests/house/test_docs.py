"""What people read agrees with what the code does: every name in both, every link and command alive."""

import re
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from tests.fakes.gateway import Gateway
from tests.house.pages import Table, codes, fenced, rows, section, tables, text
from tests.house.repository import ROOT, python_files

import sluice
from sluice import provider_settings, relay, route_settings, settings, telemetry, whole
from sluice.codecs import eventstream, sse
from sluice.domain import operation
from sluice.domain.route import Retry
from sluice.domain.timeouts import Timeouts
from sluice.policy import authentication
from sluice.presets import PRESETS
from sluice.pricing import CLASSES, LIMIT_NAMES, PriceTable
from sluice.providers import anthropic, azure, bedrock_refusal, openai, posting, upstream, watch
from sluice.routing import selection
from sluice.surfaces import anthropic as anthropic_surface
from sluice.surfaces import bedrock as bedrock_surface
from sluice.surfaces import (
    cache_headers,
    call_headers,
    cf_headers,
    cloudflare,
    fallbacks,
    openai_request,
    paths,
    step_headers,
    strict_json,
    universal,
)
from sluice.surfaces.calls import Calls
from sluice_cli.__main__ import COMMANDS
from sluice_cli.record import ATTEMPT_FIELDS, FIELDS
from sluice_devstack.intrinsics import parse

DOCS = ROOT / "docs"
README, DECISIONS = ROOT / "README.md", DOCS / "decisions/README.md"
CONFIGURATION, API = DOCS / "configuration.md", DOCS / "api.md"
CLIENTS, OPERATIONS = DOCS / "clients.md", DOCS / "operations.md"
PAGES = [README, ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
TEMPLATE: dict[str, Any] = parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
SOURCES = [*python_files("functions", "layers", "local"), ROOT / "layers/runtime/bootstrap", ROOT / "template.yaml"]

OF_A_PROVIDER = provider_settings.PROVIDER_KEYS.keys() - provider_settings.TIMEOUT_KEYS.keys()
SETTINGS = {
    "Tables": settings.ROOT_KEYS,
    "`[defaults]`": provider_settings.TIMEOUT_KEYS,
    "`retry`": route_settings.RETRY_KEYS,
    "`[providers.<name>]`": {name: provider_settings.PROVIDER_KEYS[name] for name in OF_A_PROVIDER},
    "`[routes]`": route_settings.ROUTE_KEYS | route_settings.TARGET_KEYS,
    "`[secrets]`": settings.SECRET_KEYS,
    "`[ledger]`": settings.LEDGER_KEYS,
    "`[cloudflare]`": settings.CLOUDFLARE_KEYS,
}
PAGES_OF_POLICIES = [README, *(DOCS / f"{name}.md" for name in ("policies", "keys", "guards", "security"))]
PROVIDERS_OF_POLICIES = {"openai": {"kind": "openai", "secret": "a"}, "bedrock": {"kind": "bedrock"}}
ROUTES_OF_POLICIES = dict.fromkeys(("smart", "cheap", "gpt-5-mini"), "openai/gpt-5")  # that examples take as given
NO_DEFAULT = {"required", "none", "by preset", "the function's", "by region", "see below"}
OF_ROUTES = ("`[routes]`",)  # whose timeouts are their providers', unless they say so
KB, MB = 1024, 1024 * 1024
LIMITS = {
    "request body": f"{strict_json.MAX_BODY_BYTES // MB} MB",
    "nesting of the body": f"{strict_json.MAX_DEPTH}",
    "metadata": f"{call_headers.MAX_METADATA_BYTES} bytes, {call_headers.MAX_METADATA_KEYS} keys",
    "one call": f"cut {watch.DEADLINE_MARGIN_SECONDS:g} s before",
    "one event of a stream": f"{sse.MAX_EVENT_BYTES // MB} MB",
    "held before the first event": f"{relay.MAX_HELD_BYTES // KB} KB",
    "held of an answer that does not stream": f"{whole.MAX_WHOLE_BYTES // MB} MB",
    "a compressed answer": f"{upstream.MAX_INFLATED_BYTES // MB} MB, or {upstream.MAX_RATIO} times",
    "an answer that is translated": f"{whole.MAX_TRANSLATED_BYTES // MB} MB",
    "one frame of an event stream": f"{eventstream.MAX_FRAME_BYTES // MB} MB",
    "a quick prompt": f"{bedrock_surface.MAX_PROMPT:,} characters",
    "an error body of the provider": f"{posting.MAX_ERROR_BYTES // KB} KB",
    "model id": f"{selection.MAX_MODEL_LENGTH} characters",
    "steps of a universal request": f"{universal.MAX_STEPS}",
    "models of a request": f"{fallbacks.MAX_MODELS}",
    "models or providers allowed": f"{call_headers.MAX_ALLOWED} of each",
}
DECISION_PARTS = ("Context", "Decision", "Why", "Turned down", "What would change our mind")
# Each word is written so that it does not match itself.
UNFINISHED = re.compile(r"\bTB[D]\b|\bTB[C]\b|lorem ipsu[m]|coming soo[n]|to be writte[n]|\?\?[?]|placeholde[r]", re.I)

PLACES_IN_A_PATH = {"id": "a/b", "operation": "responses", "action": "converse", "region": "us-east-1"}
PLACES_IN_A_PATH |= {"resource": "east", "deployment": "chat"}
A_PATH = re.compile(r"(functions|layers|local|tests|scripts|docs)/[\w./-]+|[\w/]+\.py")
PLACES = (ROOT, ROOT / "functions", ROOT / "functions/sluice")


def first_column(table: Table) -> set[str]:
    return {code for row in table for code in codes(row[0])}


def code_of(markdown: str) -> str:
    """What stands in fences and in backticks."""
    fenced = re.findall(r"^\s*```\w*\n(.*?)^\s*```", markdown, re.MULTILINE | re.DOTALL)
    return "\n".join([*fenced, *codes(re.sub(r"```.*?```", "", markdown, flags=re.DOTALL))])


def anchors(markdown: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(markdown: str) -> list[str]:
    without_code = re.sub(r"```.*?```|`[^`\n]*`", "", markdown, flags=re.DOTALL)
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", without_code) if "://" not in link]


def broken_links(markdown: str, page: Path) -> list[str]:
    broken = []
    for link in links(markdown):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        is_there = target.exists() and (not anchor or anchor in anchors(text(target) if name else markdown))
        broken += [] if is_there else [link]
    return broken


def named_commands(markdown: str) -> set[str]:
    return set(re.findall(r"(?:^|[\s/])sluice ([a-z]+)", code_of(markdown), re.MULTILINE))


def named_targets(markdown: str) -> set[str]:
    return set(re.findall(r"(?:^|[\s`])make ([a-z][a-z-]*)", code_of(markdown), re.MULTILINE))


def default_text(default: object) -> str | None:
    """How a page writes a default; None where it may say that there is none."""
    if default is None or default == {}:
        return None
    return str(default).lower() if isinstance(default, bool) else str(default)


@pytest.mark.parametrize("heading", SETTINGS)
def test_every_setting_is_documented_with_its_default(heading: str) -> None:
    keys = SETTINGS[heading]
    defaults = {} if heading in OF_ROUTES else {**asdict(Timeouts()), **asdict(Retry()), "statuses": None}

    documented = rows(CONFIGURATION, heading)

    assert set(documented) == set(keys)
    for name, key in keys.items():
        said = default_text(defaults.get(name, key.default))
        assert heading == "Tables" or documented[name][1] in ({said} if said else NO_DEFAULT), name


def test_every_kind_of_provider_and_every_key_of_a_price_is_documented() -> None:
    prices = rows(CONFIGURATION, "`[providers.<name>.prices.<model>]`")

    assert set(rows(CONFIGURATION, "`[providers.<name>]`", 1)) == set(provider_settings.KINDS)
    assert set(prices) == {*CLASSES, *LIMIT_NAMES}


def test_every_preset_is_documented_as_it_is() -> None:
    addresses, fields, endpoints = tables(section(text(CONFIGURATION), "Presets"))

    said = {row[0].strip("`"): row[1:] for row in addresses}
    sent = {(preset, codes(field)[0]): codes(name) for field, presets, name in fields for preset in codes(presets)}
    served = {row[0].strip("`"): set(codes(row[1])) for row in endpoints}

    assert list(said) == list(served) == list(PRESETS)
    for name, preset in PRESETS.items():
        quirks, family = preset.quirks, f"`{preset.price_family}`" if preset.price_family else "none"
        needs, done = "required" if preset.needs_secret else "optional", str(quirks.strict_done).lower()
        assert said[name] == [f"`{preset.base_url}`", needs, family, done]
        assert served[name] | {"chat/completions"} == set(quirks.operations or ())
    assert sent == {
        (name, field): [new] for name, one in PRESETS.items() for field, new in one.quirks.renames.items()
    } | {(name, field): [] for name, one in PRESETS.items() for field in one.quirks.drops}


def test_every_example_of_a_configuration_is_accepted() -> None:
    examples = re.findall(r"```toml\n(.*?)```", text(CONFIGURATION), re.DOTALL)

    assert len(examples) >= 4
    for example in examples:
        document = {"providers": {"openai": {"kind": "openai", "secret": "a"}}} | tomllib.loads(example)
        for each in settings.settings(document, {"SLUICE_TABLE": "t"}).providers.values():
            PriceTable.load().with_overrides(each.prices)


def test_every_example_of_a_policy_is_accepted() -> None:
    examples = [example for page in PAGES_OF_POLICIES for example in fenced(text(page), "toml")]

    assert len(examples) >= 10
    for example in examples:
        document = {"routes": ROUTES_OF_POLICIES, **tomllib.loads(example)}
        settings.settings({"providers": PROVIDERS_OF_POLICIES, **document}, {"SLUICE_TABLE": "t"})


def test_every_variable_is_documented() -> None:
    functions = [each["Properties"] for each in TEMPLATE["Resources"].values() if "Handler" in each["Properties"]]
    environments = [each.get("Environment", {}) for each in (TEMPLATE["Globals"]["Function"], *functions)]
    of_template = {name for each in environments for name in each.get("Variables", {})}
    used = {name for path in SOURCES for name in re.findall(r"\bSLUICE_[A-Z_]+", text(path))}

    both = tables(section(text(CONFIGURATION), "Environment variables"))
    documented = {name.removesuffix("<NAME>") for table in both for name in first_column(table)}

    assert {name for name in documented if name.startswith("SLUICE_")} == used
    assert of_template <= first_column(both[0])


def test_every_parameter_and_output_of_the_template_is_documented() -> None:
    documented = rows(CONFIGURATION, "Template parameters")

    assert set(documented) == set(TEMPLATE["Parameters"])
    for name, parameter in TEMPLATE["Parameters"].items():
        allowed = parameter.get("AllowedValues", [])
        bounds = [parameter[key] for key in ("MinValue", "MaxValue") if key in parameter]
        accepted = allowed if len(allowed) < 5 else [min(allowed), max(allowed)]
        assert documented[name][1] == str(parameter["Default"]), name
        assert all(str(value) in documented[name][2] for value in (*accepted, *bounds)), name
    for page in (README, CONFIGURATION):
        assert set(TEMPLATE["Outputs"]) <= set(codes(text(page)))


def test_every_route_is_documented_with_its_method() -> None:
    nothing: Any = None
    calls = Calls(nothing, nothing)
    routes = paths.routes(paths.surfaces(calls, nothing, (), 0, {}, {}), None)
    documented = [(codes(row[0])[0], codes(row[1])[0]) for row in tables(section(text(API), "Paths"))[0]]

    matched = {
        (method, path): route.rule
        for route in routes
        for method, path in documented
        if route.method == method
        and re.fullmatch(route.rule, re.sub(r"\{(\w+)\}", lambda found: PLACES_IN_A_PATH[found[1]], path))
    }

    assert list(matched) == documented
    assert set(matched.values()) == {route.rule for route in routes}
    posted = {path.removeprefix("/v1/").removeprefix("/model/{id}/") for method, path in documented if method == "POST"}
    assert posted >= {*operation.OPERATIONS, *operation.BEDROCK_OPERATIONS}


def test_every_header_that_the_code_knows_is_documented() -> None:
    sources = "".join(text(path) for path in python_files("functions"))
    asked, answered = rows(API, "Request headers"), rows(API, "Response headers")
    forwarded, theirs = rows(API, "Request headers", 1), rows(API, "Request headers", 2)
    twins = rows(API, "Response headers", 1)

    ours = {name for name in (*asked, *answered) if name.startswith("x-sluice-")}
    passed = set(codes(section(text(API), "Response headers")))

    assert ours == set(re.findall(r"x-sluice-[a-z]+(?:-[a-z]+)*", sources))
    assert set(asked) == {*call_headers.NAMES, *cache_headers.NAMES, call_headers.IDEMPOTENCY_KEY, authentication.KEY}
    assert set(theirs) == set(cf_headers.ALIASES)
    assert {name: codes(row[1]) for name, row in twins.items() if codes(row[1])} == {
        name: [same] for name, same in cf_headers.TWINS.items()
    }
    assert set(forwarded) == {*anthropic_surface.HEADERS, *bedrock_surface.HEADERS}
    for provider in (openai, azure, anthropic, bedrock_refusal):
        assert {*provider.PASSED_HEADERS, provider.PASSED_PREFIX} <= passed


def test_every_field_of_a_step_and_every_name_of_cloudflares_is_documented() -> None:
    names, fields = rows(API, "Cloudflare's names"), rows(API, "The universal endpoint")
    configured = {f"config.{name}" for name in step_headers.CONFIG}

    assert set(fields) == {*universal.FIELDS, *configured} - {"config"}
    assert set(names) == set(cloudflare.NAMES)
    for name, api in cloudflare.NAMES.items():
        said = f'preset = "{api.preset}"' if api.preset else f'kind = "{api.kind}"'
        assert codes(names[name][1]) == [said], name


def test_every_field_of_a_request_that_is_read_is_documented() -> None:
    body = section(text(API), "The request body")

    known = set().union(*openai_request.FIELDS.values(), anthropic_surface.FIELDS)

    assert first_column(tables(body)[0]) == known
    assert set(openai_request.STEERING) <= set(codes(body))


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_is_the_one_in_the_code(limit: str) -> None:
    documented = {row[0]: " ".join(row[1:]) for row in tables(section(text(API), "Limits"))[0]}

    assert LIMITS[limit] in documented[limit]


def test_every_field_of_a_record_is_documented() -> None:
    documented = rows(API, "The usage record")

    assert set(documented) == {*FIELDS.values(), "started_at"}
    assert set(codes(documented["attempts"][1])) == set(ATTEMPT_FIELDS.values())


def test_every_key_and_metric_of_the_log_line_is_documented() -> None:
    gateway = Gateway(lambda _: httpx.Response(200, json={"choices": []}))
    gateway.chat()["body"].close()
    gateway.chat("not JSON")
    complete, refused = gateway.telemetry.calls

    assert set(rows(API, "The log line")) == {*complete, "message"}
    assert set(refused) <= set(complete)
    assert set(rows(API, "The log line", 1)) == {"Calls", *(name for name, _, _ in telemetry.METRICS)}


def test_the_readme_shows_a_signed_streaming_call_before_line_20() -> None:
    _, *call = re.split(r"(?m)^```", "\n".join(text(README).splitlines()[:19]))

    assert len(call) == 2
    assert all(word in call[0] for word in ("python\n", "OpenAI(", "FunctionUrlAuth()", "stream=True"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_is_alive(page: Path) -> None:
    written = text(page)
    targets = set(re.findall(r"^([a-z][a-z-]*):", text(ROOT / "Makefile"), re.MULTILINE))

    assert broken_links(written, page) == []
    assert named_targets(written) <= targets
    assert named_commands(written) <= set(COMMANDS)
    assert UNFINISHED.findall(written) == []
    assert [line for line in written.splitlines() if len(line) > 120] == []


def test_every_file_and_test_that_a_page_names_is_there() -> None:
    named = {code for page in PAGES for code in codes(text(page))}
    paths = {code for code in named if A_PATH.fullmatch(code)}
    tests = {code for code in named if re.fullmatch(r"test_[a-z0-9_]+", code)}
    defined = re.findall(r"^\s*(?:async )?def (test_\w+)", "".join(map(text, python_files("tests"))), re.MULTILINE)

    assert [path for path in paths if not any((place / path).exists() for place in PLACES)] == []
    assert tests - set(defined) == set()
    assert len(paths) > 10
    assert len(tests) > 10


def test_every_page_can_be_reached_from_the_readme() -> None:
    indexes = (README, DECISIONS)
    linked = {(page.parent / link.partition("#")[0]).resolve() for page in indexes for link in links(text(page))}

    assert [page.name for page in PAGES[1:] if page not in linked] == []


def test_a_decision_has_a_date_and_says_what_would_change_it() -> None:
    decisions = [page for page in PAGES if page.parent == DECISIONS.parent and page != DECISIONS]

    assert [page.name[:4] for page in decisions] == [f"{number:04d}" for number in range(1, len(decisions) + 1)]
    for page in decisions:
        written = text(page)
        assert re.match(rf"# {page.name[:4]}: .+\n\n\d{{4}}-\d\d-\d\d, (accepted|taken back)\n", written), page.name
        assert all(section(written, part).strip() for part in DECISION_PARTS)


def test_the_changes_name_the_version() -> None:
    project = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]

    assert f"## {project['version']} " in text(ROOT / "CHANGELOG.md")
    assert project["version"] == sluice.VERSION


@pytest.mark.parametrize("picture", sorted(DOCS.glob("*.svg")), ids=lambda path: path.name)
def test_a_picture_has_words_and_a_dark_form(picture: Path) -> None:
    root = ElementTree.fromstring(text(picture))
    names = {element.tag.partition("}")[2] for element in root.iter()}

    assert {"title", "desc"} <= names
    assert "prefers-color-scheme: dark" in text(picture)
    assert not {"script", "image", "foreignObject"} & names


@pytest.mark.parametrize(
    ("markdown", "broken"),
    [
        ("[a](docs/api.md#limits)", []),
        ("[a](docs/api.md#no-such-heading)", ["docs/api.md#no-such-heading"]),
        ("[a](docs/missing.md)", ["docs/missing.md"]),
        ("`[a](docs/missing.md)`", []),
        ("[a](#here)\n\n# Here\n", []),
    ],
)
def test_a_broken_link_is_noticed(markdown: str, broken: list[str]) -> None:
    assert broken_links(markdown, README) == broken


def test_a_missing_or_stale_name_is_noticed() -> None:
    page = "## Keys\n\n| key | default |\n| --- | --- |\n| `a`, `b` | 1 |\n\n## Else\n\n| `c` |\n"

    assert first_column(tables(section(page, "Keys"))[0]) == {"a", "b"}
    assert named_targets("```sh\nmake nothing\n```\nplain make sense, `make it`") == {"nothing", "it"}
    assert named_commands("```sh\n.venv/bin/sluice fly\n```") == {"fly"}
    assert UNFINISHED.search("this is TB" + "D")
    with pytest.raises(AssertionError, match="no heading"):
        section(page, "Missing")
