"""A Runtime API that refuses, breaks off or falls silent: reported, the body let go of, the next invocation served."""

import pytest
from tests.runtime.conftest import Start
from tests.runtime.runtime_api import Environment, RuntimeApi

HANDLER = """
    import json

    def body(count):
        sent = 0
        try:
            for sent in range(1, count + 1):
                yield b"x" * 1000
        except GeneratorExit:
            print(json.dumps({"settled after": sent}))
            raise

    def handler(event, context):
        if event == "plain":
            return {"plain": True}
        if event == "raise":
            raise ValueError("as asked")
        return {"statusCode": 200, "body": body(event)}
"""
ENDLESS = 10**9


def assert_next_is_served(api: RuntimeApi, environment: Environment) -> None:
    assert api.stream(api.invoke(2)).body == [b"x" * 1000] * 2
    assert environment.process.poll() is None


@pytest.mark.fault("L10")
@pytest.mark.parametrize("status", [400, 403, 410, 413, 500])
def test_a_refused_stream_does_not_end_the_loop(start: Start, api: RuntimeApi, status: int) -> None:
    environment = start(HANDLER)

    response = api.stream(api.invoke(3, status=status))

    assert len(response.body) == 3
    assert_next_is_served(api, environment)
    (report,) = environment.reports
    assert report["requestId"] == response.request_id
    assert report["answer"].startswith(f"{status} ")
    assert "as the test wants it" in report["answer"]


@pytest.mark.fault("L10")
@pytest.mark.parametrize("event", ["plain", "raise"])
@pytest.mark.parametrize("status", [410, 500])
def test_a_refused_result_or_error_does_not_end_the_loop(
    start: Start, api: RuntimeApi, event: str, status: int
) -> None:
    environment = start(HANDLER)

    posted = api.whole(f"/{api.invoke(event, status=status)}/")

    assert posted["path"].endswith("/error" if event == "raise" else "/response")
    assert_next_is_served(api, environment)
    assert [report["message"] for report in environment.reports] == ["the Runtime API refused a result or an error"]


@pytest.mark.fault("L10")
@pytest.mark.parametrize("what", ["close", "reset"])
@pytest.mark.parametrize("after", [1, 2, 50])
def test_a_connection_that_breaks_mid_stream_closes_the_body(
    start: Start, api: RuntimeApi, what: str, after: int
) -> None:
    environment = start(HANDLER)

    request_id = api.invoke(ENDLESS, then={"after": after, "do": what})

    for _ in range(after):
        api.chunk(request_id)
    assert_next_is_served(api, environment)
    (report,) = environment.reports
    assert report["message"] == "the Runtime API did not take the response"
    assert report["requestId"] == request_id
    assert '{"settled after": ' in environment.log


@pytest.mark.fault("L10")
def test_a_stream_refused_midway_is_reported_with_the_refusal(start: Start, api: RuntimeApi) -> None:
    environment = start(HANDLER)

    request_id = api.invoke(ENDLESS, status=410, then={"after": 2, "do": "refuse"})

    for _ in range(2):
        api.chunk(request_id)
    assert_next_is_served(api, environment)
    (report,) = environment.reports
    assert "410 Answer" in report["error"]
    assert '{"settled after": ' in environment.log


@pytest.mark.fault("L10")
@pytest.mark.parametrize("what", ["close", "reset"])
def test_a_connection_that_closes_without_an_answer_does_not_end_the_loop(
    start: Start, api: RuntimeApi, what: str
) -> None:
    environment = start(HANDLER)

    response = api.stream(api.invoke(1, then={"do": what}))

    assert len(response.body) == 1
    assert_next_is_served(api, environment)
    assert len(environment.reports) == 1


@pytest.mark.fault("L10")
def test_a_runtime_api_that_is_gone_ends_the_process(start: Start, api: RuntimeApi) -> None:
    environment = start(HANDLER)
    api.event("next")

    api.process.kill()

    assert environment.exit_code() == 1
    assert "Failed to get next invocation" in environment.log
    assert environment.reports == []
