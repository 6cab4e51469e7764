import pytest
from tests.unit.sluice_cli.screens import Stream

from sluice_cli.terminal import Screen, printable, program_name


def test_a_terminal_gets_colour() -> None:
    assert Screen(Stream(is_terminal=True), {}).paint("ok", "green") == "\x1b[32mok\x1b[0m"


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_that_wants_none_gets_no_colour(environ: dict[str, str]) -> None:
    assert Screen(Stream(is_terminal=True), environ).paint("ok", "green") == "ok"


def test_an_empty_no_color_does_not_count() -> None:
    assert Screen(Stream(is_terminal=True), {"NO_COLOR": ""}).has_colour


def test_a_file_gets_neither_colour_nor_blocks() -> None:
    screen = Screen(Stream(), {})

    assert (screen.paint("ok", "green"), screen.has_blocks) == ("ok", False)


def test_an_answer_cannot_steer_the_terminal_of_its_reader() -> None:
    hostile = "a\x1b]0;title\x07b\x9b31m\r\n\tc"

    assert Screen(Stream(is_terminal=True), {}).foreign(hostile) == "a�]0;title�b�31m�\n\tc"


def test_no_text_can_be_made_to_read_as_another_one() -> None:
    assert Screen(Stream(is_terminal=True), {}).foreign("a\u202eb\u2066c\u200f") == "a�b�c\u200f"


def test_an_answer_goes_to_a_file_as_it_is() -> None:
    assert Screen(Stream(), {}).foreign("a\x1b[1mb") == "a\x1b[1mb"


def test_text_of_every_script_is_printable() -> None:
    assert printable("naïve 水門 🌊 \u2028") == "naïve 水門 🌊 \u2028"


def test_started_as_a_module_it_is_started_so_again() -> None:
    assert program_name("somewhere/sluice_cli/__main__.py") == "python -m sluice_cli"


def test_colour_can_be_forced_where_nobody_looks() -> None:
    assert Screen(Stream(), {"FORCE_COLOR": "1"}).paint("ok", "green") == "\x1b[32mok\x1b[0m"
    assert not Screen(Stream(), {"FORCE_COLOR": ""}).has_colour
    assert not Screen(Stream(is_terminal=True), {"FORCE_COLOR": "1", "NO_COLOR": "1"}).has_colour


@pytest.mark.parametrize(("columns", "width"), [("40", 40), ("", 80), ("0", 80), ("wide", 80)])
def test_a_terminal_has_a_width(columns: str, width: int) -> None:
    assert Screen(Stream(is_terminal=True), {"COLUMNS": columns}).width == width


def test_a_file_has_room_for_any_line() -> None:
    screen = Screen(Stream(), {"COLUMNS": "40"})

    assert screen.width is None
    assert screen.fitted("x" * 200) == "x" * 200
