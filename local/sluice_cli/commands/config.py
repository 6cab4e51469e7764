"""`sluice config check`: whether the gateway would start with a gateway.toml, and what it would serve."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from sluice_cli import host_build
from sluice_cli.arguments import Parser, existing_file
from sluice_cli.failure import CommandFailed, UsageError
from sluice_cli.judgement import ROOT, Judgement, judged
from sluice_cli.terminal import Screen, Terminal
from sluice_cli.waiting import Waiting

PLACES = ("gateway.toml", "functions/gateway.toml")
SHOWN_MODELS = 6
FIELDS = ("kind", "preset", "base_url", "region", "endpoint", "secret")
OF_TARGETS = ("base_model", "api")


def parser() -> Parser:
    made = Parser(
        "config",
        "Starts the gateway once with a gateway.toml, on this machine and without a deployment. Says which providers,\n"
        f"routes and models it would serve, or what is wrong. Without FILE: {' or '.join(PLACES)} of this folder.",
        "sluice config check gateway.toml",
    )
    add = made.add_argument
    add("action", nargs="?", choices=("check",), metavar="check", help="the one thing to do")
    add("file", nargs="?", type=existing_file, metavar="FILE", help="the configuration to check")
    add("--json", action="store_true", help="one document: valid, error, providers, routes, models")
    return made


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    if options.action is None:
        raise UsageError("say what to do: `sluice config check`")
    path = options.file or found_in(Path())
    if path is None:
        raise UsageError(f"no {' or '.join(PLACES)} in this folder; name the FILE")
    warn_of_old_build(terminal)
    with Waiting(terminal.error, f"starting the gateway with {path}"):
        judgement = judged(path)
    if options.json:
        terminal.out.line(json.dumps(document(judgement)))
    elif judgement.error:
        raise CommandFailed(f"{path}: {judgement.error}")
    else:
        terminal.out.line(text(judgement, terminal.out))
    return 1 if judgement.error else 0


def found_in(folder: Path) -> Path | None:
    """The configuration of a working folder."""
    return next((folder / place for place in PLACES if (folder / place).is_file()), None)


def warn_of_old_build(terminal: Terminal) -> None:
    if not host_build.is_missing(ROOT) and (old := host_build.outdated(ROOT)):
        terminal.error.line(f"{old} is not in build/host as it is now: asking what is there; {host_build.MAKE} again")


def document(judgement: Judgement) -> dict[str, object]:
    return {
        "file": str(judgement.path),
        "valid": not judgement.error,
        "error": judgement.error or None,
        "providers": {name: _told(entry) for name, entry in judgement.providers.items()},
        "routes": judgement.routes,
        "models": list(judgement.models),
    }


def text(judgement: Judgement, screen: Screen) -> str:
    width = max(map(len, [*judgement.providers, *judgement.routes]))
    lines = [f"{judgement.path} is {screen.paint('valid', 'green')}", screen.paint("providers", "bold")]
    for name, entry in judgement.providers.items():
        told = ", ".join(f"{field} {value}" for field, value in _told(entry).items())
        lines += [f"  {name:{width}}  {told}", f"  {'':{width}}  {_models(judgement.models_of(name))}"]
    lines += [screen.paint("routes", "bold")] if judgement.routes else []
    lines += [f"  {name:{width}}  {_target(target)}" for name, target in judgement.targets.items()]
    return "\n".join(lines)


def _target(target: Mapping[str, str]) -> str:
    return ", ".join([target["model"], *(f"{field} {target[field]}" for field in OF_TARGETS if field in target)])


def _told(entry: object) -> dict[str, str]:
    return {field: str(entry[field]) for field in FIELDS if field in entry} if isinstance(entry, dict) else {}


def _models(names: list[str]) -> str:
    if not names:
        return "any model by provider/model; none is listed"
    shown = ", ".join(name.partition("/")[2] for name in names[:SHOWN_MODELS])
    return f"{len(names)} models: {shown}{', ...' if len(names) > SHOWN_MODELS else ''}"
