"""The caller's own name of a call: what it may be, and what is said of one that it may not."""

import pytest

from sluice.domain.errors import InvalidRequest
from sluice.surfaces.call_headers import idempotency_key


def test_a_call_needs_no_name() -> None:
    assert idempotency_key({"content-type": "application/json"}) is None


@pytest.mark.parametrize("key", ["a", "order 7", '~!"#\\', "0" * 255, "stainless-retry-6b1ed9c4"])
def test_a_name_is_of_printable_ascii(key: str) -> None:
    assert idempotency_key({"idempotency-key": key}) == key


@pytest.mark.parametrize(
    "key", ["", "0" * 256, "caf\u00e9", "\ud800", "a\tb", "a\x7f", "a\0", "\U0001f511"], ids=range(8)
)
def test_any_other_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        idempotency_key({"idempotency-key": key})

    assert refused.value.message == "idempotency-key: want 1 to 255 printable ASCII characters"
