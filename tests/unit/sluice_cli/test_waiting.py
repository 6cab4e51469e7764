import time

from tests.unit.sluice_cli.screens import Shown

from sluice_cli.waiting import ERASE, Waiting

PATIENCE_SECONDS = 10.0


def until_written(shown: Shown, text: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while text not in shown.complained:
        assert time.monotonic() < deadline, shown.complained
        time.sleep(0.01)


def test_a_terminal_gets_a_sign_of_life_that_is_gone_afterwards() -> None:
    shown = Shown({"NO_COLOR": "1"}, is_terminal=True)

    with Waiting(shown.terminal.error, "waiting for it", patience_seconds=0) as waiting:
        until_written(shown, "waiting for it 0 s")
        waiting.text = "still waiting"
        until_written(shown, "still waiting")
        waiting.stop()
        stopped = shown.complained

    assert stopped.endswith(ERASE)
    assert shown.complained == stopped


def test_what_does_not_take_long_shows_nothing() -> None:
    shown = Shown(is_terminal=True)

    with Waiting(shown.terminal.error, "waiting", patience_seconds=60):
        pass

    assert shown.complained == ""


def test_elsewhere_than_on_a_terminal_it_does_nothing() -> None:
    piped, dumb = Shown(), Shown({"TERM": "dumb"}, is_terminal=True)

    for shown in (piped, dumb):
        with Waiting(shown.terminal.error, "waiting", patience_seconds=0):
            time.sleep(0.05)

    assert (piped.complained, dumb.complained) == ("", "")


def test_a_line_never_folds() -> None:
    shown = Shown({"COLUMNS": "12", "NO_COLOR": "1"}, is_terminal=True)

    with Waiting(shown.terminal.error, "waiting for a long time", patience_seconds=0):
        until_written(shown, ERASE + "| waiting f")

    assert "for" not in shown.complained
