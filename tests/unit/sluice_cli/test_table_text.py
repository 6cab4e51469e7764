import pytest

from sluice_cli.table_text import Column, columns_of, cut, table

COLUMNS = (Column("name", is_number=False), Column("calls"), Column("extra", rank=2), Column("cost", rank=1))
ROWS = [["arn:aws:iam::123456789012:role/Developers", "12", "7,000", "$1.5"], ["ann", "3", "1", "$0.25"]]


def test_without_a_width_there_is_room_for_all() -> None:
    made = table(COLUMNS, ROWS)

    assert made.left_out == []
    assert made.lines == [
        "name                                       calls  extra   cost",
        "arn:aws:iam::123456789012:role/Developers     12  7,000   $1.5",
        "ann                                            3      1  $0.25",
    ]


def test_a_text_gives_way_before_a_number_and_keeps_both_its_ends() -> None:
    made = table(COLUMNS, ROWS, 50)

    assert made.left_out == []
    assert all(columns_of(line) <= 50 for line in made.lines)
    assert made.lines[1].startswith("arn:aws:iam::")
    assert "…" in made.lines[1]
    assert "/Developers " in made.lines[1]


@pytest.mark.parametrize(("width", "left_out"), [(33, []), (32, ["extra"]), (26, ["extra"]), (25, ["extra", "cost"])])
def test_what_says_least_goes_first(width: int, left_out: list[str]) -> None:
    made = table(COLUMNS, ROWS, width)

    assert made.left_out == left_out
    assert all(columns_of(line) <= width for line in made.lines)


def test_what_must_stay_stays_even_where_it_does_not_fit() -> None:
    made = table(COLUMNS, ROWS, 5)

    assert made.lines[0].split() == ["name", "calls"]


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("short", 5, "short"),
        ("abcdefghij", 5, "ab…ij"),
        ("abcdefghij", 6, "abc…ij"),
        ("水門水門", 8, "水門水門"),
        ("水門水門", 7, "水門…門"),
    ],
)
def test_a_text_is_cut_by_what_it_takes_on_the_screen(text: str, width: int, shown: str) -> None:
    assert cut(text, width) == shown
    assert columns_of(shown) <= width


def test_a_combining_mark_takes_no_room() -> None:
    assert columns_of("e\N{COMBINING ACUTE ACCENT}") == 1
