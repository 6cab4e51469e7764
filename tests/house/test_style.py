"""The house rules that a machine can read: shape, names, errors, the outside world."""

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from tests.house.repository import ROOT, files, imports, name, python_files, tree

FILE_LINES = 400
FUNCTION_LINES = 60
HOMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "models", "env"}
DROPPED_BY_SAM = {"env", "venv", "ENV"}

# Where a failure of any kind must not end what is going on, and why. Re-raising what was caught needs no entry.
MAY_CATCH_ALL = {
    "functions/sluice/surfaces/application.py": "the application boundary: the caller gets a 500 in the surface's shape",
    "functions/sluice/early.py": "what the opening thread raised is raised again by who waits for it",
    "functions/sluice/whole.py": "the boundary of an answer that is not a stream of events, as relay.py is of one",
    "functions/sluice/relay.py": "the boundary of a stream: a defect ends it in band, as any other failure does",
    "layers/runtime/streaming_runtime/fault.py": "the text of a foreign exception may fail too",
    "layers/runtime/streaming_runtime/response.py": "the runtime's boundary: what the iterator raises becomes trailers",
    "layers/runtime/streaming_runtime/polling.py": "what a thread's poll raises is raised again by who waits for it",
    "local/sluice_devstack/http1.py": "a defect of the emulator ends one connection, not the server",
    "tests/fakes/raw_provider.py": "the failure of a server thread is handed to the test",
}

MAY_READ_THE_ENVIRONMENT = {
    "functions/sluice/settings.py": "the one reader of the gateway",
    "functions/rollup.py": "an entry point with few variables, without the gateway's settings",
    "functions/sweeper.py": "an entry point with one variable, without the gateway's settings",
}

# Each pattern is written so that it does not match itself.
NEVER_WRITTEN = {
    "a package registry": r"py[p]i\.org|python[h]osted|registry\.np[m]js|deb\.de[b]ian",
    "a path of one machine": r"/wor[k]/|/tm[p]/(bash|probe|sluice|kit)|/roo[t]/|/hom[e]/[a-z]|/User[s]/",
    "session tooling": r"before-sto[p]|DEVELOPER[S]\.md|CONTRAC[T]\.md|issues sho[w]|shared/hook[s]",
    "an unfinished thought": r"\bTOD[O]\b|\bFIXM[E]\b|\bXX[X]\b|\bHAC[K]\b",
}
NOT_OURS = {"LICENSE"}


def text_files() -> list[Path]:
    return [path for path in files() if b"\0" not in path.read_bytes()[:8192] and name(path) not in NOT_OURS]


def long_functions(module: ast.Module) -> list[str]:
    functions = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [node.name for node in functions if (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES]


def catches_all(handler: ast.ExceptHandler) -> bool:
    """Catches every exception and does not end by raising it again."""
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {None if kind is None else ast.unparse(kind) for kind in caught}
    last = handler.body[-1]
    raised_again = isinstance(last, ast.Raise) and last.exc is None
    return bool(names & {None, "Exception", "BaseException"}) and not raised_again


def catch_alls(module: ast.Module) -> list[int]:
    handlers = [node for node in ast.walk(module) if isinstance(node, ast.ExceptHandler)]
    return [handler.lineno for handler in handlers if catches_all(handler)]


def bare_excepts(module: ast.Module) -> list[int]:
    return [node.lineno for node in ast.walk(module) if isinstance(node, ast.ExceptHandler) and node.type is None]


def patches(module: ast.Module) -> list[str]:
    """unittest.mock's patch, by import or by attribute, and pytest-mock's fixture."""
    found = [each for each in imports(module) if re.match(r"unittest\.mock\.patch\b|mock\b|pytest_mock\b", each)]
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and re.search(r"\bmock\.patch\b", ast.unparse(node)):
            found.append(ast.unparse(node))
        if isinstance(node, ast.arg) and node.arg == "mocker":
            found.append("mocker")
    return found


def complaints(rule: Callable[[ast.Module], Sequence[object]]) -> dict[str, Sequence[object]]:
    """What the rule finds, by file."""
    found = {name(path): rule(tree(path)) for path in python_files()}
    return {path: what for path, what in found.items() if what}


def written(text: str) -> Iterator[str]:
    for what, pattern in NEVER_WRITTEN.items():
        yield from (f"{what}: {match.group()}" for match in re.finditer(pattern, text))


def test_a_file_holds_one_noun_in_bounds() -> None:
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files()}

    assert {path: lines for path, lines in lengths.items() if lines > FILE_LINES} == {}
    assert complaints(long_functions) == {}


def test_a_module_says_what_it_is_for() -> None:
    modules = {path: tree(path) for path in python_files() if not path.name.startswith("test_")}

    assert [name(path) for path, module in modules.items() if module.body and not ast.get_docstring(module)] == []


def test_a_file_catches_what_it_knows() -> None:
    assert complaints(bare_excepts) == {}
    assert set(complaints(catch_alls)) == set(MAY_CATCH_ALL)


def test_everything_is_handed_its_tools_and_nothing_is_patched() -> None:
    assert complaints(patches) == {}


def test_every_noun_has_a_home() -> None:
    homeless = [name(path) for path in files() if path.suffix == ".py" and path.stem in HOMELESS]
    folders = [name(path) for path in files() if (HOMELESS | DROPPED_BY_SAM) & set(path.relative_to(ROOT).parts[:-1])]

    assert homeless + folders == []


def test_only_settings_reads_the_environment() -> None:
    readers = {
        name(path)
        for path in python_files("functions")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv"}
    }

    assert readers == set(MAY_READ_THE_ENVIRONMENT)


def test_a_file_names_no_registry_no_machine_and_no_tool_of_its_writers() -> None:
    found = {name(path): list(written(path.read_text(encoding="utf-8"))) for path in text_files()}

    assert {path: words for path, words in found.items() if words} == {}


@pytest.mark.parametrize(
    "text",
    [
        "https://" + "pypi" + ".org/simple",
        "see /" + "work/shared",
        "#!/" + "home/someone/bin/python",
        "# TO" + "DO: later",
        "run issues " + "show 2",
    ],
)
def test_a_forbidden_word_is_found(text: str) -> None:
    assert list(written(text)) != []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("except Exception:\n    pass", True),
        ("except:\n    pass", True),
        ("except (OSError, BaseException) as error:\n    print(error)", True),
        ("except Exception:\n    close()\n    raise", False),
        ("except OSError:\n    pass", False),
        ("except Exception as error:\n    raise Worse from error", True),
    ],
)
def test_a_handler_for_everything_is_found(source: str, found: bool) -> None:
    module = ast.parse(f"try:\n    go()\n{source}")

    assert bool(catch_alls(module)) is found


@pytest.mark.parametrize(
    "source",
    [
        "from unittest.mock import patch",
        "from unittest import mock\n\nmock.patch('a.b')",
        "import unittest.mock\n\nunittest.mock.patch.object(a, 'b')",
        "def test(mocker): ...",
    ],
)
def test_a_patch_is_found(source: str) -> None:
    assert patches(ast.parse(source)) != []


def test_a_long_function_is_found() -> None:
    body = "    pass\n" * FUNCTION_LINES

    assert long_functions(ast.parse(f"def long():\n{body}")) == ["long"]
