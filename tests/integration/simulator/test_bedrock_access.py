"""Who may call the simulated Bedrock: signatures as AWS checks them, API keys, and the policies of the template."""

import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from botocore.exceptions import ClientError
from tests.integration.simulator.bedrock_rig import (
    CLAUDE,
    DEVELOPER,
    NOVA,
    OTHER_REGION,
    READER,
    REGION,
    BedrockRig,
    user,
)

from sluice_devstack.event_loop import EventLoopThread
from sluice_devstack.sigv4 import Identity
from sluice_devstack.simulated.bedrock.access import identity

ROLE = identity(READER)


def refusal(bedrock: BedrockRig, who: Identity, region: str = REGION) -> str:
    client = bedrock.client_of(who, region)
    with pytest.raises(ClientError) as caught:
        client.converse(modelId=NOVA, messages=[user("hi")])
    client.close()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    return str(caught.value.response["Error"]["Code"])


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (replace(DEVELOPER, secret_access_key="fake-wrong"), "InvalidSignatureException"),
        (replace(DEVELOPER, access_key_id="AKIDNOBODY"), "UnrecognizedClientException"),
        (replace(DEVELOPER, session_token="fake-token"), "UnrecognizedClientException"),
        (replace(ROLE, session_token="fake-token"), "UnrecognizedClientException"),
        (replace(ROLE, session_token=None), "UnrecognizedClientException"),
    ],
)
def test_a_signature_that_is_not_theirs_is_refused(bedrock: BedrockRig, who: Identity, code: str) -> None:
    assert refusal(bedrock, who) == code


def test_a_signature_for_another_region_is_refused(bedrock: BedrockRig) -> None:
    assert refusal(bedrock, DEVELOPER, "eu-west-1") == "InvalidSignatureException"


def test_the_region_of_a_call_is_the_one_it_was_signed_for(loop: EventLoopThread, tmp_path: Path) -> None:
    rig = BedrockRig(loop, tmp_path / "calls.jsonl")
    client = rig.client_of(ROLE, OTHER_REGION)

    with pytest.raises(client.exceptions.AccessDeniedException, match=f"{OTHER_REGION}::foundation-model"):
        client.converse(modelId=NOVA, messages=[user("hi")])
    client.close()
    rig.close()


def test_a_changed_body_does_not_fit_the_signature(bedrock: BedrockRig) -> None:
    bedrock.client.converse(modelId=NOVA, messages=[user("Say: hi")])
    sent = bedrock.simulator.requests[-1]
    kept = {name: value for name, value in sent.headers.items() if name != "content-length"}

    bodies = (sent.body, sent.body.replace(b"hi", b"ho"))
    same, changed = (httpx.post(f"{bedrock.url}{sent.path}", headers=kept, content=body) for body in bodies)

    assert (same.status_code, changed.status_code) == (200, 403)
    assert changed.headers["x-amzn-errortype"].startswith("InvalidSignatureException:")


@pytest.mark.parametrize(
    ("headers", "name"),
    [({}, "MissingAuthenticationTokenException"), ({"authorization": "Bearer fake"}, "AccessDeniedException")],
)
def test_without_a_signature_or_a_known_key_there_is_no_call(
    bedrock: BedrockRig, headers: dict[str, str], name: str
) -> None:
    answer = httpx.post(f"{bedrock.url}/model/{NOVA}/converse", headers=headers, json={"messages": [user("hi")]})

    assert answer.status_code == 403
    assert answer.headers["x-amzn-errortype"].partition(":")[0] == name


def test_a_role_may_do_what_its_policy_grants_and_nothing_else(loop: EventLoopThread, tmp_path: Path) -> None:
    calls = tmp_path / "calls.jsonl"
    rig = BedrockRig(loop, calls)
    client = rig.client_of(ROLE)
    denied = client.exceptions.AccessDeniedException

    client.converse(modelId=NOVA, messages=[user("hi")])
    client.invoke_model(modelId=NOVA, body=json.dumps({"messages": [user("hi")]}))["body"].read()
    with pytest.raises(denied, match="bedrock:InvokeModelWithResponseStream"):
        client.converse_stream(modelId=NOVA, messages=[user("hi")])
    with pytest.raises(denied, match="bedrock:InvokeModel on resource: arn:aws:bedrock:"):
        client.converse(modelId=CLAUDE, messages=[user("hi")])
    client.close()
    rig.close()

    noted = [json.loads(line) for line in calls.read_text().splitlines()]
    model = f"arn:aws:bedrock:{REGION}::foundation-model/{NOVA}"
    assert noted[:2] == [
        {"holder": "Reader", "action": "bedrock:InvokeModel", "resource": model, "granted": True},
        {"holder": "Reader", "action": "bedrock:InvokeModelWithResponseStream", "resource": model, "granted": False},
    ]
    assert {call["holder"] for call in noted} == {"Reader"}
    assert not any(call["granted"] for call in noted[1:])
