"""Nano-dollars as dollars, in integers all the way. A cost that is not known is a question mark, never 0."""

NANO = 1_000_000_000
UNKNOWN = "$?"


def exact_dollars(nano_dollars: int | None) -> str:
    """All nine decimals."""
    if nano_dollars is None:
        return UNKNOWN
    return f"${nano_dollars // NANO}.{nano_dollars % NANO:09d}"


def short_dollars(nano_dollars: int | None) -> str:
    """Six decimals, rounded half up; all nine for less than a millionth of a dollar."""
    if nano_dollars is None or 0 < nano_dollars < 1000:
        return exact_dollars(nano_dollars)
    return exact_dollars((nano_dollars + 500) // 1000 * 1000)[:-3]
