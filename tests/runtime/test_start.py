"""How an environment starts: the exec wrapper, the search path, the loop that is chosen, and how it ends."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from tests.runtime.conftest import Start
from tests.runtime.runtime_api import RuntimeApi

SERVING = """
    def handler(event, context):
        return {"statusCode": 200, "body": iter([b"served"])}
"""

PATHS = """
    import json, os, sys

    def handler(event, context):
        names = ("awslambdaric", "simplejson", "runtime_client", "streaming_runtime")
        return {
            "path": sys.path,
            "pythonpath": os.environ.get("PYTHONPATH"),
            "files": {name: sys.modules[name].__file__ for name in names},
            "argv": sys.argv,
        }
"""


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def result(api: RuntimeApi, event: object = None) -> dict[str, object]:
    answer: dict[str, object] = json.loads(api.whole(f"/{api.invoke(event)}/response")["body"])
    return answer


def paths(api: RuntimeApi) -> list[str]:
    found = result(api)["path"]
    assert isinstance(found, list)
    return found


def test_the_search_path_is_that_of_the_managed_runtime(
    start: Start, api: RuntimeApi, opt: Path, tmp_path: Path
) -> None:
    start(PATHS, environ={"LAMBDA_RUNTIME_DIR": str(tmp_path / "var-runtime")})
    packages = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"

    found = result(api)

    assert isinstance(found["path"], list)
    assert found["path"][:5] == [
        str(tmp_path / "task"),
        f"{opt}/python/{packages}",
        f"{opt}/python",
        f"{sys.prefix}/{packages}",
        str(tmp_path / "var-runtime"),
    ]
    assert str(opt / "python" / "streaming_runtime") not in found["path"]
    assert found["pythonpath"] == str(tmp_path / "var-runtime")


def test_the_layer_comes_before_a_pythonpath_that_holds_another_client(
    start: Start, api: RuntimeApi, opt: Path, tmp_path: Path
) -> None:
    (tmp_path / "lang" / "awslambdaric").mkdir(parents=True)
    (tmp_path / "lang" / "awslambdaric" / "__init__.py").write_text("raise ImportError('the wrong one')")
    start(PATHS, environ={"PYTHONPATH": str(tmp_path / "lang")})

    found = result(api)

    assert isinstance(found["path"], list)
    assert found["path"].index(f"{opt}/python") < found["path"].index(str(tmp_path / "lang"))
    assert found["pythonpath"] == str(tmp_path / "lang")
    assert isinstance(found["files"], dict)
    assert all(file.startswith(f"{opt}/python/") for file in found["files"].values())


def test_path_files_beside_the_function_count(start: Start, api: RuntimeApi, tmp_path: Path) -> None:
    (tmp_path / "task" / "vendored").mkdir(parents=True)
    (tmp_path / "task" / "vendored.pth").write_text("vendored\n")
    start(PATHS)

    assert str(tmp_path / "task" / "vendored") in paths(api)


def test_the_function_comes_first(start: Start, api: RuntimeApi, tmp_path: Path) -> None:
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "snapshot_restore_py.py").write_text("SHADOW = True")
    start("""
        import snapshot_restore_py

        def handler(event, context):
            return {"shadowed": snapshot_restore_py.SHADOW}
    """)

    assert result(api) == {"shadowed": True}


def test_another_wrapper_may_go_first_and_choose_the_handler(start: Start, api: RuntimeApi, tmp_path: Path) -> None:
    """As /opt/otel-instrument does: it sets PYTHONPATH and _HANDLER, then runs what it was given."""
    (tmp_path / "instrumentation").mkdir()
    (tmp_path / "instrumentation" / "wrapped.py").write_text(
        "import os, app\n"
        "def handler(event, context):\n"
        "    return {'original': os.environ['ORIG_HANDLER'], 'result': app.handler(event, context)['argv']}\n"
    )
    other = script(
        tmp_path / "other wrapper",
        f'export PYTHONPATH="{tmp_path}/instrumentation:$PYTHONPATH"\n'
        'export ORIG_HANDLER="$_HANDLER" _HANDLER=wrapped.handler\n'
        f'printf "%s\\n" "$#" "$@" > "{tmp_path}/arguments"\n'
        'exec "$@"',
    )
    start(PATHS, environ={"SLUICE_NEXT_WRAPPER": str(other)})

    found = result(api)

    assert found["original"] == "app.handler"
    count, interpreter, ours = (tmp_path / "arguments").read_text().splitlines()
    assert (count, interpreter) == ("2", sys.executable)
    assert ours.endswith("/python/streaming_runtime/__main__.py")
    assert found["result"] == [ours]


def test_descriptors_and_the_process_id_survive_the_wrappers(start: Start, api: RuntimeApi) -> None:
    environment = start("""
        import os

        def handler(event, context):
            return {"pid": os.getpid()}
    """)

    assert result(api) == {"pid": environment.process.pid}


@pytest.mark.fault("L14")
@pytest.mark.parametrize(
    ("source", "error_type"),
    [
        pytest.param("import no_such_module", "Runtime.ImportModuleError", id="missing import"),
        pytest.param("def handler(:", "Runtime.UserCodeSyntaxError", id="syntax"),
        pytest.param("other = 1", "Runtime.HandlerNotFound", id="no handler"),
        pytest.param("raise KeyError('SLUICE_TABLE')", "KeyError", id="bad configuration"),
    ],
)
def test_a_function_that_does_not_load_is_an_init_error(
    start: Start, api: RuntimeApi, source: str, error_type: str
) -> None:
    environment = start(source)

    error = api.whole("/runtime/init/error")

    assert json.loads(error["body"])["errorType"] == error_type
    assert error["headers"]["lambda-runtime-function-error-type"] == error_type
    assert environment.exit_code() == 1
    assert "next" not in api.kinds()


@pytest.mark.fault("L14")
def test_a_layer_of_another_interpreter_says_so(start: Start, api: RuntimeApi, tmp_path: Path) -> None:
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "runtime_client.py").write_text("raise ImportError('no native part for this interpreter')")
    environment = start(SERVING)

    error = json.loads(api.whole("/runtime/init/error")["body"])

    assert error["errorType"] == "Runtime.LayerMismatch"
    assert f"not built for this interpreter: {sys.implementation.cache_tag}" in error["errorMessage"]
    assert environment.exit_code() == 1


@pytest.mark.fault("L03")
def test_an_idle_environment_ends_at_once_at_sigterm(start: Start, api: RuntimeApi) -> None:
    environment = start(SERVING)
    api.event("next")

    assert environment.terminate() == -signal.SIGTERM


@pytest.mark.fault("L03")
def test_an_environment_that_is_idle_again_ends_at_once_too(start: Start, api: RuntimeApi) -> None:
    environment = start(SERVING)
    assert api.stream(api.invoke()).body == [b"served"]
    api.event("next")
    api.event("next")

    assert environment.terminate() == -signal.SIGTERM


@pytest.mark.fault("L03")
def test_sigterm_in_the_middle_of_a_stream_closes_its_body(start: Start, api: RuntimeApi) -> None:
    environment = start("""
        import signal

        def handler(event, context):
            def body():
                try:
                    yield b"begun"
                    signal.pause()
                finally:
                    print("settled", flush=True)
            return {"statusCode": 200, "body": body()}
    """)
    request_id = api.invoke()
    assert [api.chunk(request_id), api.chunk(request_id)][1] == b"begun"

    assert environment.terminate() == 0
    assert "settled" in environment.log
    assert "end" not in api.kinds()


def test_a_handler_for_sigterm_runs_while_idle(start: Start, api: RuntimeApi) -> None:
    environment = start(
        """
        import signal, sys

        def leave(number, frame):
            print("settled", flush=True)
            sys.exit(0)

        signal.signal(signal.SIGTERM, leave)
        """,
        SERVING,
    )
    api.event("next")

    assert environment.terminate() == 0
    assert "settled" in environment.log


def test_leaving_in_the_middle_of_a_stream_lets_go_of_its_body(start: Start, api: RuntimeApi) -> None:
    environment = start("""
        import signal, sys

        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))

        def handler(event, context):
            def body():
                try:
                    yield b"begun"
                    signal.pause()
                finally:
                    print("settled", flush=True)
            return {"statusCode": 200, "body": body()}
    """)
    request_id = api.invoke()
    assert [api.chunk(request_id), api.chunk(request_id)][1] == b"begun"

    assert environment.terminate() == 0
    assert "settled" in environment.log
    assert "end" not in api.kinds()


def test_the_trace_id_reaches_the_handler(start: Start, api: RuntimeApi) -> None:
    start("""
        import os

        def handler(event, context):
            return {"statusCode": 200, "body": os.environ["_X_AMZN_TRACE_ID"]}
    """)

    response = api.stream(api.invoke(headers={"Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"}))

    assert response.body == [b"Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"]


def test_snapshot_hooks_run_around_the_restore(start: Start, api: RuntimeApi) -> None:
    environment = start(
        """
        from snapshot_restore_py import register_after_restore, register_before_snapshot
        register_before_snapshot(print, "before", flush=True)
        register_after_restore(print, "after", flush=True)
        """,
        SERVING,
        environ={"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"},
    )

    assert api.whole("/runtime/restore/next")["method"] == "GET"
    assert api.stream(api.invoke()).body == [b"served"]
    assert environment.log.split() == ["before", "after"]


def test_workers_of_a_managed_instance_stream_side_by_side(start: Start, api: RuntimeApi, tmp_path: Path) -> None:
    """Each of two streams waits for a byte of the other, so neither could end alone."""
    for name in ("left", "right"):
        os.mkfifo(tmp_path / name)
    environment = start(
        """
        import os

        def handler(event, context):
            def body():
                yield b"begun"
                mine, other = (os.open(name, os.O_RDWR) for name in event)
                os.write(other, b"x")
                yield os.read(mine, 1)
            return {"statusCode": 200, "body": body()}
        """,
        environ={"AWS_LAMBDA_MAX_CONCURRENCY": "2", "AWS_LAMBDA_LOG_FORMAT": "JSON"},
    )
    left, right = str(tmp_path / "left"), str(tmp_path / "right")

    responses = [api.invoke([left, right]), api.invoke([right, left])]

    assert [api.stream(request_id).body for request_id in responses] == [[b"begun", b"x"]] * 2
    environment.terminate()
