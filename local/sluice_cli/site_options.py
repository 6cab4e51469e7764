"""How a command is told which gateway or which ledger: --stack, or --url and --table, or --env-file."""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sluice_cli.arguments import Parser
from sluice_cli.failure import UsageError
from sluice_cli.site import Site, Sources

PLACE = "Reads the table of --stack or --table, else of SLUICE_TABLE, else of a running dev stack."


def add_table_options(parser: Parser) -> None:
    add = parser.add_argument
    add("--stack", metavar="NAME", help="a deployed stack: its outputs say where the table is")
    add("--table", help="the ledger's table: the TableName output of a deployment")
    add("--region", help="the table's region, where AWS_REGION does not say it")
    add("--env-file", type=Path, metavar="FILE", help="the env file of a `sluice dev`")


def add_url_options(parser: Parser) -> None:
    add = parser.add_argument
    add("--stack", metavar="NAME", help="a deployed stack: its outputs say where the gateway is")
    add("--url", help="the gateway's URL; AWS credentials as everywhere: AWS_PROFILE, variables, SSO")
    add("--region", help="the stack's region; with --url the one to sign for, where the URL does not name it")
    add("--env-file", type=Path, metavar="FILE", help="the env file of a `sluice dev`")


def url_site(
    stack: str | None, url: str | None, env_file: Path | None, region: str | None, environ: Mapping[str, str]
) -> Site:
    """The site whose URL is to be called."""
    if stack is None:
        site = Sources(environ, env_file).by_url(url)
        return replace(site, region=region or site.region)
    for name, value in {"--url": url, "--env-file": env_file}.items():
        if value is not None:
            raise UsageError(f"--stack says where the gateway is; leave out {name}, or --stack")
    from sluice_cli.deployment import cloudformation, deployment  # boto3 takes a while

    return deployment(cloudformation(region, environ), stack).site


def table_site(options: argparse.Namespace, environ: Mapping[str, str]) -> Site:
    """The site whose table is to be read."""
    if options.stack is None:
        return Sources(environ, options.env_file).by_table(options.table, options.region)
    for name in ("table", "env_file"):
        if getattr(options, name) is not None:
            raise UsageError(f"--stack says where the table is; leave out --{name.replace('_', '-')}, or --stack")
    from sluice_cli.deployment import cloudformation, deployment

    return deployment(cloudformation(options.region, environ), options.stack).site
