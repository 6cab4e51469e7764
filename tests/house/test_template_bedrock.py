"""What template.yaml lets the gateway do on Amazon Bedrock: by parameter, by page, and by AWS's own list of actions."""

import json
import re
from typing import Any

import botocore.session
import pytest
from tests.house.pages import fenced, section, text
from tests.house.repository import ROOT

from sluice_devstack.bedrock_actions import LEADS_TO, PERMISSIONS, bedrock_actions
from sluice_devstack.intrinsics import ACCOUNT, REGION, TemplateError
from sluice_devstack.roles import Holder
from sluice_devstack.template import Template
from template_rules import OF_BEDROCK

CLAUDE, NOVA = "anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-lite-v1:0"
INVOKE, STREAM, COUNT = "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream", "bedrock:CountTokens"
GUARDRAIL = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:guardrail/gr4a1b2c"
GUARDRAIL_PROFILE = f"arn:aws:bedrock:us-west-2:{ACCOUNT}:guardrail-profile/us.guardrail.v1:0"
PROFILES = [f"arn:aws:bedrock:*:{ACCOUNT}:{kind}/*" for kind in ("inference-profile", "application-inference-profile")]
PAGE = text(ROOT / "docs/security.md")
OTHERS = "arn:aws:bedrock:us-east-1:999999999999:inference-profile/us.amazon.nova-lite-v1:0"

pytestmark = pytest.mark.fault("X01")


def gateway(**parameters: str) -> Holder:
    return Template.load(ROOT, parameters).holders()["GatewayRole"]


def granted(holder: Holder) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in holder.grants:
        if each.action.startswith("bedrock"):
            found.setdefault(each.action, []).append(each.resource)
    return found


def may(holder: Holder, operation: str, model: str, guardrail: str = "") -> bool:
    grants = [(each.action, each.resource) for each in holder.grants]
    return all(asked.is_granted(grants) for asked in bedrock_actions(operation, model, REGION, guardrail))


def models(*patterns: str) -> list[str]:
    return [f"arn:aws:bedrock:*::foundation-model/{pattern}" for pattern in patterns]


@pytest.mark.parametrize("patterns", [["*"], ["anthropic.*"], [CLAUDE, NOVA], ["a.*", "b.*", "c.*", "d.*", "e.*"]])
def test_the_role_may_call_what_the_parameter_lists_and_count_its_tokens(patterns: list[str]) -> None:
    named = models(*patterns)

    found = granted(gateway(BedrockModels=",".join(patterns)))

    assert found == {INVOKE: named + PROFILES, STREAM: named + PROFILES, COUNT: named}


def test_by_default_it_may_call_every_model_and_no_guardrail() -> None:
    assert granted(gateway()) == granted(gateway(BedrockModels="*", BedrockGuardrails=""))
    assert granted(gateway())[COUNT] == models("*")


def test_none_grants_nothing_on_bedrock() -> None:
    assert granted(gateway(BedrockModels="none")) == {}


def test_guardrails_are_granted_as_listed() -> None:
    found = granted(gateway(BedrockGuardrails=f"{GUARDRAIL},{GUARDRAIL_PROFILE}"))

    assert found["bedrock:ApplyGuardrail"] == [GUARDRAIL, GUARDRAIL_PROFILE]


@pytest.mark.parametrize("operation", PERMISSIONS)
@pytest.mark.parametrize(
    "prefix", ["", "us.", "eu.", "global.", f"arn:aws:bedrock:{REGION}:{ACCOUNT}:inference-profile/us."]
)
def test_a_model_is_called_by_id_and_by_profile_only_if_it_is_listed(operation: str, prefix: str) -> None:
    narrow = gateway(BedrockModels="amazon.nova-*")

    assert may(narrow, operation, prefix + NOVA)
    assert not may(narrow, operation, prefix + CLAUDE)
    assert may(gateway(), operation, prefix + CLAUDE)


@pytest.mark.parametrize(
    "model",
    [
        OTHERS,
        f"arn:aws:bedrock:{REGION}:{ACCOUNT}:provisioned-model/a1b2c3d4e5f6",
        f"arn:aws:bedrock:{REGION}:{ACCOUNT}:imported-model/a1b2c3d4e5f6",
        f"arn:aws:bedrock:{REGION}:{ACCOUNT}:default-prompt-router/anthropic.claude:1",
    ],
)
def test_what_is_no_model_and_no_profile_of_the_account_is_not_granted(model: str) -> None:
    assert not may(gateway(), "Converse", model)


def test_a_guardrail_that_is_not_listed_is_not_granted() -> None:
    assert not may(gateway(), "Converse", NOVA, GUARDRAIL)
    assert may(gateway(BedrockGuardrails=GUARDRAIL), "Converse", NOVA, "gr4a1b2c")
    assert not may(gateway(BedrockGuardrails=GUARDRAIL), "Converse", NOVA, "gr9z9z9z")


@pytest.mark.parametrize(
    "value",
    [
        *(f"{geography}.{CLAUDE}" for geography in LEADS_TO),
        f"{NOVA},global.{CLAUDE}",
        f"{NOVA}, {CLAUDE}",
        "a.*,b.*,c.*,d.*,e.*,f.*",
        f"{NOVA},",
        f",{NOVA}",
        f"{NOVA},,{CLAUDE}",
        f"arn:aws:bedrock:{REGION}::foundation-model/{NOVA}",
        "a/b",
        "",
    ],
)
def test_a_list_of_models_that_would_grant_something_else_is_refused(value: str) -> None:
    with pytest.raises(TemplateError, match="must be none, or at most 5 ids of foundation models"):
        gateway(BedrockModels=value)


@pytest.mark.parametrize("value", ["*", "gr4a1b2c", f"{GUARDRAIL},*", GUARDRAIL.replace(ACCOUNT, "*"), f"{GUARDRAIL}*"])
def test_guardrails_are_whole_arns(value: str) -> None:
    with pytest.raises(TemplateError, match="must be ARNs of guardrails"):
        gateway(BedrockGuardrails=value)


@pytest.mark.parametrize(
    ("block", "parameters"),
    [(0, {}), (1, {"BedrockModels": "none", "BedrockGuardrails": GUARDRAIL})],
)
def test_a_policy_on_the_page_is_the_one_that_is_deployed(block: int, parameters: dict[str, str]) -> None:
    page = fenced(section(PAGE, "Gateway on Bedrock"), "json")[block]
    policy: Any = json.loads(
        page.replace("GUARDRAIL_ID", "gr4a1b2c").replace("REGION", REGION).replace("ACCOUNT", ACCOUNT)
    )
    told: dict[str, list[str]] = {}
    for each in policy["Statement"]:
        for action in [each["Action"]] if isinstance(each["Action"], str) else each["Action"]:
            told.setdefault(action, []).extend(each["Resource"])

    assert told == granted(gateway(**parameters))


def test_every_action_is_an_operation_of_aws_and_every_operation_has_one() -> None:
    operations = set(botocore.session.get_session().get_service_model("bedrock-runtime").operation_names)

    assert {action.partition(":")[2] for action in OF_BEDROCK} | set(PERMISSIONS) <= operations
    assert set(PERMISSIONS.values()) | {"bedrock:ApplyGuardrail"} == set(OF_BEDROCK)


def test_a_row_of_what_is_not_verified_names_each_parameter() -> None:
    rows = section(text(ROOT / "docs/operations.md"), "Not verified on AWS")

    assert set(re.findall(r"Bedrock[A-Z]\w+", rows)) == {"BedrockModels", "BedrockGuardrails"}
