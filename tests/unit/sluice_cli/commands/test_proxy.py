import pytest
from tests.unit.sluice_cli.screens import Shown

from sluice_cli.__main__ import main
from sluice_cli.commands import dev, proxy
from sluice_devstack.ports import AWS_PORT, PROVIDER_PORT


@pytest.mark.parametrize(
    ("words", "environ", "complaint"),
    [
        (["--url", "ftp://x"], {}, "sluice proxy: 'ftp://x' is no URL of a gateway; "),
        (["--allow-origin", "*"], {}, "sluice proxy: argument --allow-origin: '*' is no origin; use one such as "),
        (["--allow-origin", "null"], {}, "sluice proxy: argument --allow-origin: 'null' is no origin; "),
        (["--port", "x"], {}, "sluice proxy: argument --port: 'x' is no port; "),
        (
            [],
            {"SLUICE_URL": "http://gateway.example"},
            "sluice proxy: http://gateway.example would send prompts in the",
        ),
    ],
)
def test_wrong_usage_is_one_line(words: list[str], environ: dict[str, str], complaint: str) -> None:
    shown = Shown(environ)

    assert main(["proxy", *words], shown.terminal) == 2
    assert shown.complained.startswith(complaint)
    assert shown.complained.count("\n") == 1


def test_it_has_a_port_of_its_own_beside_a_dev_stack() -> None:
    assert proxy.DEFAULT_PORT not in (dev.DEFAULT_PORT, AWS_PORT, PROVIDER_PORT)
