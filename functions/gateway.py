"""The data plane: every call of the function URL."""

import gc
from pathlib import Path

gc.disable()  # what is loaded now stays for good: looking through it for garbage costs a tenth of the start

from sluice.wiring import build  # noqa: E402

handler = build(Path(__file__).with_name("gateway.toml"))

gc.freeze()
gc.enable()
