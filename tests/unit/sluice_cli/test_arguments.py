import pytest

from sluice_cli.arguments import Parser, count, existing_file, port, timeout
from sluice_cli.failure import UsageError


@pytest.fixture
def parser() -> Parser:
    made = Parser("dev", "Runs.", "sluice dev --port 1")
    made.add_argument("words", nargs="*")
    made.add_argument("--port", type=port, default=1)
    made.add_argument("--environments", type=count)
    made.add_argument("--timeout-seconds", type=timeout)
    made.add_argument("--config", type=existing_file)
    return made


def test_options_and_words_may_be_mixed(parser: Parser) -> None:
    options = parser.read(["tell", "--port", "0", "me"])

    assert (options.words, options.port) == (["tell", "me"], 0)


def test_behind_two_dashes_a_word_may_begin_with_one(parser: Parser) -> None:
    options = parser.read(["--port", "0", "--", "-hello", "--port"])

    assert (options.words, options.port) == (["-hello", "--port"], 0)


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        (["--prot", "1"], r"unknown argument '--prot'; did you mean --port\?"),
        (["--port=1", "--zzz"], r"unknown argument '--zzz'; `sluice dev --help` lists what there is"),
        (["--port", "70000"], r"--port: '70000' is no port; use 0 \(any free one\) to 65535; `sluice dev --help`"),
        (["--port", "-1"], r"--port: "),
        (["--port", "٣"], r"--port: '٣' is no port"),
        (["--environments", "0"], r"'0' is not a number of at least 1"),
        (["--timeout-seconds", "nan"], r"'nan' is no timeout in seconds"),
        (["--timeout-seconds", "x"], r"'x' is no timeout in seconds; use more than 3, which are kept"),
        (["--timeout-seconds", "3"], r"'3' is no timeout in seconds; use more than 3"),
        (["--timeout-seconds", "900.5"], r"'900\.5' is no timeout in seconds; .* at most 900"),
        (["--config", "nowhere.toml"], r"nowhere\.toml is not a file"),
        (["--por", "1"], r"unknown argument '--por'; did you mean --port\?"),
    ],
)
def test_what_is_not_understood_is_one_line_with_what_would_be_right(
    parser: Parser, typed: list[str], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint) as refused:
        parser.read(typed)

    assert "\n" not in str(refused.value)


def test_the_help_ends_with_an_example(parser: Parser, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser.read(["--help"])

    assert ended.value.code == 0
    assert capsys.readouterr().out.endswith("example:\n  sluice dev --port 1\n")


@pytest.mark.parametrize("typed", ["3.5", "30", "900"])
def test_a_timeout_is_one_that_lambda_and_the_gateway_can_keep(parser: Parser, typed: str) -> None:
    assert parser.read(["--timeout-seconds", typed]).timeout_seconds == float(typed)
