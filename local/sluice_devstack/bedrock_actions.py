"""What IAM asks of whoever calls Bedrock: which actions on which ARNs, by operation and model.

Strategy: Converse asks for the permission of InvokeModel, its stream for that of the other stream. A geographic profile
asks for itself, for the model in the caller's region and for the model in each region that it leads to, of which one
stands for all here; a global profile for the model without any region instead. CountTokens knows models only. What is
behind an application inference profile is not known here, so nothing is asked of it.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html
https://docs.aws.amazon.com/bedrock/latest/userguide/geographic-cross-region-inference.html
"""

from sluice_devstack.authorization import ACCOUNT, Action

INVOKE, STREAM, COUNT = "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream", "bedrock:CountTokens"
PERMISSIONS = {
    "Converse": INVOKE,
    "ConverseStream": STREAM,
    "InvokeModel": INVOKE,
    "InvokeModelWithResponseStream": STREAM,
    "CountTokens": COUNT,
}
LEADS_TO = {  # a region that a profile of this geography may send a call to
    "us": "us-west-2",
    "us-gov": "us-gov-east-1",
    "eu": "eu-central-1",
    "apac": "ap-southeast-2",
    "au": "ap-southeast-4",
    "ca": "ca-west-1",
    "in": "ap-south-2",
    "jp": "ap-northeast-3",
    "global": "",
}
PROFILE = ":inference-profile/"


def bedrock_actions(operation: str, model: str, region: str, guardrail: str = "") -> list[Action]:
    """What one call asks for. `operation` as AWS's API has it; `model` and `guardrail` are ids or ARNs, decoded."""
    permission = PERMISSIONS[operation]
    profile, models = _profile(model, region), _models(model, region)
    resources = models if permission == COUNT else [*profile, *models]
    return [Action(permission, resource) for resource in resources] + guardrail_actions(guardrail, region)


def guardrail_actions(guardrail: str, region: str) -> list[Action]:
    """What it takes to apply a guardrail, in a call of a model or by itself; nothing where none is named."""
    return [Action("bedrock:ApplyGuardrail", _guardrail(guardrail, region))] if guardrail else []


def _profile(model: str, region: str) -> list[str]:
    """The ARN, if it is not a foundation model's."""
    if model.startswith("arn:"):
        return [] if ":foundation-model/" in model else [model]
    is_profile = model.partition(".")[0] in LEADS_TO
    return [f"arn:aws:bedrock:{region}:{ACCOUNT}{PROFILE}{model}"] if is_profile else []


def _models(model: str, region: str) -> list[str]:
    """The ARNs of the foundation model, as far as the name says which it is."""
    if model.startswith("arn:") and PROFILE not in model:
        return [model] if ":foundation-model/" in model else []
    name = model.partition(PROFILE)[2] or model
    geography, _, behind = name.partition(".")
    if geography not in LEADS_TO:
        return [_model(name, region)]
    return [_model(behind, place) for place in (region, LEADS_TO[geography])]


def _model(name: str, region: str) -> str:
    return f"arn:aws:bedrock:{region}::foundation-model/{name}"


def _guardrail(guardrail: str, region: str) -> str:
    is_arn = guardrail.startswith("arn:")
    return guardrail if is_arn else f"arn:aws:bedrock:{region}:{ACCOUNT}:guardrail/{guardrail}"
