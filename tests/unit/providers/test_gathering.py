"""Several requests as one answer: their order, their tokens, their limits."""

import json
from collections.abc import Callable, Sequence

import httpx
import pytest

from sluice.domain.errors import UpstreamLost, UpstreamProtocol, UpstreamTimeout
from sluice.domain.usage import Usage
from sluice.providers.gathering import MAX_GATHERED_BYTES, Gathered
from sluice.providers.upstream import Upstream

Answer = httpx.Response | Exception


def posting(*answers: Answer) -> tuple[Callable[[bytes], Upstream], list[bytes], list[httpx.Response]]:
    """What answers one after the other, what it was sent, and the responses, to see that each is closed."""
    sent: list[bytes] = []

    def post(payload: bytes) -> Upstream:
        sent.append(payload)
        answer = answers[len(sent) - 1]
        if isinstance(answer, Exception):
            raise answer
        return Upstream(answer)

    return post, sent, [one for one in answers if isinstance(one, httpx.Response)]


def counted(tokens: int, header: str | None = None) -> httpx.Response:
    headers = {"x-amzn-bedrock-input-token-count": header} if header is not None else {}
    return httpx.Response(200, headers=headers, json={"embedding": [tokens], "inputTextTokenCount": tokens})


def gathered(*answers: Answer, payloads: Sequence[bytes] = ()) -> dict[str, object]:
    post, _, responses = posting(*answers)
    one = Gathered.of(payloads or [b"x"] * len(answers), post)
    assert all(response.is_closed for response in responses)
    assert (one.status, one.content_type) == (200, "application/json")
    found: dict[str, object] = json.loads(b"".join(one.pieces))
    one.over()
    one.close()
    return found


def test_answers_stand_in_the_order_of_their_requests() -> None:
    post, sent, _ = posting(counted(1), counted(2), counted(3))

    found = json.loads(b"".join(Gathered.of([b"a", b"b", b"c"], post).pieces))

    assert sent == [b"a", b"b", b"c"]
    assert [one["embedding"] for one in found["answers"]] == [[1], [2], [3]]
    assert found["tokens"] == [1, 2, 3]
    assert found["usage"] == {"prompt_tokens": 6, "total_tokens": 6}


def test_the_head_counts_before_the_body() -> None:
    assert gathered(counted(1, "5"))["tokens"] == [5]


@pytest.mark.parametrize("header", ["", "-1", "1.5", "many", "9" * 16, "٣", " 5"])
def test_a_head_that_does_not_count_is_passed_over(header: str) -> None:
    response = httpx.Response(200, headers={b"x-amzn-bedrock-input-token-count": header.encode()}, content=b'{"a":1}')

    assert gathered(response)["tokens"] == [None]


@pytest.mark.parametrize("count", [-1, True, 1.5, "3", None, [3]])
def test_a_count_that_is_none_makes_the_sum_unknown(count: object) -> None:
    found = gathered(counted(2), httpx.Response(200, json={"inputTextTokenCount": count}))

    assert found["tokens"] == [2, None]
    assert found["usage"] is None


@pytest.mark.parametrize("body", [b"", b"[]", b"5", b"{", b"\xff", b"[" * 100_000, b'{"a":' + b"9" * 5000 + b"}"])
def test_an_answer_that_is_no_object_ends_it_and_tells_what_was_used(body: bytes) -> None:
    post, sent, responses = posting(counted(4), httpx.Response(200, content=body), counted(9))

    with pytest.raises(UpstreamProtocol) as raised:
        Gathered.of([b"a", b"b", b"c"], post)

    assert raised.value.used == Usage(input=4)
    assert len(sent) == 2
    assert all(response.is_closed for response in responses[:2])


@pytest.mark.parametrize("error", [UpstreamLost("reset"), UpstreamTimeout("silent")])
def test_a_failure_tells_what_was_used_before_it(error: UpstreamLost | UpstreamTimeout) -> None:
    post, _, _ = posting(counted(4), counted(5), error)

    with pytest.raises(type(error)) as raised:
        Gathered.of([b"x"] * 3, post)

    assert raised.value.used == Usage(input=9)


def test_the_first_failure_used_nothing_that_is_known() -> None:
    post, _, _ = posting(UpstreamLost("reset"))

    with pytest.raises(UpstreamLost) as raised:
        Gathered.of([b"x"], post)

    assert raised.value.used is None


def test_all_answers_together_have_a_limit() -> None:
    half = b'{"embedding":"' + b"a" * (MAX_GATHERED_BYTES // 2) + b'","inputTextTokenCount":1}'
    post, sent, responses = posting(*(httpx.Response(200, content=half) for _ in range(3)))

    with pytest.raises(UpstreamProtocol, match="send fewer texts at once") as raised:
        Gathered.of([b"x"] * 3, post)

    assert len(sent) == 2
    assert raised.value.headers == {"x-should-retry": "false"}
    assert raised.value.used == Usage(input=2)
    assert all(response.is_closed for response in responses[:2])
