"""Environments as Lambda has them: one call each, killed at the deadline, replaced when they die, never left behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import h11
import pytest
from tests.integration.devstack.caller import Caller
from tests.integration.devstack.conftest import OpenFront
from tests.integration.devstack.front import Front
from tests.integration.devstack.puppet import PRELUDE, Puppet, Stage, chunk

ROOT = Path(__file__).resolve().parents[3]


def served(caller: Caller, puppet: Puppet, text: bytes) -> bytes:
    """Sends a call on `caller`, has the waiting puppet answer it, and returns what arrived."""
    caller.send_signed("GET", "/")
    puppet.answer(text)
    assert caller.head().status_code == 200
    return caller.body()


def begun(stage: Stage, caller: Caller) -> Puppet:
    """A new puppet in the middle of a stream to `caller`."""
    caller.send_signed("GET", "/")
    puppet = stage.enter()
    puppet.ask_next()
    puppet.begin(puppet.handed())
    puppet.send(chunk(PRELUDE) + chunk(b"half"))
    caller.head()
    assert caller.chunk() == b"half"
    return puppet


def ready(stage: Stage) -> Puppet:
    puppet = stage.enter()
    puppet.ask_next()
    return puppet


def test_calls_one_after_the_other_share_an_environment(front: Front, stage: Stage) -> None:
    with front.caller() as caller:
        caller.send_signed("GET", "/")
        puppet = ready(stage)
        puppet.answer(b"first")
        caller.head()
        caller.body()

        for text in (b"%d" % number for number in range(20)):
            assert served(caller, puppet, text) == text

    assert len(front.environments) == 1
    assert {call.environment_pid for call in front.calls} == {front.environments[0].pid}


def test_overlapping_calls_start_a_second_environment(front: Front, stage: Stage) -> None:
    with front.caller() as one, front.caller() as other:
        first = begun(stage, one)
        second = begun(stage, other)

        assert len({environment.pid for environment in front.environments}) == 2
        for puppet, caller in ((first, one), (second, other)):
            puppet.end()
            assert caller.chunk() is None


def test_beyond_the_cap_calls_wait_their_turn_in_order(open_front: OpenFront, stage: Stage) -> None:
    front = open_front(environments=1)
    with ExitStack() as exits:
        callers = [exits.enter_context(front.caller()) for _ in range(3)]
        puppet = begun(stage, callers[0])
        for number, caller in enumerate(callers[1:]):
            caller.send_signed("GET", f"/{number}")
            # the function URL has read the call when it answers a later one, which it does before any environment
            with front.caller() as unsigned:
                unsigned.send("GET", "/", {})
                assert unsigned.head().status_code == 403

        puppet.end()
        puppet.ask_next()
        paths = [puppet.answer(b"turn").event["rawPath"] for _ in range(2)]

        assert paths == ["/0", "/1"]
        assert len(front.environments) == 1


def test_a_stream_is_cut_at_the_deadline_and_the_environment_replaced(open_front: OpenFront, stage: Stage) -> None:
    front = open_front(timeout_seconds=1)
    with front.caller() as caller:
        puppet = begun(stage, caller)

        with pytest.raises(h11.RemoteProtocolError):
            caller.chunk()
        puppet.wait_for_death()

    assert str(front.calls[0].error) == "Sandbox.Timeout: Task timed out after 1.00 seconds"
    with front.caller() as caller:
        caller.send_signed("GET", "/")
        ready(stage).answer(b"the new one")
        assert caller.head().status_code == 200


def test_a_deadline_without_a_response_is_a_502(open_front: OpenFront, stage: Stage) -> None:
    front = open_front(timeout_seconds=0.5)
    with front.caller() as caller:
        caller.send_signed("GET", "/")
        puppet = ready(stage)

        assert caller.head().status_code == 502
        puppet.wait_for_death()


def test_the_deadline_holds_until_the_runtime_asks_for_the_next_call(open_front: OpenFront, stage: Stage) -> None:
    front = open_front(timeout_seconds=1, environments=1)
    with front.caller() as caller:
        puppet = begun(stage, caller)
        puppet.end()
        assert caller.chunk() is None

        caller.send_signed("GET", "/")
        puppet.wait_for_death()

        ready(stage).answer(b"the new one")
        assert caller.head().status_code == 200
    assert [call.error for call in front.calls] == [None, None]


def test_the_deadline_holds_also_while_the_caller_does_not_read(open_front: OpenFront, stage: Stage) -> None:
    front = open_front(timeout_seconds=1)
    with front.caller() as caller:
        puppet = begun(stage, caller)

        puppet._order("flood", "post", chunk(b"x" * 65_536), 640)
        puppet.wait_for_death()

    assert front.wait_for_calls(1)[0].error is not None


@pytest.mark.fault("L04")
def test_a_killed_environment_cuts_its_stream_and_the_next_call_is_served(front: Front, stage: Stage) -> None:
    with front.caller() as caller:
        puppet = begun(stage, caller)

        front.environments[0].kill()

        with pytest.raises(h11.RemoteProtocolError):
            caller.chunk()
        puppet.wait_for_death()
        assert "Runtime.ExitError" in str(front.calls[0].error)

    with front.caller() as caller:
        caller.send_signed("GET", "/")
        ready(stage).answer(b"another")
        assert caller.head().status_code == 200


def test_what_was_sent_before_death_still_arrives(front: Front, stage: Stage) -> None:
    with front.caller() as caller:
        puppet = begun(stage, caller)

        puppet.send(chunk(b"last words") + chunk(b"x" * 100_000))
        puppet.die()

        assert caller.chunk() == b"last words"
        assert caller.everything() == (b"x" * 100_000, "cut")


def test_an_environment_that_died_while_idle_is_replaced(front: Front, stage: Stage) -> None:
    with front.caller() as caller:
        caller.send_signed("GET", "/")
        puppet = ready(stage)
        puppet.answer(b"first")
        caller.head()
        caller.body()

        puppet.die()
        puppet.wait_for_death()

        caller.send_signed("GET", "/")
        ready(stage).answer(b"second")
        caller.head()
        assert caller.body() == b"second"


@pytest.mark.parametrize(("code", "reason"), [(3, "exit status 3"), (0, "it ended by itself")])
def test_an_exit_before_the_response_is_a_502(front: Front, stage: Stage, code: int, reason: str) -> None:
    with front.caller() as caller:
        caller.send_signed("GET", "/")
        puppet = ready(stage)
        puppet.handed()

        puppet.leave(code)

        assert caller.head().status_code == 502
        assert str(front.calls[0].error) == f"Runtime.ExitError: Runtime exited with error: {reason}"


@pytest.mark.fault("L14")
def test_an_exit_before_the_first_next_is_a_502_and_its_output_is_told(front: Front, stage: Stage) -> None:
    with front.caller() as caller:
        caller.send_signed("GET", "/")
        puppet = stage.enter()
        puppet.print("ModuleNotFoundError: no module named app\n")
        puppet.leave(1)

        assert caller.head().status_code == 502
        assert front.init_failures[0].output == ["ModuleNotFoundError: no module named app"]
        assert front.environments == []


@pytest.mark.fault("L14")
def test_an_init_error_is_a_502_and_its_reason_is_told(front: Front, stage: Stage) -> None:
    error = b'{"errorType":"Runtime.ImportModuleError","errorMessage":"Unable to import module app"}'
    with front.caller() as caller:
        caller.send_signed("GET", "/")
        puppet = stage.enter()
        assert puppet.post("init/error", {}, error).status == 202
        puppet.leave(1)

        assert caller.head().status_code == 502
        assert str(front.init_failures[0].error) == "Runtime.ImportModuleError: Unable to import module app"


def test_a_command_that_does_not_exist_is_an_init_failure(open_front: OpenFront) -> None:
    front = open_front(command=["/nonexistent/bootstrap"])
    with front.caller() as caller:
        caller.send_signed("GET", "/")

        assert caller.head().status_code == 502
        assert front.init_failures[0].error.error_type == "Runtime.InvalidEntrypoint"


def test_output_is_captured_line_by_line(front: Front, stage: Stage) -> None:
    with front.caller() as caller:
        caller.send_signed("GET", "/")
        puppet = stage.enter()

        puppet.print("one\ntw")
        puppet.print("o\n" + "long" * 25_000 + "\n")
        front.wait(lambda: len(front.lines) == 3)

        assert front.lines == ["one", "two", "long" * 25_000]
        assert front.environments[0].output == front.lines


def test_nothing_of_the_developers_environment_is_passed_on(open_front: OpenFront, stage: Stage) -> None:
    front = open_front(variables={**stage.variables, "OWN": "1"})
    with front.caller() as caller:
        caller.send_signed("GET", "/")
        environ = stage.enter().environ()

    assert set(environ) - {"LC_CTYPE"} == {"PUPPET_PORT", "OWN", "AWS_LAMBDA_RUNTIME_API"}


def test_closing_the_front_ends_calls_and_processes_and_frees_the_port(open_front: OpenFront, stage: Stage) -> None:
    front = open_front()
    with front.caller() as caller, front.caller() as idle:
        puppet = begun(stage, caller)
        pid = front.environments[0].pid
        guardian = front.guardian.pid

        front.__exit__(None, None, None)

        puppet.wait_for_death()
        for ended in (pid, guardian):
            with pytest.raises(ProcessLookupError):
                os.kill(ended, 0)
        with pytest.raises(h11.RemoteProtocolError):
            caller.chunk()
        assert idle.socket.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", urlsplit(front.url).port or 0))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_environments_do_not_outlive_a_stack_that_is_killed(stage: Stage, number: signal.Signals) -> None:
    script = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "local")!r}]
from tests.integration.devstack.front import Front, FrontOptions
with Front(FrontOptions({stage.command!r}, {stage.variables!r})) as front:
    with front.caller() as caller:
        caller.send_signed("GET", "/")
        caller.head()
"""
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL, start_new_session=True) as keeper:
        puppet = ready(stage)
        puppet.handed()

        keeper.send_signal(number)

        puppet.wait_for_death()
        keeper.wait(10)


def test_an_invocation_that_nobody_waits_for_any_more_is_no_defect(front: Front, stage: Stage) -> None:
    waiting = front.loop.submit(front.function.invoke({"a": 1}))
    puppet = ready(stage)
    assert puppet.handed().event == {"a": 1}

    waiting.cancel()
    puppet.die()
    puppet.wait_for_death()
    front.__exit__(None, None, None)

    assert front.defects == []


def test_what_an_environment_started_ends_with_it(front: Front, stage: Stage) -> None:
    with front.caller() as caller:
        caller.send_signed("GET", "/")
        puppet = ready(stage)
        puppet.handed()
        grandchild = int(puppet.do("spawn"))

        puppet.die()

        assert caller.head().status_code == 502
        wait_until_gone(grandchild)


def wait_until_gone(pid: int) -> None:
    """An orphan is reaped by init: until then it is a zombie, which is gone enough."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state == "Z":
            return
        time.sleep(0.01)
    pytest.fail(f"process {pid} is still there")
