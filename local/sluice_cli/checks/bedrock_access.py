"""Whether a gateway may call Bedrock, as far as its stack says. Which models an account has, only a call tells."""

from collections.abc import Iterator, Mapping
from typing import Any

from sluice_cli.checks.finding import Finding, not_checked, ok, problem

KIND = "bedrock"
MODELS = "BedrockModels"  # the parameter of template.yaml
NONE = "none"
MODEL = "amazon.nova-micro-v1:0"
GUIDE = "docs/operations.md, Models on Bedrock"

Providers = Mapping[str, Mapping[str, Any]]


def access_findings(providers: Providers, parameters: Mapping[str, str], is_simulated: bool) -> Iterator[Finding]:
    """One finding per provider of kind bedrock. `parameters` are the stack's own, empty where they are not known."""
    for name, entry in providers.items():
        if entry.get("kind") == KIND:
            yield _simulated(name) if is_simulated else _finding(name, parameters.get(MODELS))


def without_bedrock(providers: Providers) -> Providers:
    """Those that may need a secret: calls of Bedrock are signed with the gateway's role."""
    return {name: entry for name, entry in providers.items() if entry.get("kind") != KIND}


def _simulated(name: str) -> Finding:
    return ok(_check(name), "simulated on this machine")


def _finding(name: str, granted: str | None) -> Finding:
    if granted == NONE:
        what = f"the stack was deployed with {MODELS}={NONE}: every call is refused"
        return problem(_check(name), what, f"deploy with {MODELS}=* or with patterns; {GUIDE}")
    role = f"the gateway's role may call {granted}" if granted else "no key is needed, the gateway's role calls"
    remedy = f"`sluice chat --model {name}/{MODEL} Hello` asks one; {GUIDE}, says how to enable it"
    return not_checked(_check(name), f"{role}; which models the account has enabled only a call tells", remedy)


def _check(name: str) -> str:
    return f"access to {name}"
