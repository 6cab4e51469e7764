"""Every program of docs/clients.md, copied from the page and run against the dev stack with a role's credentials.

The provider holds back each word until the program has written the one before: a client that does not stream fails.
"""

from tests.clients.container import credentials_of_a_container
from tests.clients.page import program
from tests.clients.place import ROLE, WORDS, Place
from tests.clients.runner import NODE, PYTHON, PYTHON_OF_CLIENTS, SHELL, SHELL_OF_CLIENTS, Runner

ASYNCHRONOUS = """
import asyncio

async def main() -> None:
    async for chunk in model.astream("Hello!"):
        print(chunk.content, end="", flush=True)

asyncio.run(main())
"""
AGAIN = """
const again = await client.chat.completions.create({ model: "gpt-4o-mini", messages: [{ role: "user", content: "Again" }] });
process.stdout.write(again.choices[0].message.content);
"""


def streamed(gateway: Place, runner: Runner, name: str) -> str:
    """What the program writes, which it does word by word."""
    made = len(gateway.site.stack.calls)
    with gateway.watched() as gate, runner.start(program(name), gateway.variables) as running:
        for word in WORDS:
            running.until(word)
            gate.open()
        written = running.end()
    (call,) = gateway.site.stack.wait_for_calls(made + 1)[made:]
    record = gateway.site.record(call.request_id)
    assert f"{record['principal']}/{record['session']}" == ROLE.user_arn
    assert (record["outcome"], record["stream"]) == ("complete", True)
    return written


def test_the_openai_sdk_for_python_streams(gateway: Place) -> None:
    assert streamed(gateway, PYTHON, "python") == "".join(WORDS)


def test_the_asynchronous_openai_sdk_for_python_streams(gateway: Place) -> None:
    assert streamed(gateway, PYTHON, "python-async") == "".join(WORDS)


def test_httpx_streams(gateway: Place) -> None:
    assert streamed(gateway, PYTHON, "httpx").endswith("data: [DONE]\n\n")


def test_langchain_streams(gateway: Place) -> None:
    assert streamed(gateway, PYTHON_OF_CLIENTS, "langchain") == "".join(WORDS)


def test_the_openai_sdk_for_javascript_streams(gateway: Place) -> None:
    assert streamed(gateway, NODE, "node") == "".join(WORDS)


def test_the_vercel_ai_sdk_streams(gateway: Place) -> None:
    assert streamed(gateway, NODE, "vercel") == "".join(WORDS)


def test_curl_streams(gateway: Place) -> None:
    assert streamed(gateway, SHELL, "curl").endswith("data: [DONE]\n\n")


def test_langchain_streams_asynchronously(gateway: Place) -> None:
    more = program("langchain").partition("for chunk in")[0] + ASYNCHRONOUS
    with gateway.watched() as gate, PYTHON_OF_CLIENTS.start(more, gateway.variables) as running:
        for word in WORDS:
            running.until(word)
            gate.open()
        assert running.end() == "".join(WORDS)


def test_credentials_on_node_are_asked_for_again_when_they_run_out(gateway: Place) -> None:
    variables = {name: value for name, value in gateway.variables.items() if name in ("SLUICE_URL", "AWS_REGION")}
    asked = {}
    for seconds in (60, 3600):
        with credentials_of_a_container(seconds) as container:
            given = {**variables, "AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url}
            with NODE.start(program("node") + AGAIN, given) as running:
                assert running.end() == "".join(WORDS) * 2
            asked[seconds] = container.asked

    assert asked == {60: 2, 3600: 1}


def test_awscurl_prints_the_whole_answer(gateway: Place) -> None:
    with SHELL_OF_CLIENTS.start(program("awscurl"), gateway.variables) as running:
        written = running.end()

    assert f'"content": "{"".join(WORDS)}"' in written
