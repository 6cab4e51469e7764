"""What roles and managed policies of the template allow, and the access keys that stand for their holders here.

Strategy: a policy is flattened to pairs of an action and a resource. Only what the template writes is understood:
Allow, with actions by their full names. Anything else is a TemplateError rather than a guess.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sluice_client.signature import AccessKey
from sluice_devstack.intrinsics import TemplateError

ROLE, MANAGED_POLICY = "AWS::IAM::Role", "AWS::IAM::ManagedPolicy"
UNDERSTOOD = {"Sid", "Effect", "Action", "Resource", "Condition"}


@dataclass(frozen=True, slots=True)
class Grant:
    """One action on one resource, an ARN that may hold `*`."""

    action: str
    resource: str

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}"


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who has one role, or one managed policy and nothing else; named as in the template."""

    name: str
    grants: tuple[Grant, ...] = field(repr=False)

    @property
    def access_key_id(self) -> str:
        return f"ASIAEXAMPLE{self.name.upper()}"

    @property
    def key(self) -> AccessKey:
        return AccessKey(self.access_key_id, f"fake-secret-of-{self.name}", f"fake-session-token-of-{self.name}")

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that make an SDK sign as this one."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": f"fake-secret-of-{self.name}",
            "AWS_SESSION_TOKEN": f"fake-session-token-of-{self.name}",
        }


def holder(name: str, kind: str, properties: Mapping[str, Any]) -> Holder:
    """`properties` are a role's or a managed policy's, resolved."""
    if properties.get("ManagedPolicyArns"):
        raise TemplateError(f"template.yaml: {name} has ManagedPolicyArns, which the local stack cannot read")
    documents = {
        ROLE: lambda: [policy["PolicyDocument"] for policy in properties.get("Policies", [])],
        MANAGED_POLICY: lambda: [properties["PolicyDocument"]],
    }[kind]()
    return Holder(name, tuple(grant for document in documents for grant in _grants(name, document)))


def policies(holders: Iterable[Holder]) -> dict[str, dict[str, Any]]:
    """What calls are checked against: by access key, who has it and what he may do; plain enough for JSON."""
    return {
        each.access_key_id: {"holder": each.name, "grants": [(grant.action, grant.resource) for grant in each.grants]}
        for each in holders
    }


def _grants(name: str, document: Mapping[str, Any]) -> Iterator[Grant]:
    for statement in _listed(document["Statement"]):
        if statement["Effect"] != "Allow" or not set(statement) <= UNDERSTOOD:
            raise TemplateError(f"template.yaml: {name} has a statement that the local stack cannot read: {statement}")
        for action in _listed(statement["Action"]):
            yield from (Grant(str(action), str(resource)) for resource in _listed(statement["Resource"]))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
