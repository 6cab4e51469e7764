"""`sluice connect`: a program that calls this gateway, ready to paste or to pipe."""

import argparse
import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sluice_cli import environment_file
from sluice_cli.arguments import Parser
from sluice_cli.failure import UsageError
from sluice_cli.recipe import RECIPES, Place, Recipe
from sluice_cli.site import Sources
from sluice_cli.terminal import Screen, Terminal
from sluice_client.function_url import default_session, session_region, url_region

MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]*")
QUOTED = re.compile(r"[\"'\\\s$`]")


@dataclass(frozen=True, slots=True)
class Options:
    """What was typed."""

    client: str | None
    url: str | None
    stack: str | None
    env_file: Path | None
    region: str | None
    model: str | None


def parser() -> Parser:
    made = Parser(
        "connect",
        "Prints a program that streams an answer from the gateway of --stack or --url, else of SLUICE_URL, else of a\n"
        "running dev stack. Without a client it lists them. What it prints runs as it is, given AWS credentials.",
        "sluice connect curl --stack sluice-dev | sh",
    )
    add = made.add_argument
    add("client", nargs="?", metavar="CLIENT", help=f"one of: {', '.join(RECIPES)}")
    add("--stack", metavar="NAME", help="the CloudFormation stack whose outputs name the gateway")
    add("--url", help="the gateway's URL")
    add("--env-file", type=Path, metavar="FILE", help="the env file of a `sluice dev`")
    add("--region", help="the stack's region; with --url the one to sign for, where the URL does not name it")
    add("--model", help="a route, or provider/model; on Bedrock's own API its id (default: the program's)")
    return made


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    chosen = Options(**vars(options))
    if chosen.client is None:
        terminal.out.line(listing(terminal.out))
        return 0
    recipe = _recipe(chosen.client)
    terminal.out.write(recipe.at(_place(chosen, terminal)))
    return 0


def listing(screen: Screen) -> str:
    """The clients, one per line, and how to use what is printed."""
    rows = [f"  {screen.paint(f'{name:13}', 'bold')} {recipe.client}" for name, recipe in RECIPES.items()]
    pipes = [f"  sluice connect {name} | {RECIPES[name].command}" for name in ("curl", "python")]
    return "\n".join(["sluice connect CLIENT prints a program for it:", *rows, "", "or runs it at once:", *pipes])


def _recipe(name: str) -> Recipe:
    if name not in RECIPES:
        close = difflib.get_close_matches(name, RECIPES, 1)
        right = f"did you mean {close[0]}?" if close else f"clients: {', '.join(RECIPES)}"
        raise UsageError(f"unknown client {name!r}; {right}")
    return RECIPES[name]


def _place(chosen: Options, terminal: Terminal) -> Place:
    if chosen.model is not None and not MODEL.fullmatch(chosen.model):
        raise UsageError(f"--model: {chosen.model!r} is no model; use a route, or provider/model")
    for option, value in (("--url", chosen.url), ("--env-file", chosen.env_file)):
        if chosen.stack and value is not None:
            raise UsageError(f"--stack says where the gateway is; leave out {option}, or --stack")
    url = _stack_url(chosen, terminal) if chosen.stack else chosen.url
    site = Sources(terminal.environ, chosen.env_file).by_url(url)
    url = site.needed_url
    if QUOTED.search(url):
        raise UsageError(f"{url!r} is no URL of a gateway; https://<id>.lambda-url.<region>.on.aws is one")
    env_file = (chosen.env_file or environment_file.DEFAULT).absolute() if site.credentials else None
    return Place(url, _region(chosen.region or site.region, url), chosen.model, env_file)


def _stack_url(chosen: Options, terminal: Terminal) -> str:
    from sluice_cli import deployment  # boto3 takes a while

    client = deployment.cloudformation(chosen.region, terminal.environ)
    return deployment.function_url(client, str(chosen.stack))


def _region(named: str | None, url: str) -> str:
    """The function URL's own is the right one, whatever else is set."""
    region = url_region(urlsplit(url).hostname or "") or named or session_region(default_session())
    if not region:
        raise UsageError(f"{url} names no region to sign for; set AWS_REGION or use --region")
    return region
