"""`sluice prove` as a process, in front of it a whole dev stack; and a plain pipe, which it has to find out."""

import json
from typing import Any

import pytest
from tests.e2e.rig import defect_of_the_build
from tests.e2e.running import run
from tests.peers import node_pipe, sluice_stack
from tests.peers.peer import Upstream
from tests.peers.process import free_port

import node_packages
from sluice_devstack.stack import DevStack

TIMEOUT_SECONDS = 3.0
WAITS = ("--timeout", "3", "--stall", "10")
DEVELOPER = {"AWS_ACCESS_KEY_ID": DevStack.access_key_id, "AWS_SECRET_ACCESS_KEY": DevStack.secret_access_key}
SIGNED = {**DEVELOPER, "AWS_REGION": DevStack.region}
QUICK = (
    "ok",
    "f-refused",
    "f-503",
    "f-redirect",
    "f-trunc",
    "f-rst",
    "f-401",
    "f-hdrleak",
    "b-ok",
    "b-trunc",
    "b-flip",
)
AS_CONFIGURED = (
    *("--sigv4", "--model-prefix", "prove/", "--bedrock-prefix", "bedrock/", "--refused-model", "closed/f-refused"),
)

needs_node = pytest.mark.skipif(bool(node_packages.missing()), reason=f"the pipe needs it: {node_packages.missing()}")


def rows(words: tuple[str, ...], faults: tuple[str, ...], **variables: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and the rows by their faults."""
    chosen = [word for fault in faults for word in ("--fault", fault)]
    done = run("prove", "--json", *WAITS, *words, *chosen, variables=variables)
    assert done.stdout, done.stderr
    return done.returncode, {row["fault"]: row for row in json.loads(done.stdout)["rows"]}


@pytest.mark.slow
def test_the_whole_gateway_is_honest_on_the_wire() -> None:
    if defect := defect_of_the_build():
        pytest.fail(defect)
    port = free_port()

    with sluice_stack.started(Upstream(port), TIMEOUT_SECONDS) as place:
        code, found = rows(("--url", place.url, "--listen", str(port), *AS_CONFIGURED), QUICK, **SIGNED)

    assert {fault: row["verdict"] for fault, row in found.items()} == dict.fromkeys(QUICK, "honest")
    assert found["f-trunc"]["came_out"] == "200, part of the text, error upstream_stream_truncated"
    assert code == 0


@needs_node
def test_a_plain_pipe_is_found_out() -> None:
    port = free_port()

    with node_pipe.started(Upstream(port), TIMEOUT_SECONDS) as place:
        code, found = rows(("--url", place.url, "--listen", str(port)), ("ok", "f-trunc", "f-rst", "f-401", "f-dns"))

    assert {fault: row["verdict"] for fault, row in found.items()} == {
        "ok": "honest",
        "f-dns": "skipped",
        "f-rst": "honest",
        "f-trunc": "lying",
        "f-401": "leaking",
    }
    assert code == 1
