"""Words of Python that deployed code has no business with: code from text, objects from bytes, programs, blind TLS."""

import ast
from collections.abc import Callable, Iterator
from typing import NamedTuple

BUILTINS = {"eval", "exec"}
MODULES = {
    "pickle",
    "_pickle",
    "marshal",
    "shelve",
    "dill",
    "cloudpickle",
    "subprocess",
    "_posixsubprocess",
    "pty",
    "yaml",
}
FUNCTIONS = {
    "os.system",
    "os.popen",
    *(f"os.exec{form}" for form in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")),
    *(f"os.spawn{form}" for form in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")),
    "os.posix_spawn",
    "os.posix_spawnp",
    "ssl._create_unverified_context",
}
NAMES_OF_OS = {function.removeprefix("os.") for function in FUNCTIONS if function.startswith("os.")}
OPEN_TLS = {"CERT_NONE"}
# What may lead to the same by another road. Libraries have their reasons for these; our own code has none.
DETOURS = {"__import__", "compile"}
DETOUR_MODULES = {"importlib", "runpy", "ctypes", "multiprocessing", "code", "codeop", "imp"}
DETOUR_ATTRIBUTES = {"fork", "forkpty", "create_subprocess_exec", "create_subprocess_shell", "__import__"}
FALSE_IS_BLIND = {"verify", "verify_ssl", "check_hostname"}


class Danger(NamedTuple):
    """What was found and in which line."""

    what: str
    line: int


def dangers(module: ast.AST) -> Iterator[Danger]:
    """Every use of such a word, called or not: a name that is passed on is as good as a call."""
    for node in ast.walk(module):
        rule = RULES.get(type(node))
        for what in rule(node) if rule else ():
            yield Danger(what, getattr(node, "lineno", 0))


def detours(module: ast.AST) -> Iterator[Danger]:
    """Every use of a word that our own code must not have either."""
    for node in ast.walk(module):
        for what in _detours(node):
            yield Danger(what, getattr(node, "lineno", 0))


def _detours(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and node.id in DETOURS:
        yield node.id
    elif isinstance(node, ast.Attribute) and node.attr in DETOUR_ATTRIBUTES:
        yield node.attr
    elif isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in DETOUR_MODULES)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        names = {alias.name for alias in node.names} & DETOUR_ATTRIBUTES
        yield from {(node.module or "").partition(".")[0]} & DETOUR_MODULES | names
    elif isinstance(node, ast.Assign) and not _is_required(node.value):
        attributes = (target.attr for target in node.targets if isinstance(target, ast.Attribute))
        yield from (attribute for attribute in attributes if attribute == "verify_mode")


def _is_required(value: ast.expr) -> bool:
    return ast.unparse(value).endswith("CERT_REQUIRED")


def _name(node: ast.Name) -> Iterator[str]:
    if node.id in BUILTINS or node.id in OPEN_TLS:
        yield node.id


def _attribute(node: ast.Attribute) -> Iterator[str]:
    whole = ast.unparse(node)
    if whole in FUNCTIONS:
        yield whole
    if node.attr in OPEN_TLS:
        yield node.attr
    if isinstance(node.value, ast.Name) and node.value.id in {"builtins", "__builtins__"} and node.attr in BUILTINS:
        yield node.attr


def _import(node: ast.Import) -> Iterator[str]:
    yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in MODULES)


def _import_from(node: ast.ImportFrom) -> Iterator[str]:
    module = node.module or ""
    if not node.level and module.partition(".")[0] in MODULES:
        yield module
    if module == "os":
        yield from (f"os.{alias.name}" for alias in node.names if alias.name in NAMES_OF_OS)


def _keyword(node: ast.keyword) -> Iterator[str]:
    if node.arg in FALSE_IS_BLIND and _is_false(node.value):
        yield f"{node.arg}=False"


def _assignment(node: ast.Assign) -> Iterator[str]:
    for target in node.targets:
        if isinstance(target, ast.Attribute) and target.attr in FALSE_IS_BLIND and _is_false(node.value):
            yield f"{target.attr}=False"


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


RULES: dict[type[ast.AST], Callable[..., Iterator[str]]] = {
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.keyword: _keyword,
    ast.Assign: _assignment,
}
