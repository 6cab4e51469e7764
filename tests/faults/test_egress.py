"""Egress (I10): what the gateway reaches is what its configuration names, and the hooks that hold it see all else."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import egress
from tests.canaries import KEY, canary
from tests.e2e.provider import Provider, document, provider, stream
from tests.e2e.rig import MESSAGES, Rig, compatible, rig
from tests.e2e.watched import WRAPPER
from tests.environment_hook import MARK
from tests.house.repository import ROOT

ELSEWHERE = "192.0.2.1"  # of RFC 5737: nobody's
OTHER_KEY = canary("sk-fake-other-")
STOP = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
METADATA = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"
STEERING = {"api_base": METADATA, "base_url": METADATA, "api_key": "sk-fake-theirs", "user_config": {"url": METADATA}}
PLACES: dict[str, dict[str, Any]] = {
    "of a message": {"messages": [{**MESSAGES[0], **STEERING}]},
    "of a part": {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi", **STEERING}]}]},
    "of a tool": {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"properties": STEERING}}}]},
    "of metadata": {"metadata": {name: json.dumps(value) for name, value in STEERING.items()}},
    "of a schema": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"x": {"y": STEERING}}}}
    },
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def other() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def site(upstream: Provider, other: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Two providers with a key each; the rig's own watch fails what any environment does beyond them."""
    providers = {
        "test": compatible(upstream.url, secret="sluice/test"),
        "other": compatible(other.url, secret="sluice/other"),
    }
    secrets = {"sluice/other": {"api_key": OTHER_KEY}}
    with rig(tmp_path_factory.mktemp("egress"), providers, secrets=secrets, environments=1) as running:
        yield running


@pytest.mark.fault("I10")
def test_each_key_goes_to_its_own_provider_alone(site: Rig, upstream: Provider, other: Provider) -> None:
    for name, each in (("test", upstream), ("other", other)):
        each.play("any", stream(STOP))
        for _ in range(3):
            assert site.ask(f"{name}/any").status == 200

    assert {asked.headers["authorization"] for asked in upstream.asked_for("any")} == {f"Bearer {KEY}"}
    assert {asked.headers["authorization"] for asked in other.asked_for("any")} == {f"Bearer {OTHER_KEY}"}


@pytest.mark.fault("I10")
@pytest.mark.fault("R07")
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_url_inside_a_request_is_content_and_nothing_else(
    place: dict[str, Any], site: Rig, upstream: Provider, other: Provider
) -> None:
    upstream.play("steered", stream(STOP))
    connections = other.connections

    answer = site.ask("test/steered", **place)

    asked = upstream.asked_for("steered")[-1]
    assert answer.status == 200
    assert asked.body["model"] == "steered"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["host"] == upstream.url.split("/")[2]
    assert other.connections == connections


@pytest.mark.fault("I10")
@pytest.mark.fault("U14")
@pytest.mark.fault("A09")
@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize(
    "location", [METADATA, "http://[fd00:ec2::254]/latest/", "gopher://127.0.0.1:25/", "\\\\host\\a"]
)
def test_a_redirect_to_what_is_inside_leads_nowhere(status: int, location: str, site: Rig, upstream: Provider) -> None:
    upstream.play("inside", document(b"", status, (f"location: {location}",)))

    answer = site.ask(f"test/inside+{len(upstream.asked)}")

    assert (answer.status, answer.error["code"]) == (502, "upstream_protocol")
    assert "location" not in answer.headers


@pytest.mark.fault("I10")
@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("socket.connect", (None, (ELSEWHERE, 443))),
        ("socket.connect", (None, ("169.254.169.254", 80))),
        ("socket.connect", (None, ("::ffff:8.8.8.8", 443, 0, 0))),
        ("socket.connect", (None, ("api.openai.com", 443))),
        ("socket.sendto", (None, ("8.8.8.8", 53))),
        ("socket.bind", (None, ("0.0.0.0", 8080))),
        ("socket.getaddrinfo", ("api.openai.com", 443, 0, 0, 0)),
        ("socket.gethostbyname", (b"example.com",)),
        ("socket.getnameinfo", ((ELSEWHERE, 443),)),
    ],
    ids=str,
)
def test_what_leaves_this_machine_is_refused_and_noted(event: str, arguments: tuple[Any, ...]) -> None:
    guard = egress.Guard()
    guard.is_watching = True

    with pytest.raises(egress.EgressRefused):
        guard(event, arguments)

    assert guard.taken() == [f"{event} {egress.host_of(event, arguments)}"]
    assert guard.taken() == []


@pytest.mark.fault("I10")
@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("socket.connect", (None, ("127.0.0.1", 443))),
        ("socket.connect", (None, ("::1", 443, 0, 0))),
        ("socket.connect", (None, "/run/a.sock")),
        ("socket.bind", (None, ("127.0.0.1", 0))),
        ("socket.getaddrinfo", ("localhost", 80, 0, 0, 0)),
        ("socket.getaddrinfo", ("no-such-host.invalid", 80, 0, 0, 0)),
        ("socket.getaddrinfo", (None, 80, 0, 0, 0)),
        ("open", ("/etc/hosts", "r", 0)),
    ],
    ids=str,
)
def test_what_stays_on_this_machine_is_let_through(event: str, arguments: tuple[Any, ...]) -> None:
    guard = egress.Guard()
    guard.is_watching = True

    guard(event, arguments)

    assert guard.taken() == []


LEAVING = f"""
import contextlib, socket

def test_leaves_and_hides_it():
    with contextlib.suppress(Exception), socket.socket() as leaving:
        leaving.connect(("{ELSEWHERE}", 443))
"""


@pytest.mark.fault("I10")
def test_a_test_that_leaves_this_machine_fails_even_if_it_hides_it(tmp_path: Path) -> None:
    (tmp_path / "test_leaving.py").write_text(LEAVING, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.egress", "-c", os.devnull, str(tmp_path)]
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}

    ran = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)

    assert ran.returncode == 1, ran.stdout
    assert f"left this machine, or tried to: ['socket.connect {ELSEWHERE}']" in ran.stdout


OFFENCES = {
    "a connection": (f"socket.socket().connect(('{ELSEWHERE}', 443))", f"socket.connect {ELSEWHERE}"),
    "a look-up": ("socket.getaddrinfo('example.com', 80)", "socket.getaddrinfo example.com"),
    "a file": ("open('residue', 'w').close()", "open residue"),
    "a process": ("subprocess.run(['true'])", "subprocess.Popen"),
}


@pytest.mark.fault("I10")
@pytest.mark.fault("P06")
@pytest.mark.parametrize(("statement", "told"), OFFENCES.values(), ids=OFFENCES)
def test_an_environment_that_does_what_it_must_not_is_told(statement: str, told: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(f"import contextlib, socket, subprocess\nwith contextlib.suppress(OSError):\n    {statement}\n")

    ran = subprocess.run(
        [WRAPPER, sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=20, check=True
    )

    assert [line for line in ran.stderr.splitlines() if line.startswith(MARK)] == [f"{MARK} {told}"]


@pytest.mark.fault("P06")
def test_environments_run_under_the_hook_and_leave_no_residue(site: Rig, upstream: Provider) -> None:
    upstream.play("watched", stream(STOP))

    answer = site.ask("test/watched")

    pid = site.call(answer.request_id).environment_pid
    command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    assert any(part.endswith("environment_hook.py") for part in command)
    log = [line for environment in site.stack.environments for line in environment.output]
    assert [line for line in log if MARK in line] == []
