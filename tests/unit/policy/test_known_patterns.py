"""What is found by name, what is left alone, and that no text takes longer than its length says."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice import policy_settings
from sluice.policy import known_patterns
from sluice.policy.known_patterns import FINDERS

MILLION = 1024 * 1024


def found(name: str, text: str) -> list[str]:
    return [text[start:end] for start, end in FINDERS[name](text)]


@pytest.mark.parametrize(
    "card",
    [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111.1111.1111.1111",
        "4111\u00a01111\u00a01111\u00a01111",
        "4222222222222",  # of 13 digits
        "5555555555554444",
        "2221000000000009",
        "378282246310005",
        "3782 822463 10005",
        "30569309025904",
        "3056 930902 5904",
        "6011111111111117",
        "3530111333300000",
        "6200000000000005",
        "6304000000000000000",  # of 19
    ],
)
@pytest.mark.parametrize(
    ("before", "behind"), [("", ""), ("card: ", ", thanks"), ("卡", "是"), ("12 ", " 123"), ("(", ")")]
)
def test_a_card_is_found_as_people_write_it(card: str, before: str, behind: str) -> None:
    assert found("card", before + card + behind) == [card]


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",  # the check digit
        "4111 1111-1111 1111",  # two separators
        "a4111111111111111",
        "4111111111111111x",
        "41111111111111110000",  # of 20 digits
        "1111111111111117",  # of no issuer
        "1795209901241",  # a time in milliseconds
        "411111111111111",  # Visa has no 15
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "2026-11-21 10:00:00",
    ],
)
def test_a_number_that_is_no_card_is_left_alone(text: str) -> None:
    assert found("card", text) == []


def test_every_card_is_found_once() -> None:
    text = "4111111111111111,4012888888881881 and 5555 5555 5555 4444 5555 5555 5555 4444"

    assert found("card", text) == [
        "4111111111111111",
        "4012888888881881",
        "5555 5555 5555 4444",
        "5555 5555 5555 4444",
    ]


@pytest.mark.parametrize(
    "key",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "ASIAIOSFODNN7EXAMPLE",
        "sk-fake0123456789abcdefghijklmnop",
        "sk-proj-fake_0123456789-abcdefghij",
        "sk-ant-api03-fake0123456789abcdefghij",
        "slu_fakefake_0123456789abcdefghijklmnop",
        "ghp_fake0123456789abcdefghijklmnopqrstuvwx",
        "github_pat_fake0123456789abcdefghij",
        "glpat-fake0123456789abcdef",
        "xoxb-0123456789-fakefakefake",
        "hf_fakefakefakefakefakefakefakefakefa",
        "AIzafakefakefakefakefakefakefakefake01a",
        "eyJmYWtlIjoiMSJ9.eyJmYWtlIjoiMiJ9.c2ln",
        "Bearer fake.0123456789.abcdefghij==",
        "-----BEGIN PRIVATE KEY-----\nZmFrZQ==\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nZmFrZQ==\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----\\nZmFrZQ==\\n-----END OPENSSH PRIVATE KEY-----",  # inside of JSON
    ],
)
def test_a_key_is_found_by_its_shape(key: str) -> None:
    assert found("key", f"use {key}, please") == [key]


def test_an_access_key_in_a_file_of_aws_is_found_with_its_name() -> None:
    text = "aws_secret_access_key = fakeFAKEfakeFAKEfakeFAKEfakeFAKE/+012345\nregion = us-east-1"

    (only,) = found("key", text)

    assert only.endswith("fakeFAKEfakeFAKEfakeFAKEfakeFAKE/+012345")


def test_what_holds_another_key_is_one_find() -> None:
    assert found("key", "Bearer sk-fake0123456789abcdefghijklmnop!") == ["Bearer sk-fake0123456789abcdefghijklmnop"]


@pytest.mark.parametrize(
    "text",
    [
        "sk-learn-based-classification-of-long-texts",
        "ask-me0123456789012345678901234567",
        "task_sk-fake0123456789abcdefghijklmnop",
        "AKIA and ASIA",
        "Bearer authentication-as-it-is-described",
        "-----BEGIN PUBLIC KEY-----\nZmFrZQ==\n-----END PUBLIC KEY-----",
        "eyJmYWtlIjoiMSJ9",
    ],
)
def test_words_that_begin_as_keys_do_are_left_alone(text: str) -> None:
    assert found("key", text) == []


@pytest.mark.parametrize(
    "address", ["ann@example.com", "a.b+c_d@mail.example.co.uk", "o'neill@example.org", "x@y.museum"]
)
def test_an_address_is_found_without_what_is_around_it(address: str) -> None:
    assert found("email", f"Write to <{address}>, or {address}. Thanks") == [address, address]


@pytest.mark.parametrize("text", ["x@1.2.3", "@app.route('/')", "@types/node", "ann@localhost", "a@@b.c", "user@host"])
def test_what_only_has_an_at_is_left_alone(text: str) -> None:
    assert found("email", text) == []


@pytest.mark.parametrize(
    "account",
    ["DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "GB82 WEST 1234 5698 7654 32", "NO9386011117947"],
)
def test_an_account_is_found_by_its_length_and_its_checksum(account: str) -> None:
    assert found("iban", f"to {account} BIC FAKEDEFF") == [account]
    assert found("iban", account[:-1] + ("1" if account[-1] != "1" else "2")) == []
    assert found("iban", account + "0") == []


@pytest.mark.parametrize("text", ["ZZ89370400440532013000", "xDE89370400440532013000", "AB12 CD34 EF56"])
def test_what_looks_like_an_account_and_is_none_is_left_alone(text: str) -> None:
    assert found("iban", text) == []


def test_an_own_pattern_finds_nothing_of_no_length() -> None:
    find = known_patterns.finder(re.compile("T-[0-9]*|x*"))

    assert list(find("a T-12 xx")) == [(2, 6), (7, 9)]


def check_digit(digits: str) -> str:
    return next(last for last in "0123456789" if known_patterns.is_luhn(digits + last))


@given(
    begin=st.sampled_from(
        ["4", "51", "2221", "2720", "34", "37", "300", "36", "6011", "650", "3528", "62", "2204", "56"]
    ),
    body=st.text("0123456789", min_size=15, max_size=15),
    separator=st.sampled_from(["", " ", "-", "."]),
    around=st.tuples(st.sampled_from(["", "no. ", "(", "\n", "a "]), st.sampled_from(["", ", ", ")", "\n", " b"])),
)
def test_any_card_of_an_issuer_is_found(begin: str, body: str, separator: str, around: tuple[str, str]) -> None:
    size = 15 if begin in ("34", "37") else 14 if begin in ("300", "36") else 16
    digits = (begin + body)[: size - 1]
    groups = {14: (4, 10), 15: (4, 10), 16: (4, 8, 12)}[size]
    whole = digits + check_digit(digits)
    card = separator.join(whole[first:last] for first, last in zip((0, *groups), (*groups, size), strict=True))

    assert found("card", card.join(around)) == [card]


@given(st.text("4105 .-@aE:DA89sk_BrIGN/+\0"))
def test_finds_come_in_order_and_none_is_inside_another(text: str) -> None:
    for find in FINDERS.values():
        spans = list(find(text))
        places = [place for span in spans for place in span]

        assert places == sorted(places)
        assert all(0 <= start < end <= len(text) for start, end in spans)


@pytest.mark.parametrize(
    "text",
    [
        "4" * MILLION,
        "4 " * (MILLION // 2),
        "sk-" * (MILLION // 3),
        "Bearer " * (MILLION // 7),
        "-----BEGIN PRIVATE KEY-----" * (MILLION // 27),
        "-----BEGIN PRIVATE KEY-----" + "a-" * (MILLION // 2),
        "eyJ" * (MILLION // 3),
        "a@" * (MILLION // 2),
        "@" + "a." * (MILLION // 2),
        "a" * MILLION + "@",
        "DE89" * (MILLION // 4),
        "AB12 " * (MILLION // 5),
        "4111 " * (MILLION // 5),
    ],
    ids=lambda text: text[:12],
)
def test_no_text_takes_longer_than_its_length_says(text: str) -> None:
    """The worst took 0.6 s here; what is quadratic takes hours."""
    began = time.perf_counter()

    for find in FINDERS.values():
        assert sum(1 for _ in find(text)) >= 0

    assert time.perf_counter() - began < 10


def test_a_configuration_may_name_what_is_known_here_and_nothing_else() -> None:
    assert tuple(FINDERS) == policy_settings.KNOWN_PATTERNS
