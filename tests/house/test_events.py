"""events/ is what a person hands to `sam local invoke`: events as Lambda makes them, and where the dev stack is."""

import base64
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.house.repository import ROOT

from sluice import settings
from sluice.stores import aws
from sluice.stores.transitions import transition
from sluice_devstack import ports
from sluice_devstack.event import Arrival, UrlSite, function_url_event, scheduled_event
from sluice_devstack.event_filter import wants
from sluice_devstack.sigv4 import Identity, SignedRequest
from sluice_devstack.template import Template

EVENTS = sorted(path for path in (ROOT / "events").glob("*") if path.name != "env.json")
URL_EVENTS = [path for path in EVENTS if not path.name.startswith(("rollup-", "sweeper-"))]
VALUES: dict[str, dict[str, str]] = json.loads((ROOT / "events" / "env.json").read_text(encoding="utf-8"))
GATEWAY = VALUES["GatewayFunction"]
SITE = UrlSite("123456789012", "us-east-1")
ADDED = ("x-amzn-", "x-forwarded-")
OPERATIONS = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "completions": "/v1/completions",
    "embeddings": "/v1/embeddings",
    "images": "/v1/images/generations",
    "speech": "/v1/audio/speech",
    "models": "/v1/models",
    "openai": "/openai/",
    "messages": "/v1/messages",
    "converse": "/model/",
    "invoke": "/model/",
    "count": "/model/",
    "bedrock": "/bedrock/model/",
    "region": "/aws-bedrock/bedrock-runtime/",
    "prompt": "/api/bedrock/",
    "anthropic": "/anthropic/v1/",
    "azure": "/azure-openai/",
    "compat": "/compat/",
    "universal": "/",
}


def load(path: Path) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return event


def stem(path: Path) -> str:
    return path.stem


def test_every_surface_has_its_events() -> None:
    assert {path.stem.partition("-")[0] for path in EVENTS} == {*OPERATIONS, "path", "rollup", "sweeper"}


@pytest.mark.parametrize("path", EVENTS, ids=stem)
def test_a_name_says_the_route_and_the_case(path: Path) -> None:
    route, _, case = path.stem.partition("-")

    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*\.json", path.name)
    assert case
    assert load(path).get("rawPath", "").startswith(OPERATIONS.get(route, ""))


@pytest.mark.parametrize("path", URL_EVENTS, ids=stem)
def test_an_event_is_what_a_function_url_makes_of_such_a_request(path: Path) -> None:
    event = load(path)
    body = event.get("body", "")
    payload = base64.b64decode(body) if event["isBase64Encoded"] else body.encode()
    context = event["requestContext"]
    headers = [pair for pair in event["headers"].items() if not pair[0].startswith(ADDED)]
    at = datetime.strptime(context["time"], "%d/%b/%Y:%H:%M:%S %z")
    arrival = Arrival(context["requestId"], event["headers"]["x-amzn-trace-id"], context["http"]["sourceIp"], at)
    iam = context.get("authorizer", {}).get("iam")
    caller = Identity(iam["accessKey"], "", iam["userArn"], iam["accountId"], iam["userId"]) if iam else None

    request = SignedRequest(context["http"]["method"], event["rawPath"], event["rawQueryString"], headers, payload)
    made = function_url_event(SITE, request, arrival, caller)

    either = {"body", "isBase64Encoded"} if event["isBase64Encoded"] else set()  # Lambda may choose base64 for any body
    assert {key: value for key, value in made.items() if key not in either} == {
        key: value for key, value in event.items() if key not in either
    }


def test_the_tick_is_what_a_schedule_sends() -> None:
    event = load(ROOT / "events" / "sweeper-schedule.json")
    made = scheduled_event(SITE, "any", event["time"])

    given = {"id", "resources"}
    assert {**event, **dict.fromkeys(given)} == {**made, **dict.fromkeys(given)}


def test_the_stream_tells_of_a_call_that_was_settled_and_of_one_that_was_abandoned() -> None:
    records = load(ROOT / "events" / "rollup-batch.json")["Records"]
    steps = [transition(record) for record in records]
    stream = Template.load(ROOT).function("RollupFunction").stream

    assert stream
    assert [step.after["st"] for step in steps if step] == ["S", "A"]
    assert all(wants(stream.patterns, record) for record in records)
    assert {record["eventSourceARN"].split("/")[1] for record in records} == {stream.table}


def test_no_event_holds_a_signature_or_a_key() -> None:
    assert [path.name for path in EVENTS if re.search(r'"authorization"|sk-|secret', path.read_text("utf-8"))] == []


def test_the_gateway_reads_every_variable_that_leads_to_the_dev_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    read = settings.load(GATEWAY, ROOT / "functions" / "gateway.toml")
    for name, value in {**GATEWAY, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "fake"}.items():
        monkeypatch.setenv(name, value)
    session = aws.new_session()
    endpoints = {
        f"AWS_ENDPOINT_URL_{service.upper()}": session.create_client(
            service.replace("_", ""), region_name="us-east-1"
        ).meta.endpoint_url
        for service in ("dynamodb", "secrets_manager")
    }

    assert {
        "SLUICE_TABLE": read.table,
        "SLUICE_PROVIDER_URL_OPENAI": read.providers["openai"].base_url,
        "SLUICE_PROVIDER_URL_BEDROCK": read.providers["bedrock"].base_url,
        **endpoints,
    } == GATEWAY


def test_each_function_gets_the_part_of_them_that_it_reads() -> None:
    sweeper = {name: GATEWAY[name] for name in ("SLUICE_TABLE", "AWS_ENDPOINT_URL_DYNAMODB")}

    assert {"GatewayFunction": GATEWAY, "RollupFunction": sweeper, "SweeperFunction": sweeper} == VALUES
    assert GATEWAY["SLUICE_TABLE"] == Template.load(ROOT).table().name


def test_the_ports_are_those_of_sluice_dev() -> None:
    places = {name: urlsplit(value) for name, value in GATEWAY.items() if name != "SLUICE_TABLE"}

    assert {place.hostname for place in places.values()} == {"localhost"}
    assert {name: place.port for name, place in places.items()} == {
        "SLUICE_PROVIDER_URL_OPENAI": ports.PROVIDER_PORT,
        "SLUICE_PROVIDER_URL_BEDROCK": ports.BEDROCK_PORT,
        "AWS_ENDPOINT_URL_DYNAMODB": ports.AWS_PORT,
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": ports.AWS_PORT,
    }
