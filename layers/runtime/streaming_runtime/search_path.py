"""sys.path as the managed runtime's own bootstrap script arranges it, with this layer always ahead of the runtime.

Front first: the function's code, this layer's folders, the interpreter's packages, the runtime's folder, the rest.
Claims: facts/platform.md, section 4. One difference: the managed script leaves the layers and their .pth files out when
PYTHONPATH is set, as wrappers set it; then the runtime's awslambdaric, of any version, could win over the pinned one.
"""

import os
import site
import sys


def arrange(layer: str) -> None:
    """Orders sys.path around `layer`, the folder that holds this package. Its and the function's .pth files run."""
    packages = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    own = [os.environ.get("LAMBDA_TASK_ROOT") or os.getcwd(), f"{layer}/{packages}", layer]
    # The script's own folder stands in front: our modules must not be importable under their bare names.
    rest = [folder for folder in sys.path if folder not in (layer, f"{layer}/streaming_runtime")]
    sys.path[:] = [*own, *runtime_folders(f"{sys.prefix}/{packages}"), *rest]
    for folder in filter(has_path_files, own):
        site.addsitedir(folder)


def runtime_folders(interpreter_packages: str) -> list[str]:
    """What the runtime brings: its folder and, unless PYTHONPATH is set, the interpreter's packages ahead of it."""
    runtime = os.environ.get("LAMBDA_RUNTIME_DIR")
    if runtime is None:
        return []
    if "PYTHONPATH" in os.environ:
        return [runtime]
    os.environ["PYTHONPATH"] = runtime  # the function's subprocesses look for the SDK there
    return [interpreter_packages, runtime]


def has_path_files(folder: str) -> bool:
    """site.addsitedir walks the whole of sys.path first: one listing saves that where there is no .pth file."""
    try:
        return any(name.endswith(".pth") for name in os.listdir(folder))
    except OSError:
        return False
