"""The commands together, each as its own process: a dev stack, and whoever talks to it."""

import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.e2e.dev_process import Dev, started
from tests.e2e.running import COMMAND, PATIENCE_SECONDS, Running, environment, run

pytestmark = pytest.mark.slow

NAMES = [
    "SLUICE_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "SLUICE_TABLE",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
]
REQUEST_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    with started(tmp_path_factory.mktemp("dev")) as ready:
        yield ready


def chat(dev: Dev, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return run("chat", "--env-file", dev.env_file, *words, typed=typed)


def request_id(said: str) -> str:
    found = REQUEST_ID.search(said)
    assert found, said
    return found[0]


def test_the_env_file_and_the_welcome_say_where_everything_is(dev: Dev) -> None:
    assert list(dev.variables) == NAMES
    assert f"at {dev.variables['SLUICE_URL']}" in dev.welcome
    assert "openai: simulated on this machine (OPENAI_API_KEY is not set)" in dev.welcome
    assert f"table {dev.variables['SLUICE_TABLE']}" in dev.welcome


def test_chat_streams_the_answer_and_says_beside_it_what_it_came_to(dev: Dev) -> None:
    done = chat(dev, "--model", "gpt-4o-mini", "say", "aqueduct")

    assert done.returncode == 0
    assert done.stdout.startswith("aqueduct\n")
    assert re.fullmatch(r"\d+\+\d+ tok  \$0\.\d{6}  ttft \d+ms  \d+\.\d\ds  [0-9a-f-]{36}\n", done.stderr)
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d  200  POST /v1/chat/completions  openai/gpt-4o-mini  ttft \d+ms  .* tok  \$0\.\d{6}  [0-9a-f]{8}",
        dev.process.line(" 200  POST"),
    )


def test_chat_reads_its_prompt_from_standard_input(dev: Dev) -> None:
    done = chat(dev, typed="say weir\n")

    assert (done.returncode, done.stdout.split("\n")[0]) == (0, "weir")


def test_chat_finds_the_stack_in_the_environment(dev: Dev) -> None:
    done = run("chat", "say lock", variables=dev.variables)

    assert (done.returncode, done.stdout.split("\n")[0]) == (0, "lock")
    assert "$0." in done.stderr


@pytest.mark.parametrize(
    ("model", "line"),
    [
        ("nosuch", r"sluice chat: http://127\.0\.0\.1:\d+ answered 404 model_not_found: unknown model 'nosuch'; .*\n"),
        ("openai/f-errevent", r"sluice chat: the answer broke off: .+\n"),
        ("openai/f-trunc", r"sluice chat: the answer broke off: upstream_stream_truncated: .+\n"),
    ],
)
def test_a_chat_that_fails_is_one_line_and_exit_code_one(dev: Dev, model: str, line: str) -> None:
    done = chat(dev, "--model", model, "Hi")

    assert done.returncode == 1
    assert re.fullmatch(line, done.stderr)


def test_credentials_of_somebody_else_are_refused(dev: Dev) -> None:
    done = run("chat", "Hi", variables={**dev.variables, "AWS_SECRET_ACCESS_KEY": "fake-other"})

    assert done.returncode == 1
    assert " answered 403 The request signature we calculated does not match" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_line_for_curl_can_be_copied(dev: Dev) -> None:
    curl = shutil.which("curl")
    if not curl or subprocess.run([curl, "--aws-sigv4", "aws:amz", "--version"], capture_output=True).returncode:
        pytest.skip("curl is not here or is older than --aws-sigv4 (7.75)")
    command = dev.welcome[dev.welcome.index("curl -N") :].split("\n\n")[0]

    answer = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True, env=environment()
    ).stdout

    assert answer.count("data: {") > 10
    assert answer.endswith("data: [DONE]\n\n")


def test_logs_show_the_newest_calls_and_one_call_whole(dev: Dev) -> None:
    asked = [request_id(chat(dev, f"say {word}").stderr) for word in ("one", "two")]

    newest = run("logs", "-n", "2", "--json", "--env-file", dev.env_file)
    records = [json.loads(line) for line in newest.stdout.splitlines()]
    table = run("logs", "-n", "2", "--env-file", dev.env_file)
    whole = run("logs", asked[1], "--env-file", dev.env_file)
    again = run("logs", asked[1], "--json", variables=dev.variables)

    assert [record["request_id"] for record in records] == asked
    assert [line.split()[-1] for line in table.stdout.splitlines()] == asked
    assert whole.stdout.startswith(f"call {asked[1]}\n")
    assert re.search(r"^  attempts +1\. openai/gpt-4o-mini  200  \d+ms$", whole.stdout, re.M)
    assert json.loads(again.stdout) == records[1]
    assert (records[1]["status"], records[1]["usage_source"], records[1]["outcome"]) == (
        "settled",
        "provider",
        "complete",
    )
    assert records[1]["cost"] > 0


