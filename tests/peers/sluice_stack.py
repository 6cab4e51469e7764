"""Sluice itself, as deployed: the dev stack, its function URL called with signatures."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers.peer import DEAD_URLS, KEY, Peer, PeerAbsent, Place, Upstream

from sluice_cli import host_build
from sluice_cli.site import FixedCredentials
from sluice_cli.version import version
from sluice_client import FunctionUrlAuth
from sluice_devstack.stack import ROOT, DevStack, StackError, StackOptions
from sluice_prove.catalogue import Target

SECRET = "sluice/prove"
CHAT, BEDROCK = "prove", "bedrock"
NAMES = {Target.CLOSED_PORT: "closed", Target.NO_HOST: "nowhere"}
MODELS = {Target.CHAT: CHAT, Target.BEDROCK: BEDROCK, **NAMES}
BEDROCK_VARIABLE = "SLUICE_PROVIDER_URL_BEDROCK"  # the dev stack sends Bedrock to its own simulation otherwise


def configuration(upstream: Upstream, timeout_seconds: float) -> str:
    waits = [f"{name}_timeout_seconds = {timeout_seconds:g}" for name in ("first_byte", "idle")]
    urls = {CHAT: upstream.url, **{NAMES[target]: url for target, url in DEAD_URLS.items()}}
    tables = [table(name, url) for name, url in urls.items()]
    bedrock = "\n".join([f"[providers.{BEDROCK}]", 'kind = "bedrock"', waits[1]])
    return "\n\n".join(["\n".join(["[defaults]", *waits]), *tables, bedrock, ""])


def table(name: str, url: str) -> str:
    values = {"kind": "compatible", "base_url": url, "secret": SECRET}
    return "\n".join([f"[providers.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())])


@contextmanager
def started(upstream: Upstream, timeout_seconds: float) -> Iterator[Place]:
    if host_build.is_missing(ROOT):
        raise PeerAbsent(f"build/host is not there; {host_build.MAKE}")
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "gateway.toml"
        config.write_text(configuration(upstream, timeout_seconds), encoding="utf-8")
        options = StackOptions(
            config=config,
            secrets={SECRET: {"api_key": KEY}},
            environment_variables={BEDROCK_VARIABLE: upstream.address},
            sweeper_seconds=None,
        )
        try:
            with DevStack(options) as stack:
                yield place(stack)
        except StackError as error:
            raise PeerAbsent(f"does not start: {str(error).splitlines()[-1]}") from error


def place(stack: DevStack) -> Place:
    credentials = FixedCredentials(stack.access_key_id, stack.secret_access_key)
    models = {target: f"{name}/{{fault}}" for target, name in MODELS.items()}
    return Place(f"{stack.url}/v1", models, auth=FunctionUrlAuth(stack.region, credentials))


PEER = Peer("Sluice", version, started)
