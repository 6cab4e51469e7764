"""What template.yaml must never say, as functions from the template to complaints; an empty list is a good template.

They read the document as CloudFormation does, tags in their long form, and know no resource by its name but the table.
"""

from collections.abc import Callable, Iterator
from typing import Any

Template = dict[str, Any]
Rule = Callable[[Template], list[str]]

URL_PERMISSIONS = {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
KEYS = {"": ("pk", "sk"), "byprincipal": ("g1pk", "g1sk"), "bytime": ("g2pk", "g2sk"), "open": ("opk", "osk")}
PROJECTIONS = {"byprincipal": "ALL", "bytime": "ALL", "open": "KEYS_ONLY"}
OUTLIVES = {"AWS::DynamoDB::Table", "AWS::SecretsManager::Secret"}


def properties(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """Of every resource of the kind, by logical id."""
    resources: dict[str, dict[str, Any]] = template["Resources"]
    return {name: entry["Properties"] for name, entry in resources.items() if entry["Type"] == kind}


def statements(node: object) -> Iterator[dict[str, Any]]:
    """Every policy statement anywhere in the template."""
    if isinstance(node, dict):
        if "Effect" in node:
            yield node
        for value in node.values():
            yield from statements(value)
    elif isinstance(node, list):
        for value in node:
            yield from statements(value)


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def url_is_signed_and_streams(template: Template) -> list[str]:
    wanted = {"AuthType": "AWS_IAM", "InvokeMode": "RESPONSE_STREAM"}
    functions = properties(template, "AWS::Serverless::Function")
    urls = {name: each["FunctionUrlConfig"] for name, each in functions.items() if "FunctionUrlConfig" in each}
    wrong = [
        f"{name}: {key} is {url.get(key)!r}"
        for name, url in urls.items()
        for key in wanted
        if url.get(key) != wanted[key]
    ]
    wrong += [
        f"{name}: CORS of *"
        for name, url in urls.items()
        if "*" in as_list(url.get("Cors", {}).get("AllowOrigins", []))
    ]
    return wrong if urls else ["no function URL"]


def callers_get_both_permissions(template: Template) -> list[str]:
    """Both on the alias that the URL is on, each under the condition that keeps it to the URL."""
    granted: dict[str, dict[str, Any]] = {}
    for policy in properties(template, "AWS::IAM::ManagedPolicy").values():
        for each in statements(policy):
            actions = [action for action in as_list(each["Action"]) if action.startswith("lambda:")]
            granted |= dict.fromkeys(actions, each)
    missing = [f"callers may not {action}" for action in URL_PERMISSIONS - set(granted)]
    loose = [f"{action}: no condition" for action, each in granted.items() if not each.get("Condition")]
    elsewhere = [f"{action}: not on :live" for action, each in granted.items() if not target(each).endswith(":live")]
    return missing + loose + elsewhere


def target(statement: dict[str, Any]) -> str:
    return str(statement["Resource"].get("Fn::Sub", "") if isinstance(statement["Resource"], dict) else "")


def nobody_gets_everything(template: Template) -> list[str]:
    wrong = []
    for each in statements(template["Resources"]):
        if any("*" in str(action) for action in as_list(each.get("Action", "*"))):
            wrong.append(f"action {each.get('Action')}")
        if "Resource" in each and any(resource == "*" for resource in as_list(each["Resource"])):
            wrong.append(f"resource * for {each['Action']}")
        if "*" in as_list(each.get("Principal", [])) or "*" in as_list(dict_of(each.get("Principal")).get("AWS", [])):
            wrong.append(f"principal * for {each['Action']}")
    permissions = properties(template, "AWS::Lambda::Permission")
    return wrong + [f"{name}: principal *" for name, each in permissions.items() if each["Principal"] == "*"]


def dict_of(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def logs_end(template: Template) -> list[str]:
    groups = properties(template, "AWS::Logs::LogGroup")
    wrong = [f"{name}: kept for ever" for name, group in groups.items() if not group.get("RetentionInDays")]
    for name, function in properties(template, "AWS::Serverless::Function").items():
        logging = function.get("LoggingConfig", {})
        if dict_of(logging.get("LogGroup")).get("Ref") not in groups:
            wrong.append(f"{name}: no log group of its own")
        if logging.get("LogFormat") != "JSON":
            wrong.append(f"{name}: logs are not JSON")
    return wrong


def table_is_the_ledger(template: Template) -> list[str]:
    table = properties(template, "AWS::DynamoDB::Table")["LedgerTable"]
    indexes = {index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]}
    schemas = {"": table["KeySchema"]} | {name: index["KeySchema"] for name, index in indexes.items()}
    keys = {name: tuple(key["AttributeName"] for key in schema) for name, schema in schemas.items()}
    kinds = {tuple(key["KeyType"] for key in schema) for schema in schemas.values()}
    typed = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    projections = {name: index["Projection"]["ProjectionType"] for name, index in indexes.items()}
    wanted = [
        (keys, KEYS),
        (kinds, {("HASH", "RANGE")}),
        (typed, {key: "S" for pair in KEYS.values() for key in pair}),
        (projections, PROJECTIONS),
        (table.get("TimeToLiveSpecification"), {"AttributeName": "exp", "Enabled": True}),
        (table.get("StreamSpecification"), {"StreamViewType": "NEW_AND_OLD_IMAGES"}),
        (table.get("BillingMode"), "PAY_PER_REQUEST"),
    ]
    return [f"the table has {found}, not {right}" for found, right in wanted if found != right]


def data_is_safe(template: Template) -> list[str]:
    wrong = []
    for name, table in properties(template, "AWS::DynamoDB::Table").items():
        if dict_of(table.get("PointInTimeRecoverySpecification")).get("PointInTimeRecoveryEnabled") is not True:
            wrong.append(f"{name}: no point-in-time recovery")
        if dict_of(table.get("SSESpecification")).get("SSEEnabled") is not True:
            wrong.append(f"{name}: not encrypted")
        if table.get("DeletionProtectionEnabled") != {"Fn::If": ["IsProd", True, False]}:
            wrong.append(f"{name}: not protected in prod")
    for name, entry in template["Resources"].items():
        if entry["Type"] in OUTLIVES and not str(entry.get("DeletionPolicy")).startswith("Retain"):
            wrong.append(f"{name}: goes with the stack")
        if entry["Type"] in OUTLIVES and entry.get("UpdateReplacePolicy") != "Retain":
            wrong.append(f"{name}: goes when it is replaced")
    return wrong


def secrets_are_never_parameters(template: Template) -> list[str]:
    secrets = properties(template, "AWS::SecretsManager::Secret")
    wrong = [f"{name}: holds more than a placeholder" for name, each in secrets.items() if each["SecretString"] != "{}"]
    return wrong + [f"{name}: a secret" for name, each in template["Parameters"].items() if each.get("NoEcho")]


def grants(template: Template, role: str) -> dict[str, list[Any]]:
    """What a role may do: action to resources."""
    found: dict[str, list[Any]] = {}
    for each in statements(template["Resources"][role]["Properties"]["Policies"]):
        for action in as_list(each["Action"]):
            found.setdefault(action, []).extend(as_list(each["Resource"]))
    return found


RULES: list[Rule] = [
    url_is_signed_and_streams,
    callers_get_both_permissions,
    nobody_gets_everything,
    logs_end,
    table_is_the_ledger,
    data_is_safe,
    secrets_are_never_parameters,
]
