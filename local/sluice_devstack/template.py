"""What the local stack reads from template.yaml, so that it runs what is deployed: functions, their URL, the table.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice_devstack.intrinsics import Resolver, TemplateError, parse
from sluice_devstack.roles import MANAGED_POLICY, ROLE, Holder, holder

FUNCTION = "AWS::Serverless::Function"
TABLE = "AWS::DynamoDB::Table"
STREAM = "DynamoDB"  # SAM's name of an event source that is a table's stream
DEFAULT_BATCH_SIZE = 100
DEFAULT_TIMEOUT_SECONDS = 3
DEFAULT_MEMORY_MB = 128
CREATE_TABLE_PROPERTIES = (  # encryption and deletion protection say nothing about a local engine
    "KeySchema",
    "AttributeDefinitions",
    "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes",
    "BillingMode",
    "ProvisionedThroughput",
)


@dataclass(frozen=True, slots=True)
class CorsSettings:
    """The `Cors` of a function URL; empty tuples where the template says nothing."""

    allow_credentials: bool
    allow_headers: tuple[str, ...]
    allow_methods: tuple[str, ...]
    allow_origins: tuple[str, ...]
    expose_headers: tuple[str, ...]
    max_age_seconds: int | None


@dataclass(frozen=True, slots=True)
class UrlSettings:
    auth_type: str
    invoke_mode: str
    cors: CorsSettings | None


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """What a function hears of a table's stream. `patterns` are filters; a record that fits one of them is heard of."""

    table: str
    batch_size: int
    patterns: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class FunctionSettings:
    handler: str
    timeout_seconds: int
    memory_mb: int
    variables: dict[str, str]
    url: UrlSettings | None
    role: str | None
    stream: StreamSettings | None = None


@dataclass(frozen=True, slots=True)
class TableSettings:
    """A table as DynamoDB's API wants it: `create` are the arguments of CreateTable."""

    create: dict[str, Any]
    ttl_attribute: str | None
    point_in_time_recovery: bool

    @property
    def name(self) -> str:
        return str(self.create["TableName"])


class Template:
    """One template.yaml with its parameters at their defaults, or at `parameters`."""

    def __init__(self, document: Mapping[str, Any], parameters: Mapping[str, str] | None = None) -> None:
        self._document = document
        self._resolver = Resolver(document, parameters)

    @classmethod
    def load(cls, root: Path, parameters: Mapping[str, str] | None = None) -> "Template":
        path = root / "template.yaml"
        if not path.is_file():
            raise TemplateError(f"no template.yaml in {root}")
        return cls(parse(path.read_text(encoding="utf-8")), parameters)

    def function(self, logical_id: str) -> FunctionSettings:
        """A function with Globals merged in: its own scalars win, variables are joined."""
        own = self._properties(logical_id, FUNCTION)
        shared = self._document.get("Globals", {}).get("Function", {})
        settings = {**shared, **own}
        return FunctionSettings(
            handler=str(self._value(settings, "Handler")),
            timeout_seconds=int(self._value(settings, "Timeout", DEFAULT_TIMEOUT_SECONDS)),
            memory_mb=int(self._value(settings, "MemorySize", DEFAULT_MEMORY_MB)),
            variables=self._variables(shared) | self._variables(own),
            url=self._url(settings),
            role=_logical_id(settings.get("Role")),
            stream=self._stream(settings),
        )

    def holders(self) -> dict[str, Holder]:
        """Every role and managed policy by its logical id, as somebody who has it."""
        found = {}
        for name, entry in self._document.get("Resources", {}).items():
            if entry.get("Type") in (ROLE, MANAGED_POLICY):
                found[name] = holder(name, entry["Type"], self._resolver.resolve(entry["Properties"]))
        return found

    def table(self, logical_id: str = "LedgerTable") -> TableSettings:
        properties = self._properties(logical_id, TABLE)
        create = {key: self._resolver.resolve(properties[key]) for key in CREATE_TABLE_PROPERTIES if key in properties}
        create["TableName"] = self._resolver.name_of(logical_id)
        if stream := self._value(properties, "StreamSpecification", {}).get("StreamViewType"):
            create["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": stream}
        ttl = self._value(properties, "TimeToLiveSpecification", {})
        recovery = self._value(properties, "PointInTimeRecoverySpecification", {})
        return TableSettings(
            create=create,
            ttl_attribute=ttl.get("AttributeName") if _is_true(ttl.get("Enabled")) else None,
            point_in_time_recovery=_is_true(recovery.get("PointInTimeRecoveryEnabled")),
        )

    def _properties(self, logical_id: str, kind: str) -> dict[str, Any]:
        resources = self._document.get("Resources", {})
        resource = resources.get(logical_id, {})
        if resource.get("Type") != kind:
            names = [name for name, entry in resources.items() if entry.get("Type") == kind]
            raise TemplateError(f"template.yaml has no {kind} {logical_id!r}; it has: {', '.join(names) or 'none'}")
        properties: dict[str, Any] = resource.get("Properties", {})
        return properties

    def _value(self, settings: Mapping[str, Any], key: str, default: Any = None) -> Any:
        """The resolved value; `default` where it is missing or AWS::NoValue. Without a default it is required."""
        value = self._resolver.resolve({key: settings[key]} if key in settings else {}).get(key, default)
        if value is None:
            raise TemplateError(f"template.yaml: {key} is missing")
        return value

    def _variables(self, settings: Mapping[str, Any]) -> dict[str, str]:
        variables = self._value(settings, "Environment", {}).get("Variables", {})
        return {name: _text(value) for name, value in variables.items()}

    def _url(self, settings: Mapping[str, Any]) -> UrlSettings | None:
        config = self._value(settings, "FunctionUrlConfig", {})
        if not config:
            return None
        return UrlSettings(
            str(config["AuthType"]), str(config.get("InvokeMode", "BUFFERED")), _cors(config.get("Cors"))
        )

    def _stream(self, settings: Mapping[str, Any]) -> StreamSettings | None:
        """The one table's stream that the function is an event source mapping of."""
        for event in settings.get("Events", {}).values():
            if event["Type"] == STREAM:
                source = self._resolver.resolve({**event["Properties"], "Stream": ""})
                filters = source.get("FilterCriteria", {}).get("Filters", [])
                patterns = tuple(json.loads(each["Pattern"]) for each in filters)
                table = self._resolver.name_of(str(_logical_id(event["Properties"]["Stream"])))
                return StreamSettings(table, int(source.get("BatchSize", DEFAULT_BATCH_SIZE)), patterns)
        return None


def _cors(config: Mapping[str, Any] | None) -> CorsSettings | None:
    if not config:
        return None
    return CorsSettings(
        allow_credentials=_is_true(config.get("AllowCredentials")),
        allow_headers=tuple(config.get("AllowHeaders", ())),
        allow_methods=tuple(config.get("AllowMethods", ())),
        allow_origins=tuple(config.get("AllowOrigins", ())),
        expose_headers=tuple(config.get("ExposeHeaders", ())),
        max_age_seconds=int(config["MaxAge"]) if "MaxAge" in config else None,
    )


def _logical_id(pointer: Any) -> str | None:
    """Of the resource that `!GetAtt Name.Arn` or another attribute of it points to."""
    pointed = pointer.get("Fn::GetAtt") if isinstance(pointer, Mapping) else None
    return str(pointed[0]) if pointed else None


def _is_true(value: object) -> bool:
    return _text(value) == "true"


def _text(value: object) -> str:
    """An environment variable's value as CloudFormation writes it: booleans in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)
