"""CloudFormation's YAML and its intrinsic functions, resolved for one machine: parameters have their defaults.

Strategy: tags become their long form while reading (`!Sub x` is `{"Fn::Sub": x}`), and a value is resolved when it is
asked for, so what nobody reads cannot fail. A reference to a resource is its name, an attribute an ARN of its kind.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml

ACCOUNT = "123456789012"
REGION = "us-east-1"
NO_VALUE = object()
PSEUDO_PARAMETERS: dict[str, Any] = {
    "AWS::AccountId": ACCOUNT,
    "AWS::NoValue": NO_VALUE,
    "AWS::NotificationARNs": [],
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/sluice/local",
    "AWS::StackName": "sluice",
    "AWS::URLSuffix": "amazonaws.com",
}
NAME_PROPERTIES = ("TableName", "FunctionName", "LogGroupName", "RoleName", "Name")
ARN_RESOURCES = {
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{name}",
    "AWS::Serverless::Function": "lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{name}:*",
    "AWS::SecretsManager::Secret": "secretsmanager:{region}:{account}:secret:{name}",
}
SHORT_FORMS_WITHOUT_PREFIX = ("Ref", "Condition")
SUBSTITUTION = re.compile(r"\$\{(!?)([^}]+)\}")


class TemplateError(Exception):
    """The template cannot be read as the local stack needs it; the message names the place."""


class _Loader(yaml.SafeLoader):
    """YAML as CloudFormation reads it: its tags known, dates left as text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (PyYAML's own class attribute)
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _long_form(loader: _Loader, short: str, node: yaml.Node) -> dict[str, Any]:
    value = _node_value(loader, node)
    if short == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {short if short in SHORT_FORMS_WITHOUT_PREFIX else f"Fn::{short}": value}


def _node_value(loader: _Loader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    return loader.construct_scalar(node)  # type: ignore[arg-type]


_Loader.add_multi_constructor("!", _long_form)


def parse(text: str) -> dict[str, Any]:
    document = yaml.load(text, Loader=_Loader)
    if not isinstance(document, dict):
        raise TemplateError("a template is a mapping with Resources")
    return document


class Resolver:
    """Values of one template. `overrides` replace parameters' defaults; one that is refused is a TemplateError."""

    def __init__(self, document: Mapping[str, Any], overrides: Mapping[str, str] | None = None) -> None:
        self._document = document
        self._overrides = overrides or {}
        for name, value in self._overrides.items():
            _check(name, value, self._named("Parameters", name))
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._reference,
            "Condition": self.condition,
            "Fn::And": lambda terms: all(self.resolve(term) for term in terms),
            "Fn::Equals": lambda pair: str(self.resolve(pair[0])) == str(self.resolve(pair[1])),
            "Fn::FindInMap": self._in_map,
            "Fn::GetAtt": self._attribute,
            "Fn::If": lambda parts: self.resolve(parts[1] if self.condition(parts[0]) else parts[2]),
            "Fn::Join": lambda parts: self.resolve(parts[0]).join(str(item) for item in self.resolve(parts[1])),
            "Fn::Not": lambda terms: not self.resolve(terms[0]),
            "Fn::Or": lambda terms: any(self.resolve(term) for term in terms),
            "Fn::Select": lambda parts: self.resolve(parts[1])[int(self.resolve(parts[0]))],
            "Fn::Split": lambda parts: self.resolve(parts[1]).split(parts[0]),
            "Fn::Sub": self._substituted,
        }

    def resolve(self, value: Any) -> Any:
        """The value with every intrinsic function applied; what resolves to AWS::NoValue is left out."""
        if isinstance(value, dict):
            return self._apply(value) if _is_intrinsic(value) else self._mapping(value)
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not NO_VALUE]
        return value

    def condition(self, name: str) -> bool:
        return bool(self.resolve(self._named("Conditions", name)))

    def _mapping(self, value: dict[str, Any]) -> dict[str, Any]:
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def _apply(self, value: dict[str, Any]) -> Any:
        name, argument = next(iter(value.items()))
        if name not in self._functions:
            raise TemplateError(f"{name} is not known to the local stack; known: {', '.join(self._functions)}")
        return self._functions[name](argument)

    def _reference(self, name: str) -> Any:
        if name in PSEUDO_PARAMETERS:
            return PSEUDO_PARAMETERS[name]
        if name in self._document.get("Parameters", {}):
            return self._parameter(name)
        return self.name_of(name)

    def _parameter(self, name: str) -> Any:
        declared = self._document["Parameters"][name]
        if name not in self._overrides and "Default" not in declared:
            raise TemplateError(f"parameter {name} has no default, so it needs a value here")
        value = self._overrides.get(name, declared.get("Default"))
        return _items(value) if _is_list(declared) else value

    def name_of(self, logical_id: str) -> str:
        """The physical name: the one the template gives, else one like CloudFormation's, without its random tail."""
        properties = self._named("Resources", logical_id).get("Properties", {})
        given = next((properties[key] for key in NAME_PROPERTIES if key in properties), NO_VALUE)
        name = self.resolve(given)
        return f"{PSEUDO_PARAMETERS['AWS::StackName']}-{logical_id}" if name is NO_VALUE else str(name)

    def _attribute(self, argument: Any) -> str:
        logical_id, attribute = argument
        if attribute == "StreamArn":  # its last part is when the stream began, which no template knows
            return f"{self._attribute([logical_id, 'Arn'])}/stream/*"
        if attribute != "Arn":
            return f"{self.name_of(logical_id)}.{self.resolve(attribute)}"
        kind = self._named("Resources", logical_id).get("Type", "")
        pattern = ARN_RESOURCES.get(kind, "cloudformation:{region}:{account}:resource/{name}")
        return "arn:aws:" + pattern.format(region=REGION, account=ACCOUNT, name=self.name_of(logical_id))

    def _substituted(self, argument: Any) -> str:
        text, given = argument if isinstance(argument, list) else (argument, {})

        def value(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return "${" + name + "}"
            return str(self.resolve(given[name]) if name in given else self._dotted(name.strip()))

        return SUBSTITUTION.sub(value, text)

    def _dotted(self, name: str) -> Any:
        logical_id, dot, attribute = name.partition(".")
        return self._attribute([logical_id, attribute]) if dot else self._reference(name)

    def _in_map(self, argument: Any) -> Any:
        name, first, second = (self.resolve(part) for part in argument[:3])
        return self.resolve(self._named("Mappings", name)[first][second])

    def _named(self, section: str, name: str) -> Any:
        entries = self._document.get(section, {})
        if name not in entries:
            raise TemplateError(f"{section} has no {name!r}; it has: {', '.join(entries) or 'nothing'}")
        return entries[name]


def _check(name: str, value: str, declared: Mapping[str, Any]) -> None:
    """As CloudFormation does before it begins; of a list, each item."""
    for item in _items(value) if _is_list(declared) else [value]:
        if not _is_accepted(item, declared):
            right = (
                declared.get("ConstraintDescription") or f"is not accepted by template.yaml; want {_wanted(declared)}"
            )
            raise TemplateError(f"parameter {name}: {item!r} {right}")


def _wanted(declared: Mapping[str, Any]) -> str:
    """What a parameter takes, in words."""
    if "AllowedValues" in declared:
        return f"one of {', '.join(map(str, declared['AllowedValues']))}"
    if "AllowedPattern" in declared:
        return f"text like {declared['AllowedPattern']}"
    least, most = declared.get("MinValue"), declared.get("MaxValue")
    bounds = [f"at {word} {bound}" for word, bound in (("least", least), ("most", most)) if bound is not None]
    return f"a number of {' and '.join(bounds)}" if bounds else "a number"


def _is_accepted(item: str, declared: Mapping[str, Any]) -> bool:
    least, most = (float(declared.get(key, bound)) for key, bound in (("MinValue", "-inf"), ("MaxValue", "inf")))
    return (
        re.fullmatch(declared.get("AllowedPattern", ".*"), item, re.DOTALL) is not None
        and item in map(str, declared.get("AllowedValues", [item]))
        and (declared.get("Type") != "Number" or least <= _number(item) <= most)
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _is_list(declared: Mapping[str, Any]) -> bool:
    kind = str(declared.get("Type", ""))
    return kind == "CommaDelimitedList" or kind.startswith("List<")


def _items(value: object) -> list[str]:
    return [part.strip() for part in str(value).split(",")]


def _is_intrinsic(value: dict[str, Any]) -> bool:
    if len(value) != 1:
        return False
    name = next(iter(value))
    return isinstance(name, str) and (name == "Ref" or name.startswith("Fn::") or _is_condition(value))


def _is_condition(value: dict[str, Any]) -> bool:
    """`{Condition: Name}` is an intrinsic; a policy statement's Condition holds a mapping."""
    return isinstance(value.get("Condition"), str)
