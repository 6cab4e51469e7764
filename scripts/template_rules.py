"""What template.yaml must never say, as functions from the template to complaints; an empty list is a good template.

They read template.yaml, tags in their long form, and the CloudFormation that SAM makes of it; they know no resource by
its name but the table. `make check` and `make build` run them on both forms (template_check.py), and a test breaks the
template on purpose for each.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

Template = dict[str, Any]
Rule = Callable[[Template], list[str]]

FUNCTIONS = ("AWS::Serverless::Function", "AWS::Lambda::Function")
URL_PERMISSIONS = {  # what a function URL asks of its caller, and the property that keeps each to the URL
    "lambda:InvokeFunctionUrl": ("FunctionUrlAuthType", "AWS_IAM"),
    "lambda:InvokeFunction": ("InvokedViaFunctionUrl", True),
}
KEYS = {"": ("pk", "sk"), "bytime": ("g2pk", "g2sk"), "open": ("opk", "osk")}
PROJECTIONS = {"bytime": "ALL", "open": "KEYS_ONLY"}
OUTLIVES = {"AWS::DynamoDB::Table", "AWS::SecretsManager::Secret"}
ONLY_IN_PROD = {"Fn::If": ["IsProd", True, False]}
PROD = {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}
MODELS = r"arn:\$\{AWS::Partition\}:bedrock:\*::foundation-model/\$\{\w+\}"  # wherever a profile may send a call
PROFILES = r"arn:\$\{AWS::Partition\}:bedrock:\*:\$\{AWS::AccountId\}:(application-)?inference-profile/\*"
OF_BEDROCK = {  # action: its resources, as they are written; a guardrail is written in a parameter alone
    "bedrock:InvokeModel": (MODELS, PROFILES),
    "bedrock:InvokeModelWithResponseStream": (MODELS, PROFILES),
    "bedrock:CountTokens": (MODELS,),
    "bedrock:ApplyGuardrail": (r"\w+",),
}
BESIDE_BEDROCK = re.compile(r"bedrock|bedrock-.*|aws-marketplace")
OPEN_END = re.compile(r"[^*]*[^*:]/\*")  # below one name of ours, never a whole service


def properties(template: Template, *kinds: str) -> dict[str, dict[str, Any]]:
    """Of every resource of these kinds, by logical id."""
    resources: dict[str, dict[str, Any]] = template["Resources"]
    return {name: entry["Properties"] for name, entry in resources.items() if entry["Type"] in kinds}


def urls(template: Template) -> dict[str, dict[str, Any]]:
    """The settings of every function URL."""
    functions = properties(template, *FUNCTIONS).items()
    of_sam = {name: each["FunctionUrlConfig"] for name, each in functions if "FunctionUrlConfig" in each}
    return of_sam | properties(template, "AWS::Lambda::Url")


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


def dict_of(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def branches(value: Any) -> Iterator[Any]:
    """What a property may be, whichever way its conditions fall."""
    choice = dict_of(value).get("Fn::If")
    if choice is None:
        yield value
    else:
        for branch in choice[1:]:
            yield from branches(branch)


def text(value: Any) -> str:
    """An ARN or a name as it is written, `${...}` and all."""
    if isinstance(value, dict):
        substituted = as_list(value.get("Fn::Sub", ""))[0]
        return str(substituted or value.get("Ref") or ".".join(as_list(value.get("Fn::GetAtt", ""))))
    return str(value)


def resources(statement: dict[str, Any]) -> list[str]:
    """Of a policy statement, as they are written, whichever way the conditions fall; `*` for what cannot be read."""
    listed = [one for each in branches(statement.get("Resource", [])) for one in as_list(each)]
    found = [text(branch) or "*" for one in listed for branch in branches(one)]
    return [one for one in found if one != "AWS::NoValue"]


def is_wide(resource: str, statement: dict[str, Any]) -> bool:
    """Reaches further than below one name of ours; models have rules of their own."""
    patterns = [each for action in as_list(statement["Action"]) for each in OF_BEDROCK.get(action, ())]
    is_of_models = any(re.fullmatch(each, resource) for each in patterns)
    return "*" in resource and not OPEN_END.fullmatch(resource) and not is_of_models


def parameters_in(template: Template, value: Any) -> set[str]:
    """The parameters that a value is made of."""
    if isinstance(value, list):
        return {name for item in value for name in parameters_in(template, item)}
    if not isinstance(value, dict):
        return set()
    named = {str(value["Ref"])} if "Ref" in value else set(re.findall(r"\$\{(\w+)\}", text(value)))
    deeper = {name for item in value.values() for name in parameters_in(template, item)}
    return {name for name in named | deeper if name in template.get("Parameters", {})}


def may_be_everybody(template: Template, value: Any) -> bool:
    """Says `*`, or is a parameter's that would take it."""
    if "*" in as_list(value):
        return True
    declared = [template["Parameters"][name] for name in parameters_in(template, value)]
    return any(re.fullmatch(each.get("AllowedPattern", ".*"), "*") or "*" in str(each["Default"]) for each in declared)


