"""A deployed stack by its name: what CloudFormation says of it, and the site that its outputs make."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sluice_cli import aws
from sluice_cli.failure import CommandFailed, UsageError
from sluice_cli.site import Site, checked_url

FUNCTION_URL, TABLE_NAME = "FunctionUrl", "TableName"
CALLER_POLICY, OPENAI_SECRET = "CallerPolicyArn", "OpenAISecretName"
GATEWAY = "GatewayFunctionName"
MISSING = "ValidationError"  # what DescribeStacks says of a name that is not there
DENIED = ("AccessDenied", "AccessDeniedException")


@dataclass(frozen=True, slots=True)
class Deployment:
    """A stack of template.yaml. `outputs` and `parameters` are its own by name."""

    name: str
    region: str
    status: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def site(self) -> Site:
        """Raises CommandFailed where the outputs are not those of a gateway."""
        try:
            url = checked_url(self.output(FUNCTION_URL))
        except UsageError as error:
            raise CommandFailed(f"stack {self.name} has an output {FUNCTION_URL} that is none: {error}") from error
        return Site(url, self.region, self.output(TABLE_NAME))

    def output(self, name: str) -> str:
        if name not in self.outputs:
            raise CommandFailed(f"stack {self.name} has no output {name}; is it one of Sluice's template.yaml?")
        return self.outputs[name]


def cloudformation(region: str | None, environ: Mapping[str, str] = os.environ) -> Any:
    """A client for that region, else for the environment's."""
    with aws.translated("CloudFormation", {}):
        return aws.client("cloudformation", Site(region=region), environ)


def deployment(client: Any, name: str) -> Deployment:
    """Raises CommandFailed where there is no such stack, or it may not be looked at."""
    region = str(client.meta.region_name)
    known = {MISSING: f"no stack {name!r} in {region}; name its region with --region or AWS_REGION"}
    known |= dict.fromkeys(DENIED, f"this takes the permission cloudformation:DescribeStacks on stack {name}")
    with aws.translated("CloudFormation", known):
        stacks = client.describe_stacks(StackName=name)["Stacks"]
    if not stacks:
        raise CommandFailed(known[MISSING])
    found = stacks[0]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", []) if "OutputValue" in one}
    given = found.get("Parameters", [])
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in given if "ParameterValue" in one}
    return Deployment(name, region, found["StackStatus"], outputs, parameters)


def function_url(client: Any, name: str) -> str:
    return deployment(client, name).output(FUNCTION_URL)
