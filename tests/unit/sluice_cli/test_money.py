import pytest

from sluice_cli.money import exact_dollars, short_dollars


@pytest.mark.parametrize(
    ("nano_dollars", "exact", "short"),
    [
        (None, "$?", "$?"),
        (0, "$0.000000000", "$0.000000"),
        (1, "$0.000000001", "$0.000000001"),
        (999, "$0.000000999", "$0.000000999"),
        (1_500, "$0.000001500", "$0.000002"),
        (32_850, "$0.000032850", "$0.000033"),
        (999_999_499, "$0.999999499", "$0.999999"),
        (999_999_500, "$0.999999500", "$1.000000"),
        (12_345_678_901_234_567, "$12345678.901234567", "$12345678.901235"),
    ],
)
def test_nano_dollars_are_dollars_to_the_last_digit(nano_dollars: int | None, exact: str, short: str) -> None:
    assert (exact_dollars(nano_dollars), short_dollars(nano_dollars)) == (exact, short)