def test_logs_of_a_call_or_a_table_that_is_not_there_are_one_line(dev: Dev) -> None:
    call = run("logs", "nosuch", "--env-file", dev.env_file)
    table = run("logs", "--table", "nosuch", variables=dev.variables)

    assert (call.returncode, table.returncode) == (1, 1)
    assert call.stderr.startswith("sluice logs: no record of call nosuch; ")
    assert table.stderr.startswith("sluice logs: no table 'nosuch' there; ")
    assert (call.stderr.count("\n"), table.stderr.count("\n")) == (1, 1)


def test_logs_follow_calls_as_they_end(dev: Dev) -> None:
    before = request_id(chat(dev, "say before").stderr)
    with Running("logs", "--follow", "-n", "1", "--env-file", dev.env_file) as follower:
        follower.line(before)

        asked = request_id(chat(dev, "say after").stderr)

        assert "openai/gpt-4o-mini" in follower.line(asked)
        assert follower.end(signal.SIGINT) == 130
    assert len(follower.said) == 2


def test_the_proxy_signs_for_tools_that_cannot(dev: Dev) -> None:
    with Running("proxy", "--port", "0", "--env-file", dev.env_file) as proxy:
        base_url = proxy.line("signs and forwards").split()[0]
        body = {"model": "gpt-4o-mini-instant", "messages": [{"role": "user", "content": "say hi"}]}

        answer = httpx.post(
            f"{base_url}/v1/chat/completions", json={**body, "model": "openai/gpt-4o-mini-instant"}, trust_env=False
        )

        assert answer.status_code == 200
        assert answer.json()["choices"][0]["message"]["content"].startswith("hi")
        assert proxy.end(signal.SIGINT) == 130
    assert "Traceback" not in "\n".join(proxy.said)


def test_a_conversation_on_a_terminal_goes_on_until_ctrl_d(dev: Dev) -> None:
    terminal, child_end = pty.openpty()
    command = [*COMMAND, "chat", "--env-file", dev.env_file]
    with subprocess.Popen(
        command, stdin=child_end, stdout=child_end, stderr=child_end, env=environment(TERM="dumb")
    ) as process:
        os.close(child_end)

        said = read_until(terminal, b"> ")
        os.write(terminal, b"say red\n")
        said += read_until(terminal, b"\n> ")
        os.write(terminal, b"\x04")
        code = process.wait(PATIENCE_SECONDS)

    os.close(terminal)
    assert code == 0
    assert b"\nred\r\n" in said
    assert re.search(rb" tok  \$0\.\d{6}  ttft ", said)
    assert b"\x1b[2m" not in said


def read_until(terminal: int, text: bytes) -> bytes:
    said = b""
    while text not in said:
        readable, _, _ = select.select([terminal], [], [], PATIENCE_SECONDS)
        assert readable, said
        said += os.read(terminal, 4096)
    return said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_dev_ends_with_totals_and_takes_its_env_file_along(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path) as own:
        assert chat(own, "say end").returncode == 0
        own.process.line(" 200  POST")

        assert own.process.end(number) == 0

    *_, head, row = own.process.said
    assert head.split() == ["model", "calls", "failed", "tokens", "in", "tokens", "out", "cost"]
    assert re.fullmatch(r"openai/gpt-4o-mini +1 +0 +\d+ +\d+ +\$0\.\d{6}", row)
    assert not Path(own.env_file).exists()


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        done = run("dev", "--port", str(port))

    assert done.returncode == 1
    assert done.stderr.endswith(
        f"sluice dev: port {port} is taken; choose another with --port, or 0 for any free one\n"
    )


def test_a_misspelt_configuration_is_one_line(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text('[providers.openai]\nkind = "openai"\nsecrt = "sluice/openai"\n')

    done = run("dev", "--port", "0", "--config", str(config))

    assert done.returncode == 1
    assert done.stderr.endswith("sluice dev: Misconfigured: unknown key providers.openai.secrt; did you mean secret?\n")
    assert "Traceback" not in done.stderr
