"""A request against the shapes that AWS publishes: required and unknown members, unions, ranges, enums, patterns.

Strategy: botocore checks types, members and the least of a range, as it would before sending; the rest, which it leaves
to the service, is walked here. Blobs come as base64 and are only text to both.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator

from sluice_devstack.simulated.bedrock.exceptions import invalid
from sluice_devstack.simulated.bedrock.operation import Operation

Body = dict[str, Any]


@cache
def _service() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"))


def check(operation: Operation, body: Body) -> None:
    """Raises Refused with every complaint, as the service words a ValidationException."""
    _check(operation.value, {**body, "modelId": "any"})


def check_guardrail(guardrail: str, version: str, body: Body) -> None:
    """The same for an ApplyGuardrail on this path."""
    _check("ApplyGuardrail", {**body, "guardrailIdentifier": guardrail, "guardrailVersion": version})


def _check(operation: str, given: Body) -> None:
    shape = _service().operation_model(operation).input_shape
    assert shape is not None  # each of these operations takes something
    report = ParamValidator().validate(given, shape)
    if report.has_errors():
        raise invalid(f"Malformed input request: {report.generate_report()}, please reformat your input and try again.")
    complaints = list(_complaints(given, shape, ""))
    if complaints:
        count = f"{len(complaints)} validation error{'s' if len(complaints) > 1 else ''} detected"
        raise invalid(f"{count}: {'; '.join(complaints)}")


def _complaints(value: Any, shape: Shape | None, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape) and isinstance(value, dict) and not _is_free(shape):
        for name, member in value.items():
            yield from _complaints(member, shape.members.get(name), f"{path}.{name}".lstrip("."))
    elif isinstance(shape, ListShape):
        yield from _longer(value, shape, path)
        for number, member in enumerate(value):
            yield from _complaints(member, shape.member, f"{path}.{number + 1}.member")
    elif isinstance(shape, MapShape):
        yield from _longer(value, shape, path)
        for name, member in value.items():
            yield from _complaints(name, shape.key, f"{path}.key")
            yield from _complaints(member, shape.value, f"{path}.{name}")
    elif shape is not None and shape.type_name == "string":
        yield from _longer(value, shape, path)
        yield from _text(value, shape, path)
    elif shape is not None and isinstance(value, int | float) and value > shape.metadata.get("max", value):
        yield _failed(value, path, f"have value less than or equal to {shape.metadata['max']}")


def _is_free(shape: StructureShape) -> bool:
    return bool(getattr(shape, "is_document_type", False))


def _longer(value: Any, shape: Shape, path: str) -> Iterator[str]:
    most = shape.metadata.get("max")
    if most is not None and len(value) > most:
        yield _failed(value, path, f"have length less than or equal to {most}")


def _text(value: str, shape: Shape, path: str) -> Iterator[str]:
    allowed, pattern = shape.metadata.get("enum"), shape.metadata.get("pattern")
    if allowed and value not in allowed:
        yield _failed(value, path, f"satisfy enum value set: [{', '.join(allowed)}]")
    elif pattern and not re.fullmatch(pattern, value):
        yield _failed(value, path, f"satisfy regular expression pattern: {pattern}")


def _failed(value: Any, path: str, wanted: str) -> str:
    return f"Value at '{path}' failed to satisfy constraint: Member must {wanted} (it is {str(value)[:60]!r})"
