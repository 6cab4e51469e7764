"""A provider that is loaded by the first call that needs it, and stands for it in all else."""

from collections.abc import Callable

import httpx
import pytest

from sluice.domain.call import ModelRequest, Target
from sluice.domain.errors import InvalidRequest
from sluice.domain.operation import CHAT, SPEECH
from sluice.domain.timeouts import Timeouts
from sluice.provider_settings import ProviderSettings
from sluice.providers.bedrock import Bedrock
from sluice.providers.later import Later
from sluice.providers.plan import Provider
from sluice.providers.watch import Watch

SETTINGS = ProviderSettings("bedrock", "bedrock", "https://bedrock.example.com", None, Timeouts(), region="us-east-1")
TARGET = Target("bedrock", "amazon.nova-micro-v1:0")
BODY = {"model": "nova", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def loads() -> list[Provider]:
    return []


@pytest.fixture
def load(loads: list[Provider]) -> Callable[[], Provider]:
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, text="{}")), trust_env=False)

    def made() -> Provider:
        loads.append(Bedrock(SETTINGS, client, lambda _url, _payload, headers: dict(headers)))
        return loads[-1]

    return made


def test_nothing_is_loaded_for_its_settings(load: Callable[[], Provider], loads: list[Provider]) -> None:
    provider = Later(SETTINGS, load)

    assert provider.settings is SETTINGS
    assert loads == []


def test_it_is_loaded_once_and_answers_as_the_loaded_one_does(
    load: Callable[[], Provider], loads: list[Provider]
) -> None:
    provider, request = Later(SETTINGS, load), ModelRequest(BODY, CHAT)
    seen = {"x-amzn-requestid": "r-1", "set-cookie": "a=b"}

    plan = provider.plan(TARGET, request)
    answer = provider.open(plan, None, Watch(Timeouts(), float("inf"), lambda: 0.0))

    (loaded,) = loads
    assert plan.payloads == loaded.plan(TARGET, request).payloads
    assert answer.status == 200
    assert provider.passed(seen) == loaded.passed(seen)
    assert provider.request_id(seen) == "r-1"


def test_what_the_loaded_one_refuses_is_refused(load: Callable[[], Provider]) -> None:
    with pytest.raises(InvalidRequest, match="does not serve audio/speech"):
        Later(SETTINGS, load).plan(TARGET, ModelRequest({"model": "nova", "input": "hi"}, SPEECH))
