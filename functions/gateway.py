"""The data plane: every call of the function URL."""

from pathlib import Path

from sluice.wiring import build

handler = build(Path(__file__).with_name("gateway.toml"))
