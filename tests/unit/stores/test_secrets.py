"""Provider keys: cached, in turns, and not one byte of them where it does not belong."""

import json
import logging
from collections.abc import Mapping
from random import Random
from types import TracebackType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.stores.calls import HandClock
from tests.unit.stores.memory_table import failure, lost, throttled

from sluice.domain.errors import SecretUnavailable
from sluice.stores.secrets import SecretStore, keys_in

ID = "sluice/openai"
CANARY = "sk-fake-canary-5f1d"


class FakeSecrets:
    """Answers each id with its value; `failures` are raised first, in their order."""

    def __init__(self, **values: object) -> None:
        self.values = values
        self.failures: list[Exception] = []
        self.asked: list[str] = []

    def get_secret_value(self, **arguments: Any) -> Mapping[str, Any]:
        self.asked.append(arguments["SecretId"])
        if self.failures:
            raise self.failures.pop(0)
        if arguments["SecretId"] not in self.values:
            raise failure("ResourceNotFoundException")
        value = self.values[arguments["SecretId"]]
        return {"SecretBinary": value} if isinstance(value, bytes) else {"SecretString": text(value)}


def text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def holding(*keys: str) -> FakeSecrets:
    return FakeSecrets(**{ID: {"api_keys": list(keys)}})


def store_on(secrets: FakeSecrets, clock: HandClock) -> SecretStore:
    return SecretStore(secrets, clock.clock, ttl_seconds=300, max_stale_seconds=3600, rest_seconds=60, random=Random(1))


def test_one_read_serves_until_its_time_to_live_is_over() -> None:
    clock, secrets = HandClock(), FakeSecrets(**{ID: {"api_key": CANARY}})
    store = store_on(secrets, clock)

    for _ in range(3):
        assert store.key(ID) == CANARY
        clock.seconds += 99
    before = len(secrets.asked)
    clock.seconds += 3
    store.key(ID)

    assert (before, len(secrets.asked)) == (1, 2)


def test_a_repaired_secret_serves_without_waiting_for_its_time_to_live() -> None:
    clock, secrets = HandClock(), FakeSecrets(**{ID: {}})
    store = store_on(secrets, clock)

    with pytest.raises(SecretUnavailable):
        store.key(ID)
    secrets.values[ID] = {"api_key": CANARY}
    clock.seconds += 6

    assert store.key(ID) == CANARY


def test_several_keys_take_turns() -> None:
    store = store_on(holding("a", "b", "c"), HandClock())

    given_out = [store.key(ID) for _ in range(6)]

    assert sorted(given_out[:3]) == ["a", "b", "c"]
    assert given_out[:3] == given_out[3:]


@pytest.mark.parametrize(
    ("value", "keys"),
    [({"entra_token": CANARY}, (CANARY,)), ({"entra_tokens": [CANARY, "eyJ.b.c", CANARY + "\n"]}, (CANARY, "eyJ.b.c"))],
)
def test_tokens_of_entra_are_keys_like_any_other(value: object, keys: tuple[str, ...]) -> None:
    assert keys_in({"SecretString": json.dumps(value)}) == keys


def test_environments_begin_at_different_keys() -> None:
    firsts = {SecretStore(holding("a", "b", "c"), HandClock().clock, random=Random(seed)).key(ID) for seed in range(20)}

    assert firsts == {"a", "b", "c"}


@pytest.mark.fault("U06")
def test_a_refused_key_rests_while_the_others_take_turns() -> None:
    clock = HandClock()
    store = store_on(holding("a", "b", "c"), clock)
    refused = store.key(ID)

    other = store.refused(ID, refused)
    while_resting = {store.key(ID) for _ in range(6)}
    clock.seconds += 61
    afterwards = {store.key(ID) for _ in range(6)}

    assert other not in (None, refused)
    assert while_resting == {"a", "b", "c"} - {refused}
    assert afterwards == {"a", "b", "c"}


@pytest.mark.fault("K04")
def test_a_rotated_key_is_fetched_when_the_old_one_is_refused() -> None:
    clock, secrets = HandClock(), FakeSecrets(**{ID: {"api_key": "sk-fake-old"}})
    store = store_on(secrets, clock)
    old = store.key(ID)
    secrets.values[ID] = {"api_key": "sk-fake-new"}
    clock.seconds += 10

    new = store.refused(ID, old)

    assert (old, new) == ("sk-fake-old", "sk-fake-new")
    assert store.key(ID) == "sk-fake-new"
    assert len(secrets.asked) == 2


@pytest.mark.fault("U06")
def test_a_storm_of_refusals_reads_the_secret_once_in_a_few_seconds() -> None:
    clock, secrets = HandClock(), FakeSecrets(**{ID: {"api_key": CANARY}})
    store = store_on(secrets, clock)
    store.key(ID)
    clock.seconds += 10

    answers = []
    for _ in range(100):
        answers.append(store.refused(ID, store.key(ID)))
        clock.seconds += 0.04

    assert set(answers) == {None}
    assert len(secrets.asked) == 2