def url_is_signed_and_streams(template: Template) -> list[str]:
    wanted = {"AuthType": "AWS_IAM", "InvokeMode": "RESPONSE_STREAM"}
    found = urls(template)
    wrong = [
        f"{name}: {key} is {url.get(key)!r}, not {wanted[key]!r}"
        for name, url in found.items()
        for key in wanted
        if url.get(key) != wanted[key]
    ]
    return wrong if found else ["no function URL"]


def pages_are_let_in_by_name(template: Template) -> list[str]:
    """No `*` in CORS: as an origin it lets every page in, as a header it does not cover `authorization`."""
    wrong = []
    for name, url in urls(template).items():
        for cors in map(dict_of, branches(url.get("Cors", {}))):
            everything = [key for key, value in cors.items() if may_be_everybody(template, value)]
            wrong += [f"{name}: CORS {key} may be *" for key in everything]
    return wrong


def callers_get_both_permissions(template: Template) -> list[str]:
    """Both on the alias that the URL is on, each under the condition that keeps it to the URL."""
    granted: dict[str, dict[str, Any]] = {}
    for policy in properties(template, "AWS::IAM::ManagedPolicy").values():
        for each in statements(policy):
            granted |= dict.fromkeys((one for one in as_list(each["Action"]) if one.startswith("lambda:")), each)
    wrong = [f"callers may not {action}" for action in URL_PERMISSIONS.keys() - granted]
    for action, each in granted.items():
        key, value = URL_PERMISSIONS.get(action, ("", ""))
        said = {name: right for test in dict_of(each.get("Condition")).values() for name, right in test.items()}
        if str(said.get(f"lambda:{key}")).lower() != str(value).lower():
            wrong.append(f"{action}: no condition that keeps it to the URL")
        if not text(each["Resource"]).endswith(":live"):
            wrong.append(f"{action}: not on :live")
    return wrong


def other_accounts_get_both_permissions(template: Template) -> list[str]:
    """Each of them both, on the alias, kept to the URL; a service only for one source."""
    granted: dict[str, set[str]] = {}
    wrong = []
    for name, each in properties(template, "AWS::Lambda::Permission").items():
        action, key = each["Action"], URL_PERMISSIONS.get(each["Action"], ("", ""))
        if may_be_everybody(template, each["Principal"]):
            wrong.append(f"{name}: principal * for {action}")
        if str(each["Principal"]).endswith(".amazonaws.com"):
            wrong += [] if each.get("SourceArn") else [f"{name}: any source of {each['Principal']}"]
            continue
        granted.setdefault(repr(each["Principal"]), set()).add(action)
        if each.get(key[0]) != key[1]:
            wrong.append(f"{name}: {action} is not kept to the URL")
        if "Alias" not in text(each.get("FunctionName")):
            wrong.append(f"{name}: not on the alias")
    missing = {who: URL_PERMISSIONS.keys() - actions for who, actions in granted.items()}
    return wrong + [f"{who} may not {action}" for who, actions in missing.items() for action in actions]


