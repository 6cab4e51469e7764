import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest

from sluice.translation.sealed_thinking import is_whole, sealed, unsealed

SIGNED = {"type": "thinking", "thinking": "Ja, ölig? 😀", "signature": "c2lnbmVk"}
REDACTED = {"type": "redacted_thinking", "data": "aGlkZGVu"}


def packed(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode()


def test_what_is_sealed_is_unsealed_without_its_index() -> None:
    assert unsealed(sealed([{"index": 3, **SIGNED}, REDACTED])) == [SIGNED, REDACTED]


def test_a_seal_names_what_it_holds() -> None:
    assert json.loads(urlsafe_b64decode(sealed([REDACTED]))) == {"thinking_blocks": [REDACTED]}


@pytest.mark.parametrize(
    "content",
    [
        None,
        7,
        "",
        "gAAAAABoxC0dvsKe9_yf1eFtIG4UOjaLmzFt3iGkRB08-5MK5q_cS_HXD3mqYjMc",
        "not base64",
        "é",
        packed([]),
        packed({"thinking_blocks": []}),
        packed({"thinking_blocks": {}}),
        packed({"thinking_blocks": [7]}),
        packed({"thinking_blocks": [{"type": "thinking", "thinking": "unsigned"}]}),
        packed({"thinking_blocks": [{"type": ["thinking"]}]}),
        packed({"thinking_blocks": [{"type": "redacted_thinking", "data": None}]}),
        urlsafe_b64encode(b"[" * 100_000).decode(),
        urlsafe_b64encode(b"\xff").decode(),
    ],
    ids=lambda content: str(content)[:20],
)
def test_what_is_not_ours_is_none(content: Any) -> None:
    assert unsealed(content) is None


@pytest.mark.parametrize("block", [SIGNED, REDACTED])
def test_a_block_is_whole_with_all_that_its_kind_needs(block: dict[str, str]) -> None:
    assert is_whole(block)
    assert not any(is_whole({key: block[key] for key in block if key != left_out}) for left_out in block)