def test_where_every_key_rests_the_one_that_has_rested_longest_is_tried() -> None:
    clock = HandClock()
    store = store_on(holding("a", "b"), clock)
    store.key(ID)
    store.refused(ID, "b")
    clock.seconds += 1

    nothing_left = store.refused(ID, "a")

    assert nothing_left is None
    assert store.key(ID) == "b"


@pytest.mark.parametrize("error", [throttled(), lost(), failure("InternalServiceError", 500)])
@pytest.mark.fault("K02")
def test_the_last_good_value_serves_through_an_outage_up_to_its_limit(error: Exception) -> None:
    clock, secrets = HandClock(), FakeSecrets(**{ID: {"api_key": CANARY}})
    store = store_on(secrets, clock)
    store.key(ID)
    secrets.failures = [error] * 10_000

    clock.seconds += 3600
    during = store.key(ID)
    clock.seconds += 301

    assert during == CANARY
    with pytest.raises(SecretUnavailable) as caught:
        store.key(ID)
    assert caught.value.headers == {"retry-after": "5"}


@pytest.mark.fault("K02")
def test_an_outage_is_not_waited_for_at_every_call() -> None:
    clock, secrets = HandClock(), FakeSecrets(**{ID: {"api_key": CANARY}})
    store = store_on(secrets, clock)
    store.key(ID)
    secrets.failures = [lost()] * 10_000
    clock.seconds += 301
    store.key(ID)
    asked, since = len(secrets.asked), clock.seconds

    for _ in range(20):
        store.key(ID)
        clock.seconds += 1

    assert len(secrets.asked) == asked
    assert clock.seconds == since + 20


@pytest.mark.fault("K02")
def test_after_an_outage_the_new_value_is_taken() -> None:
    clock, secrets = HandClock(), FakeSecrets(**{ID: {"api_key": "sk-fake-old"}})
    store = store_on(secrets, clock)
    store.key(ID)
    secrets.failures = [lost()] * 1000
    clock.seconds += 301
    store.key(ID)
    secrets.failures = []
    secrets.values[ID] = {"api_key": "sk-fake-new"}
    clock.seconds += 31

    assert store.key(ID) == "sk-fake-new"


@pytest.mark.fault("K01")
def test_a_cold_start_in_an_outage_gives_up_soon_and_says_so_until_it_is_over() -> None:
    clock, secrets = HandClock(now=0.0), FakeSecrets(**{ID: {"api_key": CANARY}})
    store = store_on(secrets, clock)
    secrets.failures = [throttled()] * 1000

    with pytest.raises(SecretUnavailable):
        store.key(ID)
    waited, asked = clock.seconds, len(secrets.asked)
    with pytest.raises(SecretUnavailable):
        store.key(ID)
    secrets.failures = []
    clock.seconds += 5

    assert waited < 0.5
    assert len(secrets.asked) == asked
    assert store.key(ID) == CANARY


BROKEN: list[tuple[str, object]] = [
    ("not JSON", CANARY),
    ("cut JSON", f'{{"api_key": "{CANARY}'),
    ("a JSON string", f'"{CANARY}"'),
    ("a list", [CANARY]),
    ("no key", {"key": CANARY}),
    ("both shapes", {"api_key": CANARY, "api_keys": [CANARY]}),
    ("a key and a token", {"api_key": CANARY, "entra_token": CANARY}),
    ("a string of tokens", {"entra_tokens": CANARY}),
    ("an empty token", {"entra_token": ""}),
    ("empty", ""),
    ("an empty key", {"api_key": ""}),
    ("only a newline", {"api_key": "\n"}),
    ("no keys", {"api_keys": []}),
    ("one bad key", {"api_keys": [CANARY, CANARY + "\nx"]}),
    ("a string of keys", {"api_keys": CANARY}),
    ("a number", {"api_key": 5}),
    ("null", {"api_key": None}),
    ("an object", {"api_key": {"value": CANARY}}),
    ("CR inside", {"api_key": CANARY + "\rx"}),
    ("LF inside", {"api_key": CANARY + "\nx-evil: 1"}),
    ("NUL inside", {"api_key": CANARY + "\0"}),
    ("DEL inside", {"api_key": CANARY + "\x7f"}),
    ("a space", {"api_key": CANARY + " "}),
    ("non-ASCII", {"api_key": CANARY + "é"}),
    ("a lone surrogate", f'{{"api_key": "{CANARY}\\ud800"}}'),
    ("deep JSON", "[" * 60_000),
    ("binary", CANARY.encode()),
]