def nobody_gets_everything(template: Template) -> list[str]:
    wrong = []
    for each in statements(template["Resources"]):
        if any("*" in str(action) for action in as_list(each.get("Action", "*"))):
            wrong.append(f"action {each.get('Action')}")
        wrong += [f"resource {one} for {each['Action']}" for one in resources(each) if is_wide(one, each)]
        if "*" in as_list(each.get("Principal", [])) or "*" in as_list(dict_of(each.get("Principal")).get("AWS", [])):
            wrong.append(f"principal * for {each['Action']}")
    return wrong


def bedrock_is_models_and_named_guardrails(template: Template) -> list[str]:
    """Nothing of Bedrock and its marketplace but to call models; a guardrail only where a parameter names it."""
    wrong = []
    for each in statements(template["Resources"]):
        for action in map(str, as_list(each["Action"])):
            if BESIDE_BEDROCK.fullmatch(action.partition(":")[0]):
                patterns = OF_BEDROCK.get(action, ())
                others = [one for one in resources(each) if not any(re.fullmatch(known, one) for known in patterns)]
                wrong += [f"{action} on {one}" for one in others]
        if "bedrock:ApplyGuardrail" in as_list(each["Action"]) and may_be_everybody(template, each.get("Resource")):
            wrong.append("any guardrail")
    return wrong


def nobody_gets_more_than_is_written(template: Template) -> list[str]:
    """What a role may do stands in its own policies, where the rules above can read it."""
    roles, functions = properties(template, "AWS::IAM::Role"), properties(template, *FUNCTIONS)
    wrong = [f"{name}: ManagedPolicyArns" for name, role in roles.items() if role.get("ManagedPolicyArns")]
    return wrong + [f"{name}: Policies beside its role" for name, each in functions.items() if "Policies" in each]


def logs_end(template: Template) -> list[str]:
    groups = properties(template, "AWS::Logs::LogGroup")
    wrong = [f"{name}: kept for ever" for name, group in groups.items() if not group.get("RetentionInDays")]
    for name, function in properties(template, *FUNCTIONS).items():
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
    wrong = [] if template.get("Conditions", {}).get("IsProd") == PROD else [f"IsProd is not {PROD}"]
    for name, table in properties(template, "AWS::DynamoDB::Table").items():
        if dict_of(table.get("PointInTimeRecoverySpecification")).get("PointInTimeRecoveryEnabled") is not True:
            wrong.append(f"{name}: no point-in-time recovery")
        if dict_of(table.get("SSESpecification")).get("SSEEnabled") is not True:
            wrong.append(f"{name}: not encrypted")
        if table.get("DeletionProtectionEnabled") != ONLY_IN_PROD:
            wrong.append(f"{name}: not protected in prod")
    for name, entry in template["Resources"].items():
        if entry["Type"] in OUTLIVES and not str(entry.get("DeletionPolicy")).startswith("Retain"):
            wrong.append(f"{name}: goes with the stack")
        if entry["Type"] in OUTLIVES and entry.get("UpdateReplacePolicy") != "Retain":
            wrong.append(f"{name}: goes when it is replaced")
    return wrong


def the_wallet_has_a_fuse(template: Template) -> list[str]:
    """A parameter bounds how many calls run at once, and can shut the gateway with 0."""
    wrong = []
    for name, function in properties(template, *FUNCTIONS).items():
        if "FunctionUrlConfig" not in function and f"{name}Url" not in template["Resources"]:
            continue
        named = parameters_in(template, function.get("ReservedConcurrentExecutions"))
        if not any(template["Parameters"][each].get("MinValue", 0) <= 0 for each in named):
            wrong.append(f"{name}: no parameter bounds its concurrency from 0 on")
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
    pages_are_let_in_by_name,
    callers_get_both_permissions,
    other_accounts_get_both_permissions,
    nobody_gets_everything,
    bedrock_is_models_and_named_guardrails,
    nobody_gets_more_than_is_written,
    logs_end,
    table_is_the_ledger,
    data_is_safe,
    the_wallet_has_a_fuse,
    secrets_are_never_parameters,
]
