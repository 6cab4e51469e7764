"""What stands for Lambda's machine: the folders of build/host, and this machine's own Python.

Claims: facts/platform.md, section 4. Nothing of the developer's environment is passed on but PATH and LD_LIBRARY_PATH.
"""

import os
import sys
from pathlib import Path

from sluice_devstack.template import FunctionSettings


def host_command(host: Path, function: FunctionSettings) -> list[str]:
    """How the managed runtime starts a function: through AWS_LAMBDA_EXEC_WRAPPER if it has one, else with awslambdaric.

    The interpreter is this machine's base one, since a virtual environment's packages are not on Lambda either.
    """
    interpreter = str(getattr(sys, "_base_executable", sys.executable))
    wrapper = function.variables.get("AWS_LAMBDA_EXEC_WRAPPER")
    if wrapper is None:
        return [interpreter, "-m", "awslambdaric", function.handler]
    return [_in_host(host, wrapper), interpreter, "/var/runtime/bootstrap.py"]


def _in_host(host: Path, path: str) -> str:
    """A layer's file by the path that it has on Lambda."""
    return str(host / "opt" / path.removeprefix("/opt/")) if path.startswith("/opt/") else path


def host_variables(host: Path, region: str, name: str, function: FunctionSettings) -> dict[str, str]:
    """The environment variables that Lambda sets, as far as they make sense here, and then the function's own."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    # Our own bootstrap finds the layers by itself, as the managed one does.
    layers = [] if "AWS_LAMBDA_EXEC_WRAPPER" in function.variables else [str(host / "opt" / "python")]
    variables = {
        "_HANDLER": function.handler,
        "AWS_ACCESS_KEY_ID": "ASIAEXAMPLESLUICEROLE",
        "AWS_SECRET_ACCESS_KEY": "fake-secret-of-the-function-role",
        "AWS_SESSION_TOKEN": "fake-session-token-of-the-function-role",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{version}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        # The SDK must not find the developer's own profile.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": str(host / "task"),
        "LANG": "en_US.UTF-8",
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONNOUSERSITE": "1",
        "PYTHONPATH": os.pathsep.join([*layers, str(host / "lang")]),
        "TZ": ":UTC",
    }
    if "LD_LIBRARY_PATH" in os.environ:  # some interpreters do not find their own library without it
        variables["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    return variables | function.variables