@pytest.mark.fault("K03")
@pytest.mark.parametrize("value", [value for _, value in BROKEN], ids=[name for name, _ in BROKEN])
def test_a_malformed_secret_is_refused_by_its_id_alone(value: object, caplog: pytest.LogCaptureFixture) -> None:
    store = store_on(FakeSecrets(**{ID: value}), HandClock())

    with caplog.at_level(logging.DEBUG), pytest.raises(SecretUnavailable) as caught:
        store.key(ID)

    assert caught.value.message == f"the secret {ID} cannot be used; see the gateway's log"
    assert "secret.malformed: sluice/openai" in caplog.text
    assert CANARY not in caplog.text
    assert CANARY not in everything_an_error_carries(caught.value)


DENIALS = [
    failure("ResourceNotFoundException"),
    failure("AccessDeniedException"),
    failure("DecryptionFailure"),
    failure("KMSAccessDeniedException"),
    failure("InvalidRequestException"),
]


@pytest.mark.fault("K03")
@pytest.mark.parametrize("error", DENIALS, ids=lambda error: error.response["Error"]["Code"])
def test_a_missing_or_denied_secret_is_refused_at_once(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    clock, secrets = HandClock(now=0.0), FakeSecrets(**{ID: {"api_key": CANARY}})
    secrets.failures = [error]

    with caplog.at_level(logging.ERROR), pytest.raises(SecretUnavailable) as caught:
        store_on(secrets, clock).key(ID)

    assert (caught.value.status, caught.value.code) == (503, "secret_unavailable")
    assert caught.value.headers == {}
    assert caught.value.__context__ is None
    assert f"secret.unavailable: {ID}, {error.response['Error']['Code']}" in caplog.text  # type: ignore[attr-defined]
    assert clock.seconds == 0.0


@pytest.mark.fault("K03")
def test_a_secret_that_was_taken_away_serves_no_longer() -> None:
    clock, secrets = HandClock(), FakeSecrets(**{ID: {"api_key": CANARY}})
    store = store_on(secrets, clock)
    store.key(ID)
    del secrets.values[ID]
    clock.seconds += 301

    with pytest.raises(SecretUnavailable):
        store.key(ID)


@pytest.mark.fault("K03")
def test_a_refused_key_whose_secret_is_gone_has_no_successor() -> None:
    clock, secrets = HandClock(), FakeSecrets(**{ID: {"api_key": CANARY}})
    store = store_on(secrets, clock)
    store.key(ID)
    del secrets.values[ID]
    clock.seconds += 10

    assert store.refused(ID, CANARY) is None


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\n\n"])
def test_the_newline_an_editor_leaves_is_stripped(ending: str) -> None:
    store = store_on(FakeSecrets(**{ID: {"api_key": CANARY + ending}}), HandClock())

    assert store.key(ID) == CANARY


@pytest.mark.fault("A06")
def test_secrets_with_a_common_beginning_are_kept_apart() -> None:
    values = {"sluice/openai-production": "a", "sluice/openai-production2": "b", "sluice/OPENAI-production": "c"}
    secrets = FakeSecrets(**{name: {"api_key": value} for name, value in values.items()})
    store = store_on(secrets, HandClock())

    assert {name: store.key(name) for name in values} == values


@pytest.mark.fault("K03")
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["api_key", "api_keys", "entra_tokens", "x"]), inner)
        ),
    )
)
def test_whatever_a_secret_holds_its_keys_can_be_sent_in_a_header(value: Any) -> None:
    keys = keys_in({"SecretString": json.dumps(value)})

    assert all(key and key.isascii() and key.isprintable() and " " not in key for key in keys)


def test_nothing_that_prints_the_store_prints_a_key() -> None:
    store = store_on(FakeSecrets(**{ID: {"api_key": CANARY}}), HandClock())
    store.key(ID)

    assert CANARY not in repr(store)
    assert CANARY not in repr(vars(store))


def everything_an_error_carries(error: BaseException) -> str:
    """Its texts, its arguments, what it was raised from or during, and the locals of the frames it went through."""
    parts = [str(error), repr(error), repr(error.args), repr(vars(error)), *frames(error.__traceback__)]
    causes = [cause for cause in (error.__cause__, error.__context__) if cause is not None]
    return "\n".join([*parts, *map(everything_an_error_carries, causes)])


def frames(trace: TracebackType | None) -> list[str]:
    """Locals of the frames in the gateway's own code; the test's own hold the value by right."""
    found = []
    while trace is not None:
        if "sluice" in trace.tb_frame.f_code.co_filename.split("functions")[-1]:
            found.append(repr(trace.tb_frame.f_locals))
        trace = trace.tb_next
    return found


def test_who_only_checks_takes_no_turn() -> None:
    store = store_on(holding("a", "b"), HandClock())

    given_out = []
    for _ in range(4):
        store.check(ID)
        given_out.append(store.key(ID))

    assert sorted(given_out[:2]) == ["a", "b"]
    assert given_out[:2] == given_out[2:]
