"""The ports that events/env.json names are those of a `sluice dev`, unless others have them."""

import socket
from argparse import Namespace

import pytest
from tests.e2e.rig import defect_of_the_build
from tests.unit.sluice_cli.screens import Shown

from sluice_cli.commands import dev
from sluice_devstack import DevStack, StackOptions, ports


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.mark.parametrize(
    ("typed", "expected"),
    [([], (ports.AWS_PORT, ports.PROVIDER_PORT, ports.BEDROCK_PORT)), (["--port", "0"], (0, 0, 0))],
)
def test_sluice_dev_asks_for_them_unless_any_port_will_do(typed: list[str], expected: tuple[int, int, int]) -> None:
    options = dev.parser().parse_args(typed)

    made = dev._stack_options(dev.Options(**vars(Namespace(**vars(options)))), Shown().terminal)

    assert (made.aws_port, made.provider_port, made.bedrock_port) == expected


def test_a_stack_stands_where_it_is_told_and_says_where_it_cannot() -> None:
    if defect := defect_of_the_build():
        pytest.fail(defect)
    said: list[str] = []
    free = free_port()

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = StackOptions(aws_port=free, provider_port=port, echo=said.append, sweeper_seconds=None)
        with DevStack(options) as stack:
            aws, provider = stack.secrets_url, stack.simulated_url

    assert aws == f"http://127.0.0.1:{free}"
    assert provider != f"http://127.0.0.1:{port}/v1"
    assert any(f"port {port} is taken" in line and "events/env.json" in line for line in said)
