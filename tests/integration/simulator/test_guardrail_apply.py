"""ApplyGuardrail of the simulated Bedrock, as AWS's client and as our own sees it."""

import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from tests.integration.simulator.bedrock_rig import DEVELOPER, OTHER_REGION, READER, REGION, BedrockRig

from sluice.domain.errors import Unavailable
from sluice.providers.apply_guardrail import ApplyGuardrail, Judged
from sluice.providers.transport import Transport
from sluice_devstack.event_loop import EventLoopThread
from sluice_devstack.simulated.bedrock.access import identity
from sluice_devstack.simulated.bedrock.guardrails import SORRY

ID = "abc123"
ARN = f"arn:aws:bedrock:{OTHER_REGION}:123456789012:guardrail/{ID}"


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(transport=Transport(time.time, ssl.create_default_context())) as made:
        yield made


def service(bedrock: BedrockRig, client: httpx.Client) -> ApplyGuardrail:
    keys = Credentials(DEVELOPER.access_key_id, DEVELOPER.secret_access_key)
    return ApplyGuardrail(client, lambda: keys, REGION, {REGION: bedrock.url, OTHER_REGION: bedrock.url})


def content(*texts: str) -> list[dict[str, dict[str, str]]]:
    return [{"text": {"text": text}} for text in texts]


def test_awss_client_understands_every_answer(bedrock: BedrockRig) -> None:
    def applied(*texts: str) -> dict[str, object]:
        answer = bedrock.client.apply_guardrail(
            guardrailIdentifier=ID, guardrailVersion="DRAFT", source="INPUT", content=content(*texts)
        )
        return {name: answer[name] for name in ("action", "outputs")}

    assert applied("Hello") == {"action": "NONE", "outputs": []}
    assert applied("A forbidden thing") == {"action": "GUARDRAIL_INTERVENED", "outputs": [{"text": SORRY}]}
    assert applied("Hello", "to a@b.io") == {
        "action": "GUARDRAIL_INTERVENED",
        "outputs": [{"text": "Hello"}, {"text": "to {EMAIL}"}],
    }


@pytest.mark.parametrize(
    ("guardrail", "version", "texts", "status"),
    [
        (ID, "0", ("x",), 400),
        (ID, "DRAFT", ("x" * 25_001,), 400),
        ("throttled", "1", ("x",), 429),
        ("failing", "1", ("x",), 500),
    ],
)
def test_what_bedrock_refuses_is_refused(
    bedrock: BedrockRig, guardrail: str, version: str, texts: tuple[str, ...], status: int
) -> None:
    with pytest.raises(ClientError) as caught:
        bedrock.client.apply_guardrail(
            guardrailIdentifier=guardrail, guardrailVersion=version, source="INPUT", content=content(*texts)
        )

    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_a_body_of_another_shape_is_refused(bedrock: BedrockRig) -> None:
    assert bedrock.post(f"/guardrail/{ID}/version/1/apply", source="INPUT").status_code == 400
    assert bedrock.post(f"/guardrail/{ID}/version/1/apply", source="ASIDE", content=content("x")).status_code == 400
    assert bedrock.post(f"/guardrail/{ID}/version/1/judge", source="INPUT", content=content("x")).status_code == 404


@pytest.mark.parametrize("guardrail", [ID, ARN])
def test_our_own_client_is_let_in_and_understands(bedrock: BedrockRig, client: httpx.Client, guardrail: str) -> None:
    guard = service(bedrock, client)

    assert guard.ask(guardrail, "DRAFT", ["Hello"], 4) == Judged(is_intervention=False)
    assert guard.ask(guardrail, "1", ["So forbidden"], 4) == Judged(is_intervention=True)
    assert guard.ask(guardrail, "1", ["Hello", "to a@b.io"], 4, wants_masked=True).masked == ("Hello", "to {EMAIL}")
    assert guard.ask(guardrail, "1", ["Hello", "forbidden a@b.io"], 4, wants_masked=True).masked is None
    assert not guard.ask(guardrail, "1", ["word " * 20_000], 4).is_intervention


@pytest.mark.parametrize("guardrail", ["throttled", "failing", "nojudgement"])
def test_what_fails_is_told_as_no_answer(bedrock: BedrockRig, client: httpx.Client, guardrail: str) -> None:
    with pytest.raises(Unavailable, match=guardrail):
        service(bedrock, client).ask(guardrail, "1", ["x"], 4)


def test_silence_is_no_answer_after_its_time(bedrock: BedrockRig, client: httpx.Client) -> None:
    began = time.monotonic()

    with pytest.raises(Unavailable, match="upstream_timeout"):
        service(bedrock, client).ask("silent", "1", ["x"], 0.5)

    assert 0.4 < time.monotonic() - began < 1.5


def test_a_signature_of_somebody_else_is_refused(bedrock: BedrockRig, client: httpx.Client) -> None:
    stranger = ApplyGuardrail(client, lambda: Credentials("AKIDNOBODY", "fake"), REGION, {REGION: bedrock.url})

    with pytest.raises(Unavailable, match="provider_authentication_error"):
        stranger.ask(ID, "1", ["x"], 4)


def test_a_role_may_apply_the_guardrails_that_its_policy_names(loop: EventLoopThread, tmp_path: Path) -> None:
    calls = tmp_path / "calls.jsonl"
    rig = BedrockRig(loop, calls)
    client = rig.client_of(identity(READER))

    with pytest.raises(client.exceptions.AccessDeniedException, match="bedrock:ApplyGuardrail"):
        client.apply_guardrail(guardrailIdentifier=ID, guardrailVersion="1", source="INPUT", content=content("x"))
    client.close()
    rig.close()

    (noted,) = map(json.loads, calls.read_text().splitlines())
    assert (noted["action"], noted["granted"]) == ("bedrock:ApplyGuardrail", False)
    assert noted["resource"] == f"arn:aws:bedrock:{REGION}:123456789012:guardrail/{ID}"
