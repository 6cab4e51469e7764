"""Provider keys behind a proxy that breaks Secrets Manager: catalogue rows K01 to K04 at the level of the store."""

import socket
import time
import uuid
from collections.abc import Iterator
from random import Random

import pytest
from tests.engines import Connections
from tests.faults.dynamodb_proxy import Fault, FaultProxy, Rule
from tests.unit.stores.calls import HandClock

from sluice.domain.clock import Clock
from sluice.domain.errors import SecretUnavailable
from sluice.stores.secrets import SecretStore
from sluice_devstack.aws import EmbeddedAws

OLD, NEW = "sk-fake-old", "sk-fake-new"
TTL_SECONDS, MAX_STALE_SECONDS = 300.0, 3600.0
OUTAGES = [Fault.DROP_BEFORE, Fault.DROP_AFTER, Fault.THROTTLE, Fault.ERROR, Fault.CUT]


@pytest.fixture
def proxy(secrets_engine: EmbeddedAws) -> Iterator[FaultProxy]:
    with FaultProxy(secrets_engine.secrets_url) as running:
        yield running


@pytest.fixture
def secret_id(secrets_engine: EmbeddedAws) -> str:
    name = f"sluice/{uuid.uuid4().hex}"
    secrets_engine.put_secret(name, {"api_key": OLD})
    return name


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(connections: Connections, proxy: FaultProxy, clock: HandClock) -> SecretStore:
    client = connections.secretsmanager(proxy.url)
    return SecretStore(client, clock.clock, TTL_SECONDS, MAX_STALE_SECONDS, random=Random(1))


def test_a_key_is_read_once_and_kept(store: SecretStore, proxy: FaultProxy, secret_id: str) -> None:
    keys = {store.key(secret_id) for _ in range(5)}

    assert keys == {OLD}
    assert proxy.statuses("GetSecretValue") == [200]


@pytest.mark.fault("K01")
@pytest.mark.parametrize("fault", OUTAGES)
def test_an_outage_at_cold_start_is_said_by_the_id_alone(
    fault: Fault, store: SecretStore, proxy: FaultProxy, clock: HandClock, secret_id: str
) -> None:
    proxy.use(Rule(fault))
    since = clock.seconds

    with pytest.raises(SecretUnavailable) as caught:
        store.key(secret_id)

    assert clock.seconds - since < 0.5
    assert (caught.value.status, caught.value.code) == (503, "secret_unavailable")
    assert secret_id in caught.value.message
    assert OLD not in repr(caught.value.args)
    assert len(proxy.seen) > 1


@pytest.mark.fault("K01")
@pytest.mark.timeout(30)
@pytest.mark.parametrize("is_listening", [True, False], ids=["slow", "refused"])
def test_a_cold_start_without_secrets_manager_ends_within_three_seconds(
    is_listening: bool, connections: Connections, proxy: FaultProxy, secret_id: str
) -> None:
    proxy.use(Rule(Fault.DELAY, seconds=10.0))
    url = proxy.url if is_listening else nobody()
    since = time.monotonic()

    with pytest.raises(SecretUnavailable):
        SecretStore(connections.secretsmanager(url), Clock()).key(secret_id)

    assert time.monotonic() - since < 3.0


@pytest.mark.fault("K01")
@pytest.mark.parametrize("fault", OUTAGES)
def test_a_short_outage_is_outlived(fault: Fault, store: SecretStore, proxy: FaultProxy, secret_id: str) -> None:
    proxy.use(Rule(fault, times=2))

    assert store.key(secret_id) == OLD


@pytest.mark.fault("K02")
@pytest.mark.parametrize("fault", OUTAGES)
def test_the_last_good_key_serves_through_an_outage_up_to_its_limit(
    fault: Fault, store: SecretStore, proxy: FaultProxy, clock: HandClock, secret_id: str
) -> None:
    store.key(secret_id)
    proxy.use(Rule(fault))

    clock.seconds += MAX_STALE_SECONDS
    during = store.key(secret_id)
    clock.seconds += TTL_SECONDS + 1

    assert during == OLD
    with pytest.raises(SecretUnavailable):
        store.key(secret_id)


@pytest.mark.fault("K03")
@pytest.mark.parametrize("fault", [Fault.DENIED, Fault.CONFLICT], ids=["denied", "not decrypted"])
def test_a_denial_counts_at_once_even_when_warm(
    fault: Fault, store: SecretStore, proxy: FaultProxy, clock: HandClock, secret_id: str
) -> None:
    store.key(secret_id)
    proxy.use(Rule(fault))
    clock.seconds += TTL_SECONDS

    with pytest.raises(SecretUnavailable):
        store.key(secret_id)

    assert clock.slept == []


@pytest.mark.fault("K03")
def test_a_secret_that_is_not_there_is_named_and_nothing_else_is(store: SecretStore) -> None:
    with pytest.raises(SecretUnavailable) as caught:
        store.key("sluice/nobody")

    assert caught.value.message == "the secret sluice/nobody cannot be used; see the gateway's log"


@pytest.mark.fault("K03")
@pytest.mark.parametrize("value", [OLD, {"api_key": OLD + "\nx"}, {"key": OLD}, {"api_keys": []}, "{}"], ids=repr)
def test_a_malformed_secret_is_refused_without_a_byte_of_it(
    value: object, store: SecretStore, secrets_engine: EmbeddedAws, secret_id: str
) -> None:
    secrets_engine.put_secret(secret_id, value)

    with pytest.raises(SecretUnavailable) as caught:
        store.key(secret_id)

    assert OLD not in str(caught.value) + repr(caught.value.__context__)


@pytest.mark.fault("K04")
def test_a_key_rotated_while_in_use_is_replaced_when_the_provider_refuses_it(
    store: SecretStore, secrets_engine: EmbeddedAws, clock: HandClock, secret_id: str
) -> None:
    in_flight = store.key(secret_id)
    secrets_engine.put_secret(secret_id, {"api_key": NEW})
    still_cached = store.key(secret_id)
    clock.seconds += 10

    after_refusal = store.refused(secret_id, in_flight)

    assert (in_flight, still_cached, after_refusal) == (OLD, OLD, NEW)
    assert store.key(secret_id) == NEW


@pytest.mark.fault("K04")
def test_a_rotated_key_is_used_when_the_old_one_is_too_old(
    store: SecretStore, secrets_engine: EmbeddedAws, clock: HandClock, secret_id: str
) -> None:
    store.key(secret_id)
    secrets_engine.put_secret(secret_id, {"api_keys": [NEW]})

    clock.seconds += TTL_SECONDS

    assert store.key(secret_id) == NEW


@pytest.mark.fault("U06")
@pytest.mark.parametrize("fault", OUTAGES)
def test_a_refusal_during_an_outage_leaves_the_other_keys(
    fault: Fault, store: SecretStore, secrets_engine: EmbeddedAws, proxy: FaultProxy, clock: HandClock, secret_id: str
) -> None:
    secrets_engine.put_secret(secret_id, {"api_keys": [OLD, NEW]})
    first = store.key(secret_id)
    proxy.use(Rule(fault))
    clock.seconds += 10

    second = store.refused(secret_id, first)

    assert {first, second} == {OLD, NEW}
    assert {store.key(secret_id) for _ in range(4)} == {second}


def nobody() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"
